"""What a change of the model costs while declarations flow: measured from outside, by the broker's clock."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from adapters.kafka import KafkaSettings, TopicSettings, ensure_topics
from stream.benchmark import environment_of

PATIENCE_S = 60.0
NEAR_MS = 1_000
"""So long before and after a version's first verdict counts as the swap."""


@dataclass(frozen=True)
class Change:
    """Something done to the registry, so many seconds after the first declaration."""

    name: str
    at: float
    make: Callable[[], None]


@dataclass(frozen=True)
class Swap:
    """What a change did: which version took over, how long after the change its first verdict came, the longest pause between
    verdicts around that, and the slowest verdict, in milliseconds."""

    name: str
    version: str
    after_ms: float
    pause_ms: float
    slowest_ms: float


@dataclass(frozen=True)
class Measured:
    """All verdicts of a run. Pauses and delays away from the swaps are what is usual."""

    declarations: int
    verdicts: Counter[str]
    """By version."""
    doubled: int
    missing: int
    usual_pause_ms: float
    """The 99th percentile of what passes between one batch's verdicts and the next one's."""
    longest_pause_ms: float
    usual_delay_ms: float
    """The median from a declaration's publication to its verdict's."""
    slow_delay_ms: float
    """The 99th percentile of the same."""
    swaps: list[Swap]


def run(
    kafka: KafkaSettings,
    mlflow_uri: str,
    scratch: Path,
    dataset: str,
    declarations: Iterator[dict[str, Any]],
    rate: float,
    changes: Sequence[Change],
) -> Measured:
    """Publishes at a rate until ten seconds after the last change, with one worker that follows the registry; raises
    RuntimeError when it does not come through."""
    name = f"swap-{os.getpid()}-{time.time_ns() % 10**9}"
    topics = TopicSettings(
        scored=f"{name}.scored",
        anomalies=f"{name}.anomalies",
        dead_letter=f"{name}.dead-letter",
        declarations={dataset: f"{name}.declarations"},
    )
    ensure_topics(kafka, topics)
    environment = environment_of(kafka, topics, dataset, name, scratch / "state")
    environment |= {"MLFLOW_TRACKING_URI": mlflow_uri, "MODEL_POLL_SECONDS": "0.5"}
    with (scratch / f"{name}.log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", "stream", "score"], env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        warm = [next(declarations) for _ in range(200)]
        _publish(kafka, topics.declarations[dataset], warm)
        _read(kafka, topics.scored, len(warm), worker)  # the worker is up
        published, made = _flow(kafka, topics.declarations[dataset], declarations, rate, changes)
        found = _read(kafka, topics.scored, len(warm) + len(published), worker)[len(warm) :]
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    return _measured(published, made, found)


def _publish(kafka: KafkaSettings, topic: str, declarations: Sequence[dict[str, Any]]) -> None:
    producer = Producer(kafka.client())
    for declaration in declarations:
        producer.produce(topic, json.dumps(declaration), declaration["empresa"])
    producer.flush()


def _flow(
    kafka: KafkaSettings, topic: str, declarations: Iterator[dict[str, Any]], rate: float, changes: Sequence[Change]
) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """Publishes and makes the changes in between; returns when each declaration and each change was, in milliseconds."""
    published: dict[str, int] = {}

    def delivered(_: object, message: Any) -> None:
        published[json.loads(message.value())["declaration_id"]] = message.timestamp()[1]

    producer = Producer(kafka.client(**{"linger.ms": 1, "on_delivery": delivered}))
    made, left = list[tuple[str, int]](), sorted(changes, key=lambda each: each.at)
    begin, sent, end = time.monotonic(), 0, max(each.at for each in changes) + 10.0
    while (passed := time.monotonic() - begin) < end:
        if left and passed >= left[0].at:
            change = left.pop(0)
            made.append((change.name, time.time_ns() // 1_000_000))
            change.make()
        for _ in range(int(passed * rate) - sent):
            declaration = next(declarations)
            producer.produce(topic, json.dumps(declaration), declaration["empresa"])
            sent += 1
        producer.poll(0.005)
    producer.flush()
    return published, made


def _read(kafka: KafkaSettings, topic: str, count: int, worker: "subprocess.Popen[bytes]") -> list[tuple[int, str, str]]:
    """Every committed verdict, once there are so many: when it was published, of which declaration, by which version."""
    consumer = Consumer(kafka.client(**{"group.id": "swap", "enable.auto.commit": False, "isolation.level": "read_committed"}))
    found: list[tuple[int, str, str]] = []
    deadline = time.monotonic() + PATIENCE_S
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        quiet = 0
        while quiet < 2:  # looks on for a moment: one too many would be a double
            messages = [message for message in consumer.consume(5_000, timeout=0.5) if message.error() is None]
            for message in messages:
                verdict = json.loads(message.value() or b"")
                found.append((message.timestamp()[1], verdict["declaration_id"], verdict["model"]["version"]))
            quiet = quiet + 1 if len(found) >= count and not messages else 0
            if worker.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{len(found):,} of {count:,} verdicts arrived, and the worker's exit code is {worker.poll()}")
    finally:
        consumer.close()
    return sorted(found)


def _measured(published: dict[str, int], made: list[tuple[str, int]], found: list[tuple[int, str, str]]) -> Measured:
    judged = Counter(declaration for _, declaration, _ in found)
    times = [at for at, _, _ in found]
    pauses = [(after - before, before) for before, after in pairwise(times) if after > before]
    delays = [(at - published[declaration], at) for at, declaration, _ in found if declaration in published]
    swaps, around = [], list[int]()
    for name, at in made:
        took_over, version = next((when, now) for (_, _, before), (when, _, now) in pairwise(found) if when >= at and now != before)
        around.append(took_over)
        pause, slowest = (max(ms for ms, when in some if abs(when - took_over) < NEAR_MS) for some in (pauses, delays))
        swaps.append(Swap(name, version, took_over - at, pause, slowest))
    away = [pause for pause, when in pauses if all(abs(when - at) > NEAR_MS for at in around)]
    usual = sorted(delay for delay, when in delays if all(abs(when - at) > NEAR_MS for at in around))
    return Measured(
        declarations=len(published),
        verdicts=Counter(version for _, _, version in found),
        doubled=sum(count > 1 for count in judged.values()),
        missing=sum(declaration not in judged for declaration in published),
        usual_pause_ms=statistics.quantiles(away, n=100)[98],
        longest_pause_ms=max(away),
        usual_delay_ms=statistics.median(usual),
        slow_delay_ms=statistics.quantiles(usual, n=100)[98],
        swaps=swaps,
    )
