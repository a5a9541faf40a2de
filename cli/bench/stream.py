"""`vigia bench stream`: how fast the worker is, beside what it could be."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench.models import SEED, trained
from cli.options import BootstrapServers, kafka_settings

if TYPE_CHECKING:
    from adapters.kafka import KafkaSettings
    from local.settings import StackSettings


def stream(
    events: Annotated[int, typer.Option(min=20_000, help="simulated declarations for the worker and the bare loop")] = 100_000,
    stock_events: Annotated[int, typer.Option(min=1_000, help="how many of them the stock agent gets")] = 5_000,
    rounds: Annotated[int, typer.Option(min=1, help="how often each is measured, in turn")] = 3,
    bundle: Annotated[Path | None, typer.Option(help="a model of exportaciones", show_default="one is trained first")] = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Compare the worker with a bare librdkafka loop and with a stock Faust agent, all with the same model and output.

    Without --bootstrap-servers a broker is started for the comparison, on free ports.
    """
    from simulator.generate import Generator
    from stream import benchmark

    with tempfile.TemporaryDirectory(prefix="vigia-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        model = bundle or trained(directory)
        declarations = Generator("exportaciones", SEED).stream(datetime.now(UTC), 0.01)
        with _broker(bootstrap_servers, directory) as kafka:
            published = (declaration for declaration, _ in itertools.islice(declarations, events))
            measured = benchmark.run(kafka, model, directory, published, rounds, stock_events, typer.echo)
    typer.echo(f"\n{'':22}{'median':>12}{'least':>12}{'most':>12}   of {rounds} rounds")
    for name, median, least, most in benchmark.summary(measured):
        form = "12.2f" if "/" in name else "12,.0f"
        typer.echo(f"{name + ('' if '/' in name else ', events/s'):22}{median:{form}}{least:{form}}{most:{form}}")


@contextmanager
def _broker(bootstrap_servers: str | None, directory: Path) -> "Iterator[KafkaSettings]":
    """The broker that was named, or one for this run alone."""
    if bootstrap_servers:
        yield kafka_settings(bootstrap_servers)
        return
    with servers(directory, ["kafka"]) as stack:
        yield kafka_settings(f"127.0.0.1:{stack.port('kafka_port')}")


@contextmanager
def servers(directory: Path, parts: Sequence[str]) -> "Iterator[StackSettings]":
    """Some parts of a stack for one run alone, on free ports."""
    from rich.console import Console

    from cli.up import fetch_jars
    from local import client
    from local.ports import free_ports
    from local.settings import StackSettings

    settings = StackSettings(vigia_data_dir=directory / "stack", simulate=False, **free_ports())  # type: ignore[arg-type]
    fetch_jars(settings, Console(stderr=True), parts)
    supervisor = client.start(settings, parts, outlive=False)
    try:
        client.wait(settings, supervisor)
        yield settings
    finally:
        client.stop(settings.data)
