"""Real worker processes on a real broker, and plain Kafka clients around them, as outsiders have them."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from adapters.cache import CURRENT
from adapters.kafka import KafkaSettings, TopicSettings, ensure_topics
from local.ports import free_ports
from tests.declarations import SPEC
from tests.stack import unique

PATIENCE = 90.0


@dataclass
class Deployment:
    """Workers of one role set-up: their topics, their group, their state. `bundle` is the model that they serve."""

    kafka: str
    folder: Path
    bundle: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = unique("t")
        self.topics = TopicSettings(
            scored=f"{name}.scored",
            anomalies=f"{name}.anomalies",
            dead_letter=f"{name}.dead-letter",
            feedback=f"{name}.feedback",
            declarations={SPEC.name: f"{name}.declarations"},
        )
        self.input = self.topics.declarations[SPEC.name]
        ensure_topics(self.settings, self.topics)
        self.environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "KAFKA_TOPIC_SCORED": self.topics.scored,
            "KAFKA_TOPIC_ANOMALIES": self.topics.anomalies,
            "KAFKA_TOPIC_DEAD_LETTER": self.topics.dead_letter,
            "KAFKA_TOPIC_FEEDBACK": self.topics.feedback,
            "KAFKA_TOPIC_DECLARATIONS": json.dumps(dict(self.topics.declarations)),
            "DATASETS": json.dumps([SPEC.name]),
            "GROUP_PREFIX": name,
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",  # nothing answers: models come from the cache
            **self.environment,
        }

    @property
    def settings(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.kafka)

    def publish(self, values: Iterable[bytes | Mapping[str, Any] | None], rate: float | None = None) -> None:
        """As an upstream system does, `rate` a second or as fast as it goes."""
        producer = Producer(self.settings.client(**{"message.max.bytes": 8_000_000}))
        began = time.monotonic()
        for number, value in enumerate(values):
            producer.produce(self.input, json.dumps(value) if isinstance(value, Mapping) else value)
            if rate and number % 50 == 0:
                producer.poll(max(0.0, began + number / rate - time.monotonic()))
        producer.flush()

    @contextmanager
    def worker(self, worker_id: str = "one", role: str = "score") -> Iterator["Worker"]:
        worker = Worker(self, worker_id, role)
        worker.start()
        try:
            yield worker
        finally:
            worker.kill()

    def read(self, topic: str) -> list[Message]:
        """Everything committed on a topic."""
        return read_committed(self.kafka, topic)

    def wait_for(self, topic: str, count: int) -> list[Message]:
        """What is on a topic once `count` messages are; more than those are found too."""
        messages: list[Message] = []
        until(lambda: len(messages := self.read(topic)) >= count, lambda: f"{len(messages)} of {count} messages on {topic}")
        return self.read(topic)


class Worker:
    """One worker's process."""

    def __init__(self, deployment: Deployment, worker_id: str, role: str) -> None:
        self.deployment, self.role = deployment, role
        self.port = free_ports()["score_web_port"]
        self.state = deployment.folder / f"state-{worker_id}"
        self.log = deployment.folder / f"{worker_id}.log"
        self.environment = {
            **os.environ,
            **deployment.environment,
            "WORKER_ID": worker_id,
            "WEB_PORT": str(self.port),
            "VIGIA_STATE_DIR": str(self.state),
        }
        if deployment.bundle and not self.state.exists():
            cached = self.state / "models" / SPEC.model
            shutil.copytree(deployment.bundle, cached / "test")
            (cached / CURRENT).write_text("test", "utf-8")

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stream", self.role], env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """The status and the body of /readyz; 0 while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}

    def wait_until_ready(self) -> None:
        until(lambda: self.readiness()[0] == 200, lambda: f"{self.readiness()}\n{self.tail()}")

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def kill(self) -> None:
        """As the kernel does it: no signal handler runs."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def tail(self) -> str:
        return self.log.read_text("utf-8", "replace")[-20_000:]


def read_committed(kafka: str, topic: str) -> list[Message]:
    """Everything that a topic has for readers at `read_committed`."""
    options = {"enable.auto.commit": False, "isolation.level": "read_committed", "enable.partition.eof": True, "log_level": 0}
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": unique("reader"), **options})
    found, ended = [], set()
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        while len(ended) < len(partitions):
            for message in consumer.consume(1_000, timeout=1.0):
                if message.error():
                    ended.add(message.partition())
                else:
                    found.append(message)
    finally:
        consumer.close()
    return found


def until(holds: Callable[[], bool], or_else: Callable[[], str], patience: float = PATIENCE) -> None:
    """Waits for a condition of the real world; fails with what `or_else` says."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, or_else()
        time.sleep(0.1)


def verdict_ids(messages: Iterable[Message]) -> list[str]:
    """The declaration ids of scored events or alerts, sorted."""
    return sorted(json.loads(message.value())["declaration_id"] for message in messages)
