"""Options that several commands share."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from adapters.kafka import KafkaSettings

BootstrapServers = Annotated[
    str | None, typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS", help="the broker's host:port", show_default="127.0.0.1:9092")
]


def kafka_settings(bootstrap_servers: str | None) -> "KafkaSettings":
    """The connection from the environment, to these servers if any are given."""
    from adapters.kafka import KafkaSettings

    return KafkaSettings(bootstrap_servers=bootstrap_servers) if bootstrap_servers else KafkaSettings()
