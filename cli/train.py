"""`vigia train`: a table becomes a model bundle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

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
    from rich.text import Text

    from adapters import tables
    from core.errors import ConfigurationError
    from schemas import datasets

    console = Console(stderr=True)
    stages = _Stages(console)
    try:
        spec = datasets.load(dataset)
        unread = tables.unread(data, mapping, spec)  # what is wrong with the table shows before torch is imported
        if unread:
            console.print(unread, markup=False, highlight=False, soft_wrap=True)
        _writable(out)
        from training.learn import Recipe
        from training.train import train as run

        recipe = Recipe() if epochs is None else Recipe(epochs=epochs)
        with stages.shown:
            report = run(spec, data, out, mapping=mapping, seed=seed, progress=stages, recipe=recipe)
    except (ConfigurationError, datasets.UnknownDataset) as error:
        console.print(Text.assemble(("vigia train:", "red"), f" {error}"), soft_wrap=True)
        raise typer.Exit(2) from None
    _summary(report, out)


_TITLES = {"read": "Reading rows", "train": "Training", "calibrate": "Calibrating and checking", "pictures": "Drawing pictures"}
_UNITS = {"read": "rows", "train": "epochs"}


class _Stages:
    """A bar for each stage of training; the clock of one stops when the next begins."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        bars = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeElapsedColumn())
        self.shown = Progress(*bars, console=console)
        self._stage: str | None = None

    def __call__(self, stage: str, done: int, of: int) -> None:
        """Shows how much of a stage is done; `of` is 0 where nobody knows how much there is."""
        if stage != self._stage:
            self._finish()
            self._stage, self._task = stage, self.shown.add_task(_TITLES.get(stage, stage), total=of or None, done="")
        unit = _UNITS.get(stage, "")
        told = f"{done:,}" + (f" of {of:,}" if of else "") + f" {unit}" if unit else ""
        self.shown.update(self._task, completed=done, total=of or None, done=told)

    def _finish(self) -> None:
        """A stage that ended early is at its end all the same: training stops when it gets no better."""
        if self._stage is not None:
            task = self.shown.tasks[-1]
            self.shown.update(task.id, total=max(task.completed, 1), completed=max(task.completed, 1))


def _writable(out: Path) -> None:
    """Refuses a place where no bundle can be written now, not after an hour of training; raises ConfigurationError."""
    from core.errors import ConfigurationError

    place = out.absolute()
    while not os.access(place, os.F_OK):
        place = place.parent
    if not place.is_dir():
        raise ConfigurationError(f"{place} is a file, and a bundle is a directory: name another place with --out")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigurationError(f"nothing can be written into {place}: name another directory with --out, or change who may write there")


def _summary(report: Report, out: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
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
    table.add_row("bundle", escape(f"{out} ({report.scorer.model.name} {report.scorer.model.version})"))
    table.add_row("pictures", escape(str(out / "pictures")))
    Console().print(table)
