"""The source on a real broker: batches in order, and nothing twice or never after a rewind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stream.source import Batch, BatchSource, Limits
from tests.stack import unique


class Topic:
    """A topic of one partition, with the numbers 0, 1, 2… as its messages."""

    def __init__(self, kafka: str) -> None:
        self.kafka, self.name, self._next = kafka, unique("numbers"), 0
        admin = AdminClient({"bootstrap.servers": kafka})
        admin.create_topics([NewTopic(self.name, 1, 1)])[self.name].result()

    def publish(self, count: int) -> None:
        producer = Producer({"bootstrap.servers": self.kafka})
        for number in range(self._next, self._next + count):
            producer.produce(self.name, str(number))
        producer.flush()
        self._next += count

    @asynccontextmanager
    async def source(self, limits: Limits) -> AsyncIterator[tuple[BatchSource, asyncio.Queue[Batch]]]:
        """A running source, and the channel that it fills."""
        options = {"group.id": unique("group"), "auto.offset.reset": "earliest", "enable.auto.commit": False}
        batches: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)
        source = BatchSource(Consumer({"bootstrap.servers": self.kafka, **options}), batches, limits, fail=_raise)  # type: ignore[arg-type]
        source.subscribe([self.name])
        async with source:
            yield source, batches


def _raise(error: Exception) -> None:
    raise error


def numbers(batch: Batch) -> list[int]:
    return [int(message.value() or b"") for message in batch.messages]


def test_a_batch_that_was_being_collected_while_another_failed_is_read_again_with_it(kafka: str) -> None:
    topic = Topic(kafka)
    topic.publish(100)

    async def read() -> list[int]:
        async with topic.source(Limits(messages=100, bytes=1_000_000, seconds=2.0)) as (source, batches):
            failed = await asyncio.wait_for(batches.get(), 30)
            topic.publish(50)
            await asyncio.sleep(0.5)  # by now the source has collected these, and waits for more
            source.rewind()
            source.done(failed)
            usable: list[int] = []
            while len(usable) < 150:
                batch = await asyncio.wait_for(batches.get(), 30)
                if source.current(batch):
                    usable += numbers(batch)
                source.done(batch)
            return usable

    assert asyncio.run(read()) == list(range(150))
