"""The roles that follow what is published: the graph writer and the archive. One sink, one consumer group, one process each."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import msgspec
import stamina
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from faust.types import ChannelT, StreamT
from mode import Service

from adapters.kafka import KafkaSettings, TopicSettings, ensure_topics
from core.errors import ConfigurationError, Unavailable
from schemas.events import FeedbackRecord, FeedbackV1, ScoredRecord, ScoredV1
from stream import metrics, report, tracing
from stream.app import WorkerApp
from stream.source import Batch, BatchSource, Handled

log = logging.getLogger(__name__)

Partition = tuple[str, int]
Event = type[ScoredV1] | type[FeedbackV1]
Record = TypeVar("Record", bound=ScoredRecord | FeedbackRecord, contravariant=True)

RECORDS: dict[Event, Callable[[str, int, int, Any], ScoredRecord | FeedbackRecord]] = {ScoredV1: ScoredRecord, FeedbackV1: FeedbackRecord}
"""What a sink is given of each kind of event."""


class Sink(Protocol[Record]):
    """A store of events that keeps its own offsets, so that applying twice is applying once. Every call blocks.

    Each method but `reads` raises Unavailable while the store is down: back off and repeat the same call.
    """

    def reads(self, topics: TopicSettings) -> Mapping[str, Event]:
        """The topics that it stores, each with what its values are."""

    def open(self) -> None:
        """Connects and prepares the store."""

    def positions(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The next offset to apply of each partition that the store knows."""

    def apply(self, records: Sequence[Record]) -> None:
        """Stores the records, in the order of their partitions' offsets, and these offsets in one transaction."""

    def close(self) -> None:
        """Lets the connections go."""


class SinkService(Service):
    """Carries what a sink reads into it. While the sink is down the source is paused, nothing is dropped, and it catches up after."""

    def __init__(
        self, name: str, sink: Sink[Any], consumer: Consumer, kafka: KafkaSettings, topics: TopicSettings, handled: Handled
    ) -> None:
        super().__init__()
        self._handled = handled
        self.name = name
        self.source: BatchSource | None = None
        self._sink = sink
        self._consumer = consumer
        self._kafka = kafka
        self._topics = topics
        self._reads = {topic: (msgspec.json.Decoder(kind).decode, RECORDS[kind]) for topic, kind in sink.reads(topics).items()}
        self._problem: str | None = f"the first connection to {name}"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        for counter in (metrics.APPLIED, metrics.UNREADABLE):  # there from the start, so that the first event shows, too
            counter.labels(name)
        for result in ("committed", "aborted"):
            metrics.BATCHES.labels(name, result)

    def waiting_for(self) -> str | None:
        """Why nothing can be stored right now, or None."""
        return self._problem

    def positions(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        """Where the sink wants to go on; the polling thread asks."""
        stored = self._thread.submit(self._stored, [(part.topic, part.partition) for part in partitions]).result()
        return [self._position(part, stored.get((part.topic, part.partition))) for part in partitions]

    def _position(self, partition: TopicPartition, stored: int | None) -> TopicPartition:
        """Raises ConfigurationError when the topic ends before the store does: it is not the topic that the store knows."""
        if stored is None:
            return TopicPartition(partition.topic, partition.partition, OFFSET_BEGINNING)
        _, end = self._consumer.get_watermark_offsets(partition, timeout=10.0)
        if end < stored:
            raise ConfigurationError(
                f"{self.name} has applied {partition.topic}/{partition.partition} up to offset {stored:,}, but the topic ends at {end:,}: "
                f"it was made anew. Empty the store (`vigia graph rebuild`, or a new raw database), or restore the topic"
            )
        return TopicPartition(partition.topic, partition.partition, stored)

    @stamina.retry(on=Unavailable, attempts=None, timeout=120, wait_max=5)
    def _stored(self, partitions: list[Partition]) -> dict[Partition, int]:
        return self._sink.positions(partitions)

    @Service.task
    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        async for attempt in stamina.retry_context(on=Unavailable, attempts=None, timeout=None, wait_initial=0.5, wait_max=10):
            with attempt:
                await loop.run_in_executor(self._thread, ensure_topics, self._kafka, self._topics)
                await loop.run_in_executor(self._thread, self._tried, self._sink.open)
        if self.source:
            self.source.subscribe([*self._reads])

    async def handle(self, batch: Batch, source: BatchSource) -> None:
        """Stores a batch, for as long as that takes."""
        started, began = time.perf_counter(), time.time()
        loop = asyncio.get_running_loop()
        records = self._records(batch)
        async for attempt in stamina.retry_context(on=Unavailable, attempts=None, timeout=None, wait_initial=0.5, wait_max=10):
            if not source.current(batch):
                metrics.BATCHES.labels(self.name, "aborted").inc()
                return
            with attempt:
                await loop.run_in_executor(self._thread, self._tried, self._sink.apply, records)
        # The sink has the offsets; the group's copy is for the eyes of those who watch the lag.
        self._consumer.commit(offsets=batch.next_offsets(), asynchronous=True)
        self._handled(batch.messages)
        self._report(batch, began)
        metrics.BATCHES.labels(self.name, "committed").inc()
        metrics.APPLIED.labels(self.name).inc(len(records))
        metrics.BATCH_SECONDS.labels(self.name).observe(time.perf_counter() - started)
        metrics.BATCH_MESSAGES.labels(self.name).observe(len(batch.messages))

    def _report(self, batch: Batch, began: float) -> None:
        report.observe_age(metrics.VERDICT_SECONDS, batch.messages, self.name)
        tracing.applied(self.name, batch.messages, began)

    def _tried(self, call, *arguments) -> None:  # type: ignore[no-untyped-def]  # any of the sink's methods
        try:
            call(*arguments)
            self._problem = None
        except Unavailable as error:
            self._problem = str(error)
            raise

    def _records(self, batch: Batch) -> list[ScoredRecord | FeedbackRecord]:
        records = []
        for message in batch.messages:
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            decode, record = self._reads[topic]
            try:
                event = decode(message.value() or b"")
            except msgspec.DecodeError as error:
                metrics.UNREADABLE.labels(self.name).inc()
                told = "%s/%d/%d is no event of version 1, and is passed over: %s"
                log.error(told, topic, partition, offset, error, extra=report.traced(message.headers()))
            else:
                records.append(record(topic, partition, offset, event))
        return records

    async def on_stop(self) -> None:
        """Closes the sink; the source has waited for what was under way."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._sink.close)
        self._thread.shutdown(wait=False)


def add_agent(app: WorkerApp, channel: ChannelT[Batch], source: BatchSource, service: SinkService) -> None:
    """The agent of a sink."""

    @app.agent(channel, name=service.name)
    async def sink(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            try:
                await service.handle(batch, source)
            except Exception as error:  # nothing was stored: a successor reads the batch again
                source.halt()
                app.fail(error)
            finally:
                source.done(batch)
