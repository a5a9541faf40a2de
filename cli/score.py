"""`vigia score`: the stream's own scorer over a table."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.scoring import Scorer


def score(
    file: Annotated[Path, typer.Argument(help="Rows to score: a .csv, .jsonl or .parquet file.")],
    bundle: Annotated[Path, typer.Option(help="Directory of the model bundle.")],
    out: Annotated[Path, typer.Option(help="CSV file to write: declaration_id, score, error.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML or JSON file that pairs fields with the table's columns.")] = None,
) -> None:
    """Score a table offline, row by row in its order; rows that are no declarations go to OUT.rejected.csv."""
    from rich.console import Console

    from adapters.bundle import load
    from core.errors import ConfigurationError

    console = Console(stderr=True)
    try:
        scored, anomalies, rejected = _run(file, load(bundle), out, mapping, console.print)
    except ConfigurationError as error:
        console.print(f"[red]vigia score:[/red] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    console.print(f"{scored:,} declarations scored, {anomalies:,} of them anomalies: {out}", highlight=False, soft_wrap=True)
    if rejected:
        console.print(f"{rejected:,} rows rejected: {rejected_path(out)} says why", highlight=False, soft_wrap=True)


def rejected_path(out: Path) -> Path:
    """Where the rejected rows of a scored table are listed."""
    return out.with_name(f"{out.name}.rejected.csv")


def _run(file: Path, scorer: Scorer, out: Path, mapping: Path | None, notice: Callable[[str], None]) -> tuple[int, int, int]:
    """Returns how many rows were scored, how many are anomalies, and how many were rejected."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from adapters.tables import read
    from schemas.declaration import Declaration, Rejected

    scored = anomalies = line = 0
    refused: list[tuple[int, Rejected]] = []
    columns = (TextColumn("Scoring: {task.completed:,} rows"), TimeElapsedColumn())
    pieces = read(file, mapping, scorer.spec, notice)
    first = next(pieces, [])  # what is wrong with the table shows before anything is written
    with out.open("w", newline="", encoding="utf-8") as target, Progress(*columns, transient=True) as shown:
        task = shown.add_task("", total=None)
        writer = csv.writer(target)
        writer.writerow(("declaration_id", "score", "error"))
        piece = first
        while piece:
            good = [row for row in piece if isinstance(row, Declaration)]
            refused += [(line + n, row) for n, row in enumerate(piece, start=1) if isinstance(row, Rejected)]
            found = scorer.score(good)
            rows = zip(good, found.score, found.error, strict=True)
            writer.writerows((each.declaration_id, f"{s:.6f}", f"{e:.6f}") for each, s, e in rows)
            scored, anomalies, line = scored + len(good), anomalies + int(found.anomaly.sum()), line + len(piece)
            shown.update(task, completed=line)
            piece = next(pieces, [])
    side = rejected_path(out)
    side.unlink(missing_ok=True)
    if refused:
        with side.open("w", newline="", encoding="utf-8") as target:
            writer = csv.writer(target)
            writer.writerow(("line", "code", "field", "message"))
            writer.writerows((n, row.code, row.field or "", row.message) for n, row in refused)
    return scored, anomalies, len(refused)
