"""`vigia bench ingest`: how fast the source's pages land, with calls that fail and without."""

import os
import statistics
import tempfile
from pathlib import Path
from typing import Annotated

import typer


def ingest(
    rows: Annotated[int, typer.Option(min=1_000, help="declarations that the source has")] = 200_000,
    failing: Annotated[float, typer.Option(min=0, max=1, help="share of its calls that fail, are cut short, or are half a page")] = 0.05,
    rounds: Annotated[int, typer.Option(min=1, help="how often each is measured, in turn")] = 3,
) -> None:
    """Ingest a source whose calls fail, and the same source when they do not: rows a second, and is every row there once?

    PostgreSQL and Prefect are started for the measurement, on free ports.
    """
    from cli.bench.stream import servers
    from local.flows import prefect_environment

    with (
        tempfile.TemporaryDirectory(prefix="vigia-bench-", ignore_cleanup_errors=True) as folder,
        servers(Path(folder), ["postgres-raw", "postgres-metadata", "prefect"]) as stack,
    ):
        os.environ.update(
            {**prefect_environment(stack), "PREFECT_LOGGING_LEVEL": "ERROR"}
        )  # before Prefect is imported, which reads it once
        from flows import benchmark

        found: dict[float, list[float]] = {0.0: [], failing: []}
        for number in range(rounds):
            for share, rates in found.items():
                run = benchmark.measure(stack.database_url("raw", "postgres_raw_port"), Path(folder), rows, share)
                rates.append(run.rate)
                typer.echo(
                    f"round {number + 1}, {share:.0%} of calls failing: {run.rate:,.0f} rows/s; {run.declarations:,} declarations, "
                    f"{run.rejected:,} rejected rows, {run.doubled} doubled, {rows - run.declarations - run.rejected} missing; "
                    f"{run.retries} pages tried again"
                )
    ratios = [with_failures / without for with_failures, without in zip(found[failing], found[0.0], strict=True)]
    for name, values in (("no call failing, rows/s", found[0.0]), (f"{failing:.0%} failing, rows/s", found[failing]), ("ratio", ratios)):
        form = ".2f" if name == "ratio" else ",.0f"
        typer.echo(f"{name:26}{statistics.median(values):>10{form}} ({min(values):{form}} – {max(values):{form}})")
