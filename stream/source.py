"""librdkafka batches for a Faust agent.

A stock Faust consumer takes several event-loop turns per message. Here one thread polls `confluent_kafka` in batches and
hands each to a bounded channel; the agent that reads the channel says `done` when the batch's effects are durable.
Partitions are given up only when nothing of theirs is under way, and a batch that failed is read again.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from faust.types import ChannelT
from mode import Service

from stream.decide import MessageLike

CHUNK = 500
"""Messages asked of librdkafka at a time, so that a batch can close on its bytes or its deadline."""

DRAIN_SECONDS = 30.0
"""How long a revocation waits for what is under way. Past it the batch's own commit fails, and it is read again."""

Positions = Callable[[Sequence[TopicPartition]], Sequence[TopicPartition]]
"""Where reading starts in each partition: a function of the store that keeps the offsets."""

Handled = Callable[[Sequence[MessageLike]], None]
"""Is told how far something has got: which messages' effects are durable, or which were read."""


@dataclass(frozen=True)
class Batch:
    """Messages in the order of their partitions' offsets, read in one `epoch`: a rewind begins the next one."""

    epoch: int
    messages: Sequence[MessageLike]

    def next_offsets(self) -> list[TopicPartition]:
        """For each partition, the offset after the batch's last message: what a commit stores."""
        last: dict[tuple[str, int], int] = {}
        for message in self.messages:
            last[message.topic(), message.partition()] = message.offset() + 1
        return [TopicPartition(topic, partition, offset) for (topic, partition), offset in sorted(last.items())]


@dataclass(frozen=True)
class Limits:
    """When a batch closes: at so many messages, so many bytes, or after so many seconds."""

    messages: int
    bytes: int
    seconds: float


def _named(partitions: Sequence[TopicPartition]) -> str:
    return ", ".join(f"{part.topic}/{part.partition}" for part in partitions) or "nothing"


def _from_start(position: TopicPartition) -> TopicPartition:
    return TopicPartition(position.topic, position.partition, OFFSET_BEGINNING)


class BatchSource(Service):
    """Polls a consumer off the event loop and puts batches on the channel, one ahead of the agent.

    `fail` is told what ended the polling. `positions` is asked on assignment and
    after a rewind; without one, the consumer group's committed offsets hold. `taken` is told what was read.
    """

    def __init__(
        self,
        consumer: Consumer,
        channel: ChannelT[Batch],
        limits: Limits,
        fail: Callable[[Exception], None],
        positions: Positions | None = None,
        taken: Handled = lambda _: None,
    ) -> None:
        super().__init__()
        self.channel = channel
        self.topics: tuple[str, ...] = ()
        self._consumer = consumer
        self._limits = limits
        self._fail = fail
        self._positions = positions
        self._taken = taken
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-poll")
        self._collected: list[MessageLike] = []
        self._idle = threading.Condition()
        self._under_way = 0
        self._epoch = 0
        self._rewind = False
        self._halted = False

    # -- what the agent calls ------------------------------------------------------------------

    def current(self, batch: Batch) -> bool:
        """Whether the batch may still be worked on: one that was read before a rewind is read again, so leave it."""
        return batch.epoch == self._epoch and not self._halted

    def done(self, batch: Batch) -> None:
        """The batch needs no more work: its effects are durable, or it is stale."""
        with self._idle:
            self._under_way -= 1
            self._idle.notify_all()

    def rewind(self) -> None:
        """Reads again from the stored positions: what is under way was not stored."""
        with self._idle:
            self._epoch += 1
            self._rewind = True

    def halt(self) -> None:
        """Nothing more may be worked on: the worker is about to stop because of an error."""
        self._halted = True

    def subscribe(self, topics: Sequence[str]) -> None:
        """Reads these topics from now on; may be called again with more."""
        self.topics = tuple(topics)

    # -- the loop ------------------------------------------------------------------------------

    @Service.task
    async def _run(self) -> None:
        try:
            subscribed: tuple[str, ...] = ()
            while not self.should_stop and not self._halted:
                if not self.topics:
                    await self.sleep(0.1)
                    continue
                if self.topics != subscribed:
                    subscribed = self.topics
                    await self._in_thread(self._subscribe, subscribed)
                if batch := await self._in_thread(self._poll):
                    await self._hand_over(batch)
        except Exception as error:  # the worker must not live on without its source
            self.halt()
            self._fail(error)

    async def _hand_over(self, batch: Batch) -> None:
        """Puts the batch on the channel. While the agent is blocked, reading pauses but the group's heartbeat goes on."""
        putting = asyncio.ensure_future(self.channel.put(batch))  # type: ignore[arg-type]  # a channel carries any value
        paused = False
        while not putting.done():
            await asyncio.wait({putting}, timeout=1.0)
            if not putting.done():
                paused = True
                await self._in_thread(self._wait_paused)
        if paused:
            await self._in_thread(self._resume)

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def on_stop(self) -> None:
        """Waits for what is under way, then leaves the group."""
        await self._in_thread(lambda: None)  # a poll that has begun may still bring a batch
        await asyncio.get_running_loop().run_in_executor(None, self._drained, DRAIN_SECONDS)
        await self._in_thread(self._consumer.close)
        self._thread.shutdown()

    # -- in the polling thread -----------------------------------------------------------------

    def _subscribe(self, topics: Sequence[str]) -> None:
        self._consumer.subscribe(list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def _poll(self) -> Batch | None:
        with self._idle:
            epoch, rewind, self._rewind = self._epoch, self._rewind, False
        if rewind and not self._sought():
            return None
        deadline = time.monotonic() + self._limits.seconds
        size = sum(len(message) for message in self._collected)
        while (left := deadline - time.monotonic()) > 0 and len(self._collected) < self._limits.messages and size < self._limits.bytes:
            wanted = min(CHUNK, self._limits.messages - len(self._collected))
            for message in self._consume(wanted, left):
                self._collected.append(message)
                size += len(message)
        with self._idle:
            if not self._collected or epoch != self._epoch:  # after a rewind these messages are read again
                return None
            batch, self._collected = Batch(epoch, self._collected), []
            self._under_way += 1
        return batch

    def _consume(self, wanted: int, timeout: float) -> list[MessageLike]:
        usable: list[MessageLike] = []
        for message in self._consumer.consume(wanted, timeout=timeout):
            fault = message.error()
            if fault is None:
                usable.append(cast(MessageLike, message))  # without an error, topic, partition and offset are there
            elif fault.fatal() or fault.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
                raise KafkaException(fault)
            else:
                self.log.warning("Kafka: %s", fault.str())
        self._taken(usable)
        return usable

    def _wait_paused(self) -> None:
        """Serves the group while the agent is blocked; what a new assignment delivers meanwhile is kept."""
        self._consumer.pause(self._consumer.assignment())
        self._collected += self._consume(CHUNK, 0.5)

    def _resume(self) -> None:
        self._consumer.resume(self._consumer.assignment())

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.log.info("assigned: %s", _named(partitions))
        if self._positions and partitions:
            consumer.incremental_assign(list(self._positions(partitions)))

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Finishes what is under way before the partitions go to somebody else, and forgets what was only collected."""
        self._drained(DRAIN_SECONDS)
        self.rewind()
        self.log.info("revoked: %s", _named(partitions))

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Somebody else already has the partitions: nothing that is under way may be stored."""
        self.rewind()
        self.log.warning("lost: %s", _named(partitions))

    def _sought(self) -> bool:
        """Goes back to the stored positions; False when the broker could not tell them, and the next poll tries again."""
        self._collected.clear()
        try:
            if partitions := self._consumer.assignment():
                stored = self._positions(partitions) if self._positions else self._consumer.committed(partitions, timeout=10.0)
                for position in stored:
                    self._consumer.seek(position if position.offset >= 0 else _from_start(position))
        except KafkaException as error:
            self.log.warning("Kafka did not tell the stored offsets, asking again: %s", error)
            self._rewind = True
            self._consume(CHUNK, 0.1)  # serves the group; what it brings is read again
            return False
        return True

    def _drained(self, timeout: float) -> bool:
        with self._idle:
            return self._idle.wait_for(lambda: self._under_way == 0, timeout)
