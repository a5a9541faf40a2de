"""What arrives on a topic from now on, or from its beginning, as every command that looks at topics reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from confluent_kafka import Message

BROKER_S = 30.0
"""How long the broker may take to tell a topic's ends."""


@contextmanager
def followed(kafka: Any, topic: str, *, from_start: bool = False, wait: float = 0.5) -> Iterator[Iterator["Message | None"]]:
    """The messages that come after this was entered (or all of them), and None whenever `wait` seconds passed without one.
    Belongs to no group: everybody sees all. Raises Unavailable."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

    from adapters.kafka import TopicSettings, ensure_topics
    from core.errors import Unavailable

    ensure_topics(kafka, TopicSettings())
    consumer = Consumer(kafka.client(**{"group.id": "vigia-watch", "enable.auto.commit": False, "isolation.level": "read_committed"}))

    def end(partition: int) -> int:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=BROKER_S)[1])

    def messages() -> "Iterator[Message | None]":
        while True:
            found = [message for message in consumer.consume(100, timeout=wait) if message.error() is None]
            yield from found or (None,)

    try:
        partitions = consumer.list_topics(topic, timeout=BROKER_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING if from_start else end(each)) for each in partitions])
        yield messages()
    except KafkaException as error:
        raise Unavailable("kafka", f"Kafka at {kafka.bootstrap_servers} does not tell what is on {topic}: {error.args[0].str()}") from error
    finally:
        consumer.close()
