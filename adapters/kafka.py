"""Kafka's settings, shared by everything that speaks to the broker: the connection, the topics, and their creation."""

from collections.abc import Mapping
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import Unavailable
from schemas import datasets

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""The largest message that the input topics take, in bytes: far over a declaration, so that what is too large to be one
can still be received, explained and kept."""

DEAD_LETTER_BYTES = 12 * 1024 * 1024
"""The largest dead letter, in bytes: any message of an input topic fits, with its headers, uncompressed."""

DAY_MS = 24 * 60 * 60 * 1000


class KafkaSettings(BaseSettings):
    """How to reach the broker. Every value comes from the environment, as `KAFKA_…`."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True)

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_ca_location: str | None = None
    ssl_certificate_location: str | None = None
    ssl_key_location: str | None = None
    ssl_key_password: SecretStr | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None

    def client(self, **more: Any) -> dict[str, Any]:
        """The configuration of a librdkafka client, in its own names (`KAFKA_SSL_CA_LOCATION` is `ssl.ca.location`)."""
        config: dict[str, Any] = {}
        for name, value in self:
            if value is not None:
                config[name.replace("_", ".")] = value.get_secret_value() if isinstance(value, SecretStr) else value
        return {**config, "log_level": 4, **more}


class TopicSettings(BaseSettings):
    """The topics' names, partitions and retention, as `KAFKA_TOPIC_…`."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_TOPIC_", frozen=True)

    scored: str = "declarations.scored"
    anomalies: str = "anomalies"
    dead_letter: str = "declarations.dead-letter"
    feedback: str = "feedback"
    declarations: Mapping[str, str] = Field(
        default_factory=lambda: {spec.name: spec.topic for spec in datasets.load_all()},
        description="dataset -> the topic that its declarations arrive on, as a JSON object",
    )
    partitions: int = Field(default=4, ge=1)
    replication: int = Field(default=1, ge=1)
    retention_days: int = Field(default=30, ge=1)

    def to_create(self) -> list[NewTopic]:
        """Every topic, with its configuration."""
        retention = str(self.retention_days * DAY_MS)
        sizes = {
            **dict.fromkeys(self.declarations.values(), MAX_MESSAGE_BYTES),
            self.scored: MAX_MESSAGE_BYTES,
            self.anomalies: MAX_MESSAGE_BYTES,
            self.feedback: MAX_MESSAGE_BYTES,
            self.dead_letter: DEAD_LETTER_BYTES,
            self.feedback: MAX_MESSAGE_BYTES,
        }
        return [
            NewTopic(name, self.partitions, self.replication, config={"retention.ms": retention, "max.message.bytes": str(size)})
            for name, size in sizes.items()
        ]


def ensure_topics(kafka: KafkaSettings, topics: TopicSettings, timeout: float = 10.0) -> None:
    """Creates the topics that are missing and leaves the others as they are.

    Raises Unavailable when the broker does not answer within `timeout` seconds or refuses.
    """
    admin = AdminClient(kafka.client())
    try:
        existing = admin.list_topics(timeout=timeout).topics
        missing = [topic for topic in topics.to_create() if topic.topic not in existing]
        for future in admin.create_topics(missing, operation_timeout=timeout).values() if missing else ():
            future.result()
    except KafkaException as error:
        fault = error.args[0]
        if fault.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return ensure_topics(kafka, topics, timeout)
        raise Unavailable("kafka", f"Kafka at {kafka.bootstrap_servers} could not create the topics: {fault.str()}") from error
