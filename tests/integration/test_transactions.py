"""What librdkafka reports of a real topic becomes the right lag while transactions are open, given up and committed."""

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from prometheus_client import REGISTRY

from stream.health import BrokerHealth
from tests.stack import unique
from tests.workers import until


class Reader:
    """Reads a topic as the workers do; what it is given is handled at once."""

    def __init__(self, kafka: str, topic: str) -> None:
        self._topic, self._broker = topic, BrokerHealth(kafka)
        reports = {"statistics.interval.ms": 200, "stats_cb": self._broker.on_statistics}
        options = {"group.id": topic, "auto.offset.reset": "earliest", "isolation.level": "read_committed"}
        self.consumer = Consumer({"bootstrap.servers": kafka, **options, **reports})
        self.consumer.subscribe([topic])
        self.read = 0

    def look(self) -> tuple[int, float | None]:
        """Reads on; how many messages were read, and how many wait after the last report."""
        messages = self.consumer.consume(100, timeout=0.5)
        self.read += len(messages)
        self._broker.taken(messages)
        self._broker.handled(messages)
        return self.read, REGISTRY.get_sample_value("vigia_consumer_lag_messages", {"topic": self._topic, "partition": "0"})


def test_what_an_open_transaction_holds_back_waits_and_what_was_given_up_or_marks_an_end_does_not(kafka: str) -> None:
    topic = unique("transactions")
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions()
    reader = Reader(kafka, topic)

    def publish_five() -> None:
        producer.begin_transaction()
        for _ in range(5):
            producer.produce(topic, b"a declaration")
        producer.flush()

    def becomes(read: int, waiting: int) -> None:
        until(lambda: reader.look() == (read, waiting), lambda: f"{reader.look()} instead of {(read, waiting)}")

    try:
        becomes(0, 0)
        publish_five()
        becomes(0, 5)
        producer.abort_transaction()
        becomes(0, 0)
        publish_five()
        becomes(0, 5)
        producer.commit_transaction()
        becomes(5, 0)
    finally:
        reader.consumer.close()
