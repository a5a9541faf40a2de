"""How fast the worker is, beside what it could be at most and what a stock Faust agent is, in one run.

Three processes read the same declarations and publish the same verdicts with the same parser and model: the worker as it
is deployed (exactly once), a bare librdkafka loop (at least once: the ceiling), and a stock Faust agent, event by event.
Rates come from the timestamps of the verdicts on the broker, so each process is measured from outside, by the same clock.
"""

import itertools
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from adapters import bundle
from adapters.cache import CURRENT
from adapters.kafka import KafkaSettings, TopicSettings, ensure_topics
from schemas.declaration import Parser
from stream.decide import Lane, MessageLike, decide

INPUT = "bench.declarations"
WARM_UP = 0.1
"""The share of verdicts, from the first on, that does not count."""


@dataclass(frozen=True)
class Contestant:
    """A process to measure: its name, its command, and how many events it gets."""

    name: str
    command: tuple[str, ...]
    events: int


def contestants(events: int, stock_events: int) -> tuple[Contestant, ...]:
    """The three processes; the stock agent gets fewer events, since it takes so much longer for each."""
    python = sys.executable
    return (
        Contestant("worker", (python, "-m", "stream", "score"), events),
        Contestant("bare loop", (python, "-m", "stream.benchmark", "bare"), events),
        Contestant("stock agent", (python, "-m", "stream.benchmark", "stock"), stock_events),
    )


@dataclass(frozen=True)
class Round:
    """Events per second of each contestant, measured one after the other."""

    rates: dict[str, float]

    def ratio(self, other: str) -> float:
        """The worker's rate over another's."""
        return self.rates["worker"] / self.rates[other]


def run(
    kafka: KafkaSettings,
    model: Path,
    scratch: Path,
    declarations: Iterable[dict[str, object]],
    rounds: int,
    stock_events: int,
    report: Callable[[str], None],
) -> list[Round]:
    """Publishes the declarations once and lets every contestant score them, `rounds` times in turn.

    `model` is a bundle, `scratch` a directory for the workers' state.
    """
    spec = bundle.load(model).spec
    events = _publish(kafka, topics_of(spec.name, "input"), spec.name, declarations)
    measured = []
    for number in range(rounds):
        rates = {}
        for contestant in contestants(events, min(events, stock_events)):
            run_name = f"{os.getpid()}-{number}-{contestant.name.split()[0]}"
            rates[contestant.name] = measure(kafka, contestant, spec.name, model, scratch / run_name)
            report(f"round {number + 1}: {contestant.name:12} {rates[contestant.name]:>9,.0f} events/s over {contestant.events:,} events")
        measured.append(Round(rates))
    return measured


def summary(rounds: list[Round]) -> list[tuple[str, float, float, float]]:
    """Rows of (what, median, smallest, largest): the rates, then the worker's ratios to the others."""
    rows = [(name, [each.rates[name] for each in rounds]) for name in rounds[0].rates]
    rows += [(f"worker / {name}", [each.ratio(name) for each in rounds]) for name in rounds[0].rates if name != "worker"]
    return [(name, statistics.median(values), min(values), max(values)) for name, values in rows]


def topics_of(dataset: str, run_name: str) -> TopicSettings:
    """The topics of one measured run: its own outputs, the common input."""
    return TopicSettings(
        scored=f"bench.scored.{run_name}",
        anomalies=f"bench.anomalies.{run_name}",
        dead_letter=f"bench.dead-letter.{run_name}",
        declarations={dataset: INPUT},
    )


def _publish(kafka: KafkaSettings, topics: TopicSettings, dataset: str, declarations: Iterable[dict[str, object]]) -> int:
    ensure_topics(kafka, topics)
    producer = Producer(kafka.client(**{"linger.ms": 20}))  # uncompressed: the stock client reads no lz4 without an extra package
    count = 0
    for declaration in declarations:
        producer.produce(topics.declarations[dataset], json.dumps(declaration), str(declaration["empresa"]))
        count += 1
        if count % 10_000 == 0:
            producer.flush()
    producer.flush()
    return count


def measure(kafka: KafkaSettings, contestant: Contestant, dataset: str, model: Path, state: Path) -> float:
    """How many verdicts a second a contestant publishes; raises RuntimeError when it ends, or stands still, before it is through."""
    topics = topics_of(dataset, state.name)
    ensure_topics(kafka, topics)
    _cache(model, state)
    environment = environment_of(kafka, topics, dataset, state.name, state)
    environment |= {"BENCH_BUNDLE": str(model), "BENCH_EVENTS": str(contestant.events)}
    log = state / "log"  # not a pipe: nobody would read it, and a worker that is full of alerts would stand still
    with log.open("wb") as output:
        process = subprocess.Popen(contestant.command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        return _rate(_timestamps(kafka, topics.scored, contestant.events, process, log))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(state, ignore_errors=True)


def environment_of(kafka: KafkaSettings, topics: TopicSettings, dataset: str, run_name: str, state: Path) -> dict[str, str]:
    """The environment of a worker that is measured."""
    values = {
        "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "kafka_topic_scored": topics.scored,
        "kafka_topic_anomalies": topics.anomalies,
        "kafka_topic_dead_letter": topics.dead_letter,
        "kafka_topic_declarations": json.dumps(dict(topics.declarations)),
        "datasets": json.dumps([dataset]),
        "group_prefix": f"bench-{run_name}",
        "worker_id": "bench",
        "web_port": str(_free_port()),
        "mlflow_tracking_uri": "http://127.0.0.1:9",  # nothing answers there: the worker serves the bundle in its cache
        "vigia_state_dir": str(state),
    }
    return {**os.environ, **{name.upper(): value for name, value in values.items()}}


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _cache(model: Path, state: Path) -> None:
    name = bundle.manifest(model)["dataset"]["model"]
    shutil.copytree(model, state / "models" / name / "bench")
    (state / "models" / name / CURRENT).write_text("bench", "utf-8")


def _timestamps(kafka: KafkaSettings, topic: str, count: int, process: "subprocess.Popen[bytes]", log: Path) -> list[int]:
    """When each verdict was produced, in milliseconds; raises RuntimeError when the process ends before it is through."""
    consumer = Consumer(kafka.client(**{"group.id": "bench-count", "enable.auto.commit": False, "isolation.level": "read_committed"}))
    times: list[int] = []
    quiet_since = time.monotonic()
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        while len(times) < count:
            messages = [message for message in consumer.consume(5_000, timeout=0.5) if message.error() is None]
            times += [message.timestamp()[1] for message in messages]
            if messages:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > 60 or process.poll() not in (None, 0):
                told = log.read_text("utf-8", "replace")[-2000:]
                raise RuntimeError(f"{' '.join(process.args)} stopped after {len(times):,} of {count:,} verdicts:\n{told}")  # type: ignore[arg-type]
    finally:
        consumer.close()
    return sorted(times)[:count]


def _rate(times: list[int]) -> float:
    start = int(len(times) * WARM_UP)
    first = next(itertools.dropwhile(lambda at: times[at] == times[start], range(start, len(times))))
    return (len(times) - first) / max(times[-1] - times[start], 1) * 1000


# -- the two that are compared with -----------------------------------------------------------------


def _lanes(topics: TopicSettings) -> dict[str, Lane]:
    scorer = bundle.load(Path(os.environ["BENCH_BUNDLE"]))
    return {INPUT: Lane(Parser(scorer.spec), scorer)}


def bare() -> None:
    """The ceiling: a loop around librdkafka with the same parser, model and output, at least once."""
    kafka, topics = KafkaSettings(), TopicSettings()
    lanes, left = _lanes(topics), int(os.environ["BENCH_EVENTS"])
    consumer = Consumer(
        kafka.client(**{"group.id": os.environ["GROUP_PREFIX"], "auto.offset.reset": "earliest", "enable.auto.commit": False})
    )
    consumer.subscribe([INPUT])
    producer = Producer(kafka.client(**{"linger.ms": 5, "compression.type": "lz4", "queue.buffering.max.messages": 500_000}))
    while left > 0:
        messages = consumer.consume(4_000, timeout=0.05)
        for topic, key, value, headers in decide(messages, lanes, topics, datetime.now(UTC)).outgoing:  # type: ignore[arg-type]
            producer.produce(topic, value, key, headers=headers)
        producer.poll(0)
        if messages:
            consumer.commit(asynchronous=True)
            left -= len(messages)
    producer.flush()
    consumer.close()


class _FaustMessage:
    """A Faust event's message as `decide` reads it."""

    def __init__(self, event: object) -> None:
        self._message = event.message  # type: ignore[attr-defined]

    def topic(self) -> str:
        return str(self._message.topic)

    def partition(self) -> int:
        return int(self._message.partition)

    def offset(self) -> int:
        return int(self._message.offset)

    def key(self) -> bytes | None:
        return self._message.key  # type: ignore[no-any-return]

    def value(self) -> bytes | None:
        return self._message.value  # type: ignore[no-any-return]

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, int(self._message.timestamp * 1000)

    def __len__(self) -> int:
        return len(self._message.value)


def stock() -> None:
    """What Faust does by itself: an agent on a topic, an event at a time."""
    import faust

    kafka, topics = KafkaSettings(), TopicSettings()
    lanes = _lanes(topics)
    app = faust.App(
        os.environ["GROUP_PREFIX"],
        broker=f"kafka://{kafka.bootstrap_servers}",
        web_enabled=False,
        topic_disable_leader=True,
        value_serializer="raw",
        key_serializer="raw",
        datadir=os.environ["VIGIA_STATE_DIR"],
    )
    out = {
        name: app.topic(name, key_serializer="raw", value_serializer="raw")
        for name in (topics.scored, topics.anomalies, topics.dead_letter)
    }

    @app.agent(app.topic(INPUT, key_serializer="raw", value_serializer="raw"))
    async def score(stream: faust.types.StreamT[bytes]) -> None:
        async for event in stream.events():
            message: MessageLike = _FaustMessage(event)
            for topic, key, value, headers in decide([message], lanes, topics, datetime.now(UTC)).outgoing:
                encoded = [(name, text.encode() if isinstance(text, str) else text or b"") for name, text in headers]
                await out[topic].send(key=key, value=value, headers=encoded)

    faust.Worker(app, loglevel="WARNING", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    {"bare": bare, "stock": stock}[sys.argv[1]]()
