"""What librdkafka reports of a real topic becomes the right lag: of transactions, and of partitions that come and go."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from prometheus_client import REGISTRY

from stream.health import BrokerHealth
from tests.stack import unique
from tests.workers import until


def created(kafka: str, partitions: int) -> str:
    topic = unique("lag")
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()
    return topic


@contextmanager
def consuming(kafka: str, topic: str, **options: object) -> Iterator[Consumer]:
    """A member of the topic's group, which reads as the workers do."""
    as_workers = {
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
    }
    quick = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 300}
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic, **as_workers, **quick, **options})
    consumer.subscribe([topic])
    try:
        yield consumer
    finally:
        consumer.close()


class Reader:
    """What it is given is handled at once."""

    def __init__(self, broker: BrokerHealth, consumer: Consumer) -> None:
        self._broker, self._consumer = broker, consumer
        self.read = 0

    def look(self) -> int:
        """Reads on; how many messages were read so far."""
        messages = self._consumer.consume(100, timeout=0.5)
        self.read += len(messages)
        self._broker.taken(messages)
        self._broker.handled(messages)
        return self.read


@contextmanager
def reading(kafka: str, topic: str) -> Iterator[Reader]:
    broker = BrokerHealth(kafka)
    with consuming(kafka, topic, **{"statistics.interval.ms": 200, "stats_cb": broker.on_statistics}) as consumer:
        yield Reader(broker, consumer)


def waiting(topic: str, partition: int = 0) -> float | None:
    return REGISTRY.get_sample_value("vigia_consumer_lag_messages", {"topic": topic, "partition": str(partition)})


def test_what_an_open_transaction_holds_back_waits_and_what_was_given_up_or_marks_an_end_does_not(kafka: str) -> None:
    topic = created(kafka, partitions=1)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions()

    def publish_five() -> None:
        producer.begin_transaction()
        for _ in range(5):
            producer.produce(topic, b"a declaration")
        producer.flush()

    with reading(kafka, topic) as reader:

        def becomes(read: int, held: int) -> None:
            until(lambda: (reader.look(), waiting(topic)) == (read, held), lambda: f"{reader.look()} read, {waiting(topic)} wait")

        becomes(0, 0)
        publish_five()
        becomes(0, 5)
        producer.abort_transaction()
        becomes(0, 0)
        publish_five()
        becomes(0, 5)
        producer.commit_transaction()
        becomes(5, 0)


def test_a_partition_that_another_worker_took_over_is_told_by_that_one_alone(kafka: str) -> None:
    topic = created(kafka, partitions=2)
    with reading(kafka, topic) as reader:

        def told() -> int:
            reader.look()
            return sum(waiting(topic, partition) is not None for partition in (0, 1))

        until(lambda: told() == 2, lambda: f"{told()} of 2 partitions are told")
        with consuming(kafka, topic) as other:
            until(lambda: other.poll(0.1) is None and told() == 1, lambda: f"{told()} partitions are told by one of two")
        until(lambda: told() == 2, lambda: f"{told()} of 2 partitions are told after the other has left")
