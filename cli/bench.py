"""`vigia bench`: how fast and how good the parts are, beside what they could be."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.detection import detection
from cli.options import BootstrapServers, kafka_settings

if TYPE_CHECKING:
    from adapters.kafka import KafkaSettings
    from core.scoring import Scorer
    from schemas.datasets import DatasetSpec
    from training.benchmark.explaining import ManyFields

app = typer.Typer(help="How fast and how good the parts are, beside what they could be.", no_args_is_help=True)
app.command()(detection)

TRAINED_ON = 20_000
"""How many simulated declarations a model is trained on where none is named."""


@app.callback()
def bench() -> None:
    """Keeps `stream` a command of its own, beside those to come."""


@app.command()
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
    from local.models import SEED
    from simulator.generate import Generator
    from stream import benchmark

    with tempfile.TemporaryDirectory(prefix="vigia-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        model = bundle or _trained(directory)
        declarations = Generator("exportaciones", SEED).stream(datetime.now(UTC), 0.01)
        with _broker(bootstrap_servers, directory) as kafka:
            published = (declaration for declaration, _ in itertools.islice(declarations, events))
            measured = benchmark.run(kafka, model, directory, published, rounds, stock_events, typer.echo)
    typer.echo(f"\n{'':22}{'median':>12}{'least':>12}{'most':>12}   of {rounds} rounds")
    for name, median, least, most in benchmark.summary(measured):
        form = "12.2f" if "/" in name else "12,.0f"
        typer.echo(f"{name + ('' if '/' in name else ', events/s'):22}{median:{form}}{least:{form}}{most:{form}}")


def _trained(directory: Path, dataset: str = "exportaciones") -> Path:
    from local import models

    models.train(dataset, directory, TRAINED_ON)
    return directory / dataset


@contextmanager
def _broker(bootstrap_servers: str | None, directory: Path) -> "Iterator[KafkaSettings]":
    """The broker that was named, or one for this run alone."""
    from rich.console import Console

    from cli.up import fetch_jars
    from local import client
    from local.ports import free_ports
    from local.settings import StackSettings

    if bootstrap_servers:
        yield kafka_settings(bootstrap_servers)
        return
    settings = StackSettings(vigia_data_dir=directory / "stack", simulate=False, **free_ports())  # type: ignore[arg-type]
    fetch_jars(settings, Console(stderr=True))
    supervisor = client.start(settings, ["kafka"], outlive=False)
    try:
        client.wait(settings, supervisor)
        yield kafka_settings(f"127.0.0.1:{settings.port('kafka_port')}")
    finally:
        client.stop(settings.data)


@app.command()
def explanation(
    bundle: Annotated[Path | None, typer.Option(help="a model", show_default="one is trained for each dataset")] = None,
    alerts: Annotated[int, typer.Option(min=20, help="how many are explained")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="how often, in turn")] = 5,
    out: Annotated[Path | None, typer.Option(help="write a page of Markdown here")] = None,
) -> None:
    """Compare the time and the exactness of explanations with those of shap's explainers, on one thread."""
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))  # before they load

    from adapters.bundle import load
    from schemas import datasets
    from training.benchmark import explaining, explanation_page

    with tempfile.TemporaryDirectory(prefix="vigia-bench-") as folder:
        directory = Path(folder)
        bundles = [bundle] if bundle else [_trained(directory, name) for name in datasets.names()]
        scorers = [load(each) for each in bundles]
        measured = [explaining.measure(each, _odd(each, alerts), rounds) for each in scorers]
        many = [] if bundle else _many_fields(directory, datasets.load("sustancias_controladas"))
    typer.echo("\n".join(["", *explanation_page.summary(measured)]))
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(explanation_page.page(measured, many, rounds, None if bundle else TRAINED_ON), "utf-8")


def _many_fields(directory: Path, spec: "DatasetSpec") -> "list[ManyFields]":
    """Explanations with more fields than are enumerated, by a model that reads all that the dataset has."""
    from local.models import SEED
    from training.benchmark import explaining
    from training.learn import Recipe
    from training.train import train

    typer.echo(f"training on {TRAINED_ON:,} declarations of {spec.name} with all of their fields")
    report = train(explaining.every_field(spec), directory / f"{spec.name}.jsonl", directory / "wide", seed=SEED, recipe=Recipe(epochs=10))
    return explaining.many_fields(report.scorer, _odd(report.scorer, explaining.COMPARED), SEED)


def _odd(scorer: "Scorer", count: int) -> list[object]:
    """The highest-scoring of simulated declarations with anomalies among them."""
    from local.models import SEED
    from schemas.declaration import Parser
    from simulator.generate import Generator
    from training.benchmark import explaining

    stream = Generator(scorer.spec.name, SEED).stream(datetime.now(UTC), 0.01)
    parser = Parser(scorer.spec)
    return explaining.highest(scorer, [parser.from_row(row) for row, _ in itertools.islice(stream, TRAINED_ON)], count)
