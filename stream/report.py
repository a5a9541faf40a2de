"""What a scoring worker tells of a batch that was committed: its metrics, and a line in the log for what somebody may ask about."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import numpy as np

from adapters.kafka import TopicSettings
from adapters.tally import Tally
from adapters.tracing import Headers, carried, kept, trace_of
from stream import metrics
from stream.decide import MessageLike, Outcome

log = logging.getLogger(__name__)

LINES = 20
"""How many alerts, and how many dead letters, of one batch get a line of their own: a flood of them must not become one of lines."""


def count(messages: Sequence[MessageLike], outcome: Outcome, topics: TopicSettings) -> None:
    """Adds a batch to the metrics."""
    for dataset, topic in topics.declarations.items():
        if scores := [verdict.score for verdict in outcome.verdicts if verdict.dataset == dataset]:
            metrics.SCORED.labels(dataset).inc(len(scores))
            metrics.SCORES.observe(np.array(scores), dataset)
        if of_topic := [message for message in messages if message.topic() == topic]:
            observe_age(metrics.DECLARATION_SECONDS, of_topic, dataset)
    for (dataset, severity), number in Counter((anomaly.dataset, anomaly.severity) for anomaly in outcome.anomalies).items():
        metrics.ANOMALIES.labels(dataset, severity).inc(number)
    for code, number in Counter(rejected.code for rejected in outcome.rejected).items():
        metrics.REJECTED.labels(code).inc(number)


def observe_age(tally: Tally, messages: Sequence[MessageLike], *labels: str) -> None:
    """Counts the seconds since each message came to its topic; the slowest whose trace is kept is the exemplar."""
    now = time.time()
    stamps = np.array([message.timestamp()[1] for message in messages], dtype=np.float64)
    headers = ((message, carried(message.headers())) for message in messages)
    traced = [(max(0.0, now - message.timestamp()[1] / 1000), str(trace_of(found))) for message, found in headers if kept(found)]
    tally.observe(np.maximum(now - stamps[stamps > 0] / 1000, 0.0), *labels, exemplar=max(traced, default=None))


def log_what_stands_out(outcome: Outcome, topics: TopicSettings) -> None:
    """One line for each alert and each dead letter, with what it takes to find the declaration again."""
    alerts = [sent for sent in outcome.outgoing if sent.topic == topics.anomalies]
    for sent, alert in islice(zip(alerts, outcome.anomalies, strict=True), LINES):
        found = {"declaration_id": alert.declaration_id, "event_id": alert.event_id, "dataset": alert.dataset}
        log.info("alert, %s, score %.2f", alert.severity, alert.score, extra={**found, **traced(sent.headers)})
    letters = [sent for sent in outcome.outgoing if sent.topic == topics.dead_letter]
    for sent, why in islice(zip(letters, outcome.rejected, strict=True), LINES):
        reason = dict(sent.headers)
        at = "/".join(str(reason[f"__connect.errors.{part}"]) for part in ("topic", "partition", "offset"))
        log.warning("dead letter, %s: %s", why.code, why.message, extra={"source": at, "code": why.code, **traced(sent.headers)})
    for what, number in (("alerts", len(alerts)), ("dead letters", len(letters))):
        if number > LINES:
            log.warning("%d more %s in this batch", number - LINES, what)


def traced(headers: Headers | None) -> dict[str, str]:
    """What a line about a message with these headers says of its trace."""
    trace_id = trace_of(carried(headers))
    return {"trace_id": trace_id} if trace_id else {}
