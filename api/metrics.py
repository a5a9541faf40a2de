"""The catalogue of the API's metrics. Labels are bounded: routes as they are written in the code, never what callers send.
Those of models are in `adapters.metrics`."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("vigia_api_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "vigia_api_request_seconds",
    "Time from a request's arrival to the end of its answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
answered, answered_in = cache(REQUESTS.labels), cache(SECONDS.labels)
"""The children of the two by their labels, without the lock that every look-up takes: each request needs both."""

IN_FLIGHT = Gauge("vigia_api_requests_in_flight", "Requests that are being answered")
PREDICTIONS = Counter("vigia_api_predictions_total", "Declarations scored on request", ["dataset", "anomaly"])
_predictions = cache(PREDICTIONS.labels)
REJECTED = Counter("vigia_api_declarations_rejected_total", "Declarations in requests that were none", ["code"])
EXPLAIN_SECONDS = Histogram(
    "vigia_api_explain_seconds", "Time to explain one declaration", buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
)
BATCH_DECLARATIONS = Histogram("vigia_api_batch_declarations", "Declarations scored together", buckets=(1, 2, 4, 8, 16, 32, 64))
PART_UP = Gauge("vigia_part_up", "1 when a server or worker around the API can be used", ["part"])
FEEDBACK = Counter("vigia_api_feedback_total", "What analysts said of alerts", ["dataset", "verdict"])
FEEDBACK_WAITING = Gauge("vigia_api_feedback_unpublished", "Feedback that is stored and not on its topic yet")


def predicted(dataset: str, anomaly: bool) -> None:
    """Counts a declaration that was scored."""
    _predictions(dataset, "true" if anomaly else "false").inc()
