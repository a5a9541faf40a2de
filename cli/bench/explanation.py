"""`vigia bench explanation`: what an explanation costs and how exact it is, beside shap's explainers."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench.models import ROWS, SEED, odd, trained

if TYPE_CHECKING:
    from schemas.datasets import DatasetSpec
    from training.benchmark.explaining import ManyFields


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
        bundles = [bundle] if bundle else [trained(directory, name) for name in datasets.names()]
        scorers = [load(each) for each in bundles]
        measured = [explaining.measure(each, explaining.highest(each, odd(each.spec.name), alerts), rounds) for each in scorers]
        many = [] if bundle else _many_fields(directory, datasets.load("sustancias_controladas"))
    typer.echo("\n".join(["", *explanation_page.summary(measured)]))
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(explanation_page.page(measured, many, rounds, None if bundle else ROWS), "utf-8")


def _many_fields(directory: Path, spec: "DatasetSpec") -> "list[ManyFields]":
    """Explanations with more fields than are enumerated, by a model that reads all that the dataset has."""
    from training.benchmark import explaining
    from training.learn import Recipe
    from training.train import train

    typer.echo(f"training on {ROWS:,} declarations of {spec.name} with all of their fields")
    report = train(explaining.every_field(spec), directory / f"{spec.name}.jsonl", directory / "wide", seed=SEED, recipe=Recipe(epochs=10))
    return explaining.many_fields(report.scorer, explaining.highest(report.scorer, odd(spec.name), explaining.COMPARED), SEED)
