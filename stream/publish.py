"""One Kafka transaction per batch: verdicts, anomalies, dead letters and the source's offsets, all or none of them."""

from collections.abc import Callable, Iterable
from enum import Enum

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from adapters.kafka import DEAD_LETTER_BYTES, KafkaSettings
from core.errors import Unavailable
from stream.decide import Headers, Outgoing

TIMEOUT = 30.0
"""How long one transactional call may take, in seconds, before it is asked again or given up."""

ATTEMPTS = 4
"""How often a call that the broker calls retriable is made before the transaction is given up."""


class Result(Enum):
    """What became of a transaction."""

    COMMITTED = "committed"
    ABORTED = "aborted"  # nothing of it is visible; its batch must be read again


def producer_config(kafka: KafkaSettings, transactional_id: str) -> dict[str, object]:
    """The configuration of a worker's producer. Its id is the worker's: a successor fences a dead predecessor with it."""
    return kafka.client(
        **{
            "transactional.id": transactional_id,
            "transaction.timeout.ms": 60_000,
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.num.messages": 10_000,
            "queue.buffering.max.messages": 500_000,
            "message.max.bytes": DEAD_LETTER_BYTES,
        }
    )


class TransactionalPublisher:
    """Publishes batches exactly once: what `read_committed` consumers see moves together with the source's offsets."""

    def __init__(self, producer: Producer, consumer: Consumer) -> None:
        self._producer = producer
        self._consumer = consumer

    def open(self) -> None:
        """Fences predecessors with the same id and ends what they left; raises Unavailable when the broker does not answer."""
        try:
            self._again(lambda: self._producer.init_transactions(TIMEOUT))
        except KafkaException as error:
            raise Unavailable("kafka", f"Kafka did not open a transactional producer: {error.args[0].str()}") from error

    def publish(self, outgoing: Iterable[Outgoing], offsets: list[TopicPartition], still_owned: Callable[[], bool]) -> Result:
        """Sends a batch and commits it with its source offsets.

        `still_owned` is asked right before the offsets are sent: a batch whose partitions went elsewhere is aborted.
        Raises KafkaException for what only a restart can mend (a fenced producer).
        """
        try:
            self._producer.begin_transaction()
            for topic, key, value, headers in outgoing:
                self._produce(topic, key, value, headers)
            group = self._consumer.consumer_group_metadata()
            if not still_owned():
                return self._abort()
            self._again(lambda: self._producer.send_offsets_to_transaction(offsets, group, TIMEOUT))
            self._again(lambda: self._producer.commit_transaction(TIMEOUT))
        except KafkaException as error:
            fault: KafkaError = error.args[0]
            if fault.fatal():
                raise
            return self._abort()
        return Result.COMMITTED

    def _produce(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        try:
            self._producer.produce(topic, value, key, headers=headers)
        except BufferError:
            self._producer.flush()
            self._producer.produce(topic, value, key, headers=headers)

    def _abort(self) -> Result:
        self._again(lambda: self._producer.abort_transaction(TIMEOUT))
        return Result.ABORTED

    def _again(self, call: Callable[[], None]) -> None:
        """Makes a transactional call, again while the broker says that it may be: the librdkafka protocol, where a call that
        timed out is still under way and must be resumed with the same call."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call()
            except KafkaException as error:
                if attempt == ATTEMPTS or not error.args[0].retriable():
                    raise
        return None
