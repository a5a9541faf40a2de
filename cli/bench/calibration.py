"""`vigia bench calibration`: whether the alert budget holds on what comes after training."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench.detection import EARLIER, SIMULATED
from cli.bench.models import TODAY, numbers

if TYPE_CHECKING:
    from training.benchmark.cases import Case

_MONTHS = 6
_A_MONTH = 4_000
"""Clean declarations of each simulated month: enough for a rate of 1 % to be known to a sixth of itself."""


def calibration(
    out: Annotated[Path, typer.Option(help="write the page here")],
    seeds: Annotated[str, typer.Option(help="one run each, of every dataset")] = "1,2,3",
) -> None:
    """Count the alerts among clean declarations of the months after training, and write a page about it.

    Three seeds take about ten minutes on one core.
    """
    from training.benchmark import calibrating

    found = []
    for case, seed, later in _cases(numbers(seeds)):
        typer.echo(f"{case.name}, seed {seed}", err=True)
        found.append(calibrating.measure(case, seed, later))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(calibrating.page(found), "utf-8")


def _cases(seeds: list[int]) -> "Iterator[tuple[Case, int, dict[str, int]]]":
    """What is learned from, with which seed, and how many of the later declarations belong to each stretch of time."""
    from schemas import datasets
    from simulator.generate import Generator
    from training.benchmark import korea
    from training.benchmark.cases import Case, parsed

    for seed in seeds:
        case = korea.load(seed)
        yield case, seed, {"the quarter after": len(case.later)}
    for dataset, seed in itertools.product(SIMULATED, seeds):
        spec, generator = datasets.load(dataset), Generator(dataset, seed)
        later = []
        for month in range(1, _MONTHS + 1):
            stream = generator.stream(TODAY.replace(month=month), 0.0)
            later += [row for row, _ in itertools.islice(stream, _A_MONTH)]
        case = Case(dataset, spec, parsed(spec, generator.history(EARLIER, TODAY)), parsed(spec, later))
        yield case, seed, {f"month {month}": _A_MONTH for month in range(1, _MONTHS + 1)}
