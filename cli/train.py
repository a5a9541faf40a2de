"""`vigia train`: a table becomes a model bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.train import Report


def train(
    dataset: Annotated[str, typer.Option(help="Which dataset the rows belong to.")],
    data: Annotated[Path, typer.Option(help="Training rows: a .csv, .jsonl or .parquet file.")],
    out: Annotated[Path, typer.Option(help="Directory for the model bundle.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML or JSON file that pairs fields with the table's columns.")] = None,
    seed: Annotated[int, typer.Option(help="The same rows and seed give the same model.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most this many passes over the rows.")] = None,
) -> None:
    """Train a model on a table of past declarations and write it as a bundle."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from core.errors import ConfigurationError
    from schemas import datasets
    from training.learn import Recipe
    from training.train import train as run

    console = Console(stderr=True)
    titles = {"read": "Reading rows", "train": "Training", "calibrate": "Calibrating and checking"}
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bars, console=console) as shown:
        tasks = {}

        def progress(stage: str, done: int, of: int) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(titles[stage], total=of or None)
            shown.update(tasks[stage], completed=done, total=of or None)

        try:
            recipe = Recipe() if epochs is None else Recipe(epochs=epochs)
            report = run(datasets.load(dataset), data, out, mapping=mapping, seed=seed, progress=progress, recipe=recipe)
        except (ConfigurationError, datasets.UnknownDataset) as error:
            shown.stop()
            console.print(f"[red]vigia train:[/red] {error}", highlight=False, soft_wrap=True)
            raise typer.Exit(2) from None
    _summary(report, out)


def _summary(report: Report, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None)
    rejected = sum(report.rejected.values())
    reasons = "; ".join(f"{code} in {field or 'the row'}: {count:,}" for (code, field), count in report.rejected.most_common(5))
    table.add_row("rows", f"{report.rows:,}")
    table.add_row("rejected rows", f"{rejected:,}" + (f" ({reasons})" if rejected else ""))
    table.add_row("seconds", f"{report.seconds:.1f}")
    table.add_row("epochs", str(report.epochs))
    table.add_row("held-out loss", f"{report.held_out_loss:.4f}")
    table.add_row("held-out error, median", f"{report.held_out_error:.4f}")
    table.add_row("alert threshold", f"score {report.threshold:.2f} (error {report.threshold_error:.3f} with the usual fields)")
    table.add_row("bundle", f"{out} ({report.scorer.model.name} {report.scorer.model.version})")
    Console().print(table)
