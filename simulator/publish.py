"""Where simulated declarations go: onto their topics, or into a file as JSON lines."""

from collections.abc import Sequence
from typing import BinaryIO, Protocol

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from adapters.kafka import KafkaSettings, TopicSettings, ensure_topics
from adapters.tracing import publication
from core.errors import Unavailable
from simulator.traffic import Event

ANSWER_S = 5.0
"""How long the broker may take to answer at the start."""

DELIVERY_MS = 30_000
"""How long a message may wait for the broker before the simulation gives up."""


class Target(Protocol):
    """Takes declarations."""

    def send(self, events: Sequence[Event]) -> None:
        """Takes them over; raises Unavailable where they cannot get through."""

    def close(self) -> int:
        """Waits for what is under way; returns how many were not delivered."""


class JsonLines:
    """Writes declarations to an open file, one a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def send(self, events: Sequence[Event]) -> None:
        """Appends them."""
        self._file.write(b"".join(msgspec.json.encode(event.declaration) + b"\n" for event in events))

    def close(self) -> int:
        """Flushes; the file stays open for whoever opened it."""
        self._file.flush()
        return 0


class Topics:
    """Publishes declarations on their dataset's topic, keyed by empresa."""

    def __init__(self, kafka: KafkaSettings, topics: TopicSettings) -> None:
        """Creates missing topics; raises Unavailable when the broker does not answer."""
        self._servers, self._topics = kafka.bootstrap_servers, topics.declarations
        self._failure: KafkaError | None = None
        self._lost = 0
        self._producer = Producer(
            kafka.client(
                **{
                    "linger.ms": 20,
                    "compression.type": "lz4",
                    "enable.idempotence": True,
                    "delivery.timeout.ms": DELIVERY_MS,
                    "on_delivery": self._delivered,
                    "log_level": 0,  # what goes wrong is said once, in a sentence
                }
            )
        )
        try:
            self._producer.list_topics(timeout=ANSWER_S)
        except KafkaException as error:
            raise Unavailable(
                "kafka", f"Kafka at {self._servers} does not answer: start it (vigia up) or set KAFKA_BOOTSTRAP_SERVERS"
            ) from error
        ensure_topics(kafka, topics, timeout=ANSWER_S)

    def send(self, events: Sequence[Event]) -> None:
        """Hands them to librdkafka; raises Unavailable once a message did not get through."""
        for event in events:
            value, topic = msgspec.json.encode(event.declaration), self._topics[event.dataset]
            headers = publication(topic)
            while True:
                self._check()
                try:
                    self._producer.produce(topic, value, event.declaration["empresa"], headers=headers)
                    break
                except BufferError:  # the broker is slower than we are, or away: wait for room
                    self._producer.poll(0.1)
        self._producer.poll(0)
        self._check()

    def close(self) -> int:
        """Waits for the acknowledgements, at most ANSWER_S."""
        return int(self._producer.flush(ANSWER_S)) + self._lost

    def _check(self) -> None:
        if self._failure is not None:
            raise Unavailable("kafka", f"Kafka at {self._servers} takes no more declarations: {self._failure.str()}")

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failure, self._lost = error, self._lost + 1
