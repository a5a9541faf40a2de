"""`vigia publish`: the declarations of a file, onto their topic."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import BootstrapServers, kafka_settings

if TYPE_CHECKING:
    from confluent_kafka import Producer


def publish(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet")],
    dataset: Annotated[str, typer.Option(help="whose declarations they are")] = "exportaciones",
    mapping: Annotated[Path | None, typer.Option(help="which column holds which field (TOML or JSON)")] = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Publish the declarations of a table on their dataset's topic, keyed by empresa."""
    import msgspec
    from confluent_kafka import KafkaError, Message, Producer
    from rich.console import Console
    from rich.progress import Progress

    from adapters import tables
    from adapters.kafka import TopicSettings, ensure_topics
    from adapters.tracing import configure_tracing
    from schemas import datasets
    from schemas.declaration import Rejected

    configure_tracing("publish")
    console = Console(stderr=True)
    kafka = kafka_settings(bootstrap_servers)
    topics, spec = TopicSettings(), datasets.load(dataset)
    ensure_topics(kafka, topics)
    topic = topics.declarations[spec.name]
    undelivered: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error:
            undelivered.append(error)

    producer = Producer(kafka.client(**{"linger.ms": 20, "compression.type": "lz4", "enable.idempotence": True, "on_delivery": delivered}))
    published, rejected = 0, list[tuple[int, Rejected]]()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"publishing on {topic}", total=None)
        for piece in tables.read(file, mapping, spec):
            for row in piece:
                if isinstance(row, Rejected):
                    rejected.append((published + len(rejected) + 1, row))
                    continue
                _produce(producer, topic, row.empresa, msgspec.json.encode(row))
                published += 1
            progress.update(task, completed=published)
        producer.flush()
    console.print(f"{published:,} declarations published on {topic}")
    if rejected:
        console.print(f"{len(rejected):,} rows are no declarations and were not published:")
        for line, why in rejected[:10]:
            console.print(f"  row {line}: {why.code}: {why.message}", highlight=False, markup=False)
    if undelivered:
        console.print(f"{len(undelivered):,} were not delivered: {undelivered[0].str()}")
    if rejected or undelivered:
        raise typer.Exit(1)


def _produce(producer: "Producer", topic: str, key: str, value: bytes) -> None:
    from adapters.tracing import publication

    headers = publication(topic)
    try:
        producer.produce(topic, value, key, headers=headers)
    except BufferError:
        producer.flush()
        producer.produce(topic, value, key, headers=headers)
