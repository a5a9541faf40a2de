"""`vigia score`: the stream's own scorer over a table."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    from core.scoring import Scorer


def score(
    file: Annotated[Path, typer.Argument(help="Rows to score: a .csv, .jsonl or .parquet file.")],
    bundle: Annotated[Path, typer.Option(help="Directory of the model bundle.")],
    out: Annotated[Path, typer.Option(help="CSV file to write: declaration_id, score, error.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML or JSON file that pairs fields with the table's columns.")] = None,
) -> None:
    """Score a table offline, row by row in its order; rows that are no declarations go to OUT.rejected.csv.

    Fails with code 2 when the table cannot be read, and when every row of it was rejected.
    """
    from rich.console import Console
    from rich.text import Text

    from adapters.bundle import load
    from core.errors import ConfigurationError

    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    try:
        _check(file, out)
        scored, anomalies, reasons = _run(file, load(bundle), out, mapping, say)
    except ConfigurationError as error:
        console.print(Text.assemble(("vigia score:", "red"), f" {error}"), soft_wrap=True)
        raise typer.Exit(2) from None
    say(f"{scored:,} declarations scored, {anomalies:,} of them anomalies: {out}")
    if reasons:
        often = "; ".join(f"{count:,} × {code} in {field or 'the row'}" for (code, field), count in reasons.most_common(3))
        say(f"{reasons.total():,} rows rejected ({often}): {rejected_path(out)} says why")
        if not scored:
            raise typer.Exit(2)


def rejected_path(out: Path) -> Path:
    """Where the rejected rows of a scored table are listed."""
    return out.with_name(f"{out.name}.rejected.csv")


def _check(file: Path, out: Path) -> None:
    """Refuses places where the scores cannot be written or would replace the table; raises ConfigurationError."""
    from core.errors import ConfigurationError

    if out.is_dir():
        raise ConfigurationError(f"{out} is a directory: name a CSV file in it with --out")
    if not out.parent.is_dir():
        raise ConfigurationError(f"there is no directory {out.parent}: make it, or name another file with --out")
    if file.exists() and any(each.exists() and each.samefile(file) for each in (out, rejected_path(out))):
        raise ConfigurationError(f"{file} is the table itself, and would be overwritten: name another file with --out")


def _run(
    file: Path, scorer: Scorer, out: Path, mapping: Path | None, notice: Callable[[str], None]
) -> tuple[int, int, Counter[tuple[str, str | None]]]:
    """Returns how many rows were scored, how many are anomalies, and how many were rejected, by code and field."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from adapters.tables import read
    from schemas.declaration import Declaration, Rejected

    scored = anomalies = line = 0
    refused: list[tuple[int, Rejected]] = []
    columns = (TextColumn("Scoring: {task.completed:,} rows"), TimeElapsedColumn())
    pieces = read(file, mapping, scorer.spec, notice)
    first = next(pieces, [])  # what is wrong with the table shows before anything is written
    with _created(out) as target, Progress(*columns, transient=True) as shown:
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
        with _created(side) as target:
            writer = csv.writer(target)
            writer.writerow(("line", "code", "field", "message"))
            writer.writerows((n, row.code, row.field or "", row.message) for n, row in refused)
    return scored, anomalies, Counter((row.code, row.field) for _, row in refused)


def _created(path: Path) -> TextIO:
    from core.errors import ConfigurationError

    try:
        return path.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): name another file with --out") from None
