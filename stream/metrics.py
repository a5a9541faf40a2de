"""The catalogue of a worker's metrics. Labels are bounded: datasets, codes, topics and partitions, never companies.
Those of models are in `adapters.metrics`."""

from prometheus_client import Counter, Gauge, Histogram

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
LAG = Gauge("vigia_consumer_lag_messages", "Messages that wait in a partition", ["topic", "partition"])
READY = Gauge("vigia_ready", "1 when the worker is ready", ["role"])
