"""`vigia bench training`: how fast a table is learned from, and in how much memory."""

import itertools
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cli.bench.models import SEED, TODAY

_COMPANIES = 35_000
"""About as many exporters as Colombia had in the last quarter of 2025."""


def training(
    rows: Annotated[int, typer.Option(min=1_000, help="simulated declarations of a year")] = 1_000_000,
    companies: Annotated[int, typer.Option(min=10, help="how many companies declare them")] = _COMPANIES,
) -> None:
    """Train on a year of simulated exports, from a Parquet file, and say how many rows a second and how much memory."""
    from simulator.generate import Generator
    from training.benchmark import parquet, scale

    with tempfile.TemporaryDirectory(prefix="vigia-bench-") as folder:
        directory = Path(folder)
        history = Generator("exportaciones", SEED, companies=companies).history(rows, TODAY)
        count = parquet.write(directory / "year.parquet", itertools.islice(history, rows))
        found = scale.train("exportaciones", directory / "year.parquet", count, directory / "bundle")
    typer.echo(
        f"{found.rows:,} rows, {found.epochs} epochs: {found.seconds:.0f} s, {found.rows_per_second:,.0f} rows/s, "
        f"{found.peak_bytes / 2**30:.2f} GiB at most"
    )
