"""What a scoring worker tells of a batch that was committed: its metrics, and a line in the log for what somebody may ask about."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import numpy as np

from adapters.kafka import TopicSettings
from adapters.tracing import carried, kept, trace_of
from stream import metrics
from stream.decide import MessageLike, Outcome, Outgoing

log = logging.getLogger(__name__)

LINES = 20
"""How many alerts, and how many dead letters, of one batch get a line of their own: a flood of them must not become one of lines."""


def count(messages: Sequence[MessageLike], outcome: Outcome, topics: TopicSettings) -> None:
    """Adds a batch to the metrics."""
    for dataset, topic in topics.declarations.items():
        if scores := [verdict.score for verdict in outcome.verdicts if verdict.dataset == dataset]:
            metrics.SCORED.labels(dataset).inc(len(scores))
            metrics.SCORES.observe(np.array(scores), dataset)
        if ages := _ages([message for message in messages if message.topic() == topic]):
            traced = {age: trace for age, trace in ages if trace}
            slowest = max(traced, default=None)
            exemplar = None if slowest is None else (slowest, traced[slowest])
            metrics.DECLARATION_SECONDS.observe(np.array([age for age, _ in ages]), dataset, exemplar=exemplar)
    for (dataset, severity), number in Counter((anomaly.dataset, anomaly.severity) for anomaly in outcome.anomalies).items():
        metrics.ANOMALIES.labels(dataset, severity).inc(number)
    for code, number in Counter(rejected.code for rejected in outcome.rejected).items():
        metrics.REJECTED.labels(code).inc(number)


def _ages(messages: Sequence[MessageLike]) -> list[tuple[float, str | None]]:
    """For each message the seconds since it came, and the trace that it belongs to, if that is kept."""
    now = time.time()
    found = []
    for message in messages:
        headers = carried(message.headers())
        found.append((max(0.0, now - message.timestamp()[1] / 1000), trace_of(headers) if kept(headers) else None))
    return found


def log_what_stands_out(outcome: Outcome, topics: TopicSettings) -> None:
    """One line for each alert and each dead letter, with what it takes to find the declaration again."""
    alerts = [sent for sent in outcome.outgoing if sent.topic == topics.anomalies]
    for sent, alert in islice(zip(alerts, outcome.anomalies, strict=True), LINES):
        found = {"declaration_id": alert.declaration_id, "event_id": alert.event_id, "dataset": alert.dataset}
        log.info("alert, %s, score %.2f", alert.severity, alert.score, extra={**found, **_traced(sent)})
    letters = [sent for sent in outcome.outgoing if sent.topic == topics.dead_letter]
    for sent, why in islice(zip(letters, outcome.rejected, strict=True), LINES):
        reason = dict(sent.headers)
        at = "/".join(str(reason[f"__connect.errors.{part}"]) for part in ("topic", "partition", "offset"))
        log.warning("dead letter, %s: %s", why.code, why.message, extra={"source": at, "code": why.code, **_traced(sent)})
    for what, number in (("alerts", len(alerts)), ("dead letters", len(letters))):
        if number > LINES:
            log.warning("%d more %s in this batch", number - LINES, what)


def _traced(sent: Outgoing) -> dict[str, str]:
    trace_id = trace_of(carried(sent.headers))
    return {"trace_id": trace_id} if trace_id else {}
