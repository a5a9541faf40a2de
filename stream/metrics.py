"""The catalogue of a worker's metrics. Labels are bounded: datasets, codes, topics and partitions, never companies.
Those of models are in `adapters.metrics`."""

from prometheus_client import Counter, Gauge, Histogram

from adapters.tally import Tally

UNTIL_DONE = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200)
"""Seconds: from what is usual to what an outage makes of it."""

SCORED = Counter("vigia_declarations_scored_total", "Declarations that got a verdict", ["dataset"])
ANOMALIES = Counter("vigia_anomalies_total", "Verdicts that became alerts", ["dataset", "severity"])
REJECTED = Counter("vigia_declarations_rejected_total", "Messages that went to the dead letters", ["code"])
APPLIED = Counter("vigia_verdicts_applied_total", "Verdicts, and words of analysts on them, that a sink has stored", ["sink"])
UNREADABLE = Counter("vigia_verdicts_unreadable_total", "Messages that are not what their topic holds, and were passed over", ["sink"])
BATCHES = Counter("vigia_batches_total", "Batches by what became of them", ["role", "result"])
BATCH_SECONDS = Histogram("vigia_batch_seconds", "Time from a batch's hand-over to its commit", ["role"])
BATCH_MESSAGES = Histogram(
    "vigia_batch_messages", "Messages in a batch", ["role"], buckets=(1, 10, 50, 100, 250, 500, 1_000, 2_000, 4_000, 10_000)
)
LAG = Gauge("vigia_consumer_lag_messages", "Messages of a partition that are not handled yet", ["topic", "partition"])
LAG_SECONDS = Gauge("vigia_consumer_lag_seconds", "How long the oldest of them has waited, at most", ["topic", "partition"])
THRESHOLD = Gauge("vigia_threshold", "The score from which a verdict is an alert", ["dataset"])
SCORES = Tally("vigia_score", "Scores: -log10 of the tail probability", ["dataset"], (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6))
DECLARATION_SECONDS = Tally(
    "vigia_declaration_seconds", "From a declaration's timestamp on Kafka until its verdict is committed", ["dataset"], UNTIL_DONE
)
VERDICT_SECONDS = Tally("vigia_verdict_seconds", "From a verdict's timestamp on Kafka until a sink has stored it", ["sink"], UNTIL_DONE)
EXPLAIN_SECONDS = Histogram(
    "vigia_explain_seconds",
    "Time to explain the alerts of a batch",
    ["dataset"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
READY = Gauge("vigia_ready", "1 when the worker is ready", ["role"])
