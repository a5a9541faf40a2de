"""`vigia bench detection`: how well alterations are found, beside other detectors."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench.models import TODAY, numbers

if TYPE_CHECKING:
    from training.benchmark.cases import Case

SIMULATED = ("exportaciones", "sustancias_controladas")
EARLIER, LATER = 30_000, 8_000
"""How many simulated declarations are learned from, and how many are judged."""
_DAYS = 365
_QUICK = (4_000, 1_500)


def detection(
    out: Annotated[Path, typer.Option(help="write the page here, and the figures beside it as JSON")],
    seeds: Annotated[str, typer.Option(help="of the customs declarations, one run each")] = "1,2,3",
    simulated_seeds: Annotated[str, typer.Option(help="of the simulated datasets, one run each; none: leave them out")] = "1",
    quick: Annotated[bool, typer.Option("--quick", help="a trial on parts of the data, in a minute or two")] = False,
    results: Annotated[Path | None, typer.Option(help="figures of an earlier run: write their page, measure nothing")] = None,
) -> None:
    """Compare the detector with others on declarations that were altered on purpose, and write a page about it.

    Three seeds take about half an hour on one core.
    """
    from core.errors import ConfigurationError
    from training.benchmark import detection_page
    from training.benchmark.compare import compare, versions
    from training.benchmark.results import Results
    from training.learn import Recipe

    if results:
        out.write_text(detection_page.page(Results.read(results)), "utf-8")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    if not numbers(seeds):
        raise ConfigurationError("--seeds is empty: the page begins with the customs declarations, so name one seed at least")
    found = Results(versions(), quick, [])
    for number, (seed, load, study) in enumerate(runs := [*_runs(numbers(seeds), numbers(simulated_seeds))], start=1):
        case = load(seed).first(*_QUICK) if quick else load(seed)

        def say(what: str, where: str = f"{number} of {len(runs)}: {case.name}, seed {seed}") -> None:
            typer.echo(f"{where}: {what}", err=True)

        found.runs.append(compare(case, seed, say, Recipe(epochs=3) if quick else None, study=study))
        found.save(out.with_suffix(".json"))  # after each run: what was measured is not lost with the next
    out.write_text(detection_page.page(found), "utf-8")


def _runs(seeds: list[int], simulated_seeds: list[int]) -> "Iterator[tuple[int, Callable[[int], Case], bool]]":
    """Seed, what makes the case from it, and whether it is studied what training leaves out."""
    from training.benchmark import korea

    yield from ((seed, korea.load, True) for seed in seeds)
    for dataset in SIMULATED:
        yield from ((seed, lambda seed, dataset=dataset: simulated(dataset, seed), False) for seed in simulated_seeds)


def simulated(dataset: str, seed: int) -> "Case":
    """A year of the simulator, and the clean declarations that follow it at the same pace."""
    from schemas import datasets
    from simulator.generate import Generator
    from training.benchmark.cases import Case, parsed

    spec, generator = datasets.load(dataset), Generator(dataset, seed)
    stream = generator.stream(TODAY, 0.0, per_day=EARLIER / _DAYS)
    later = (row for row, _ in itertools.islice(stream, LATER))
    return Case(dataset, spec, parsed(spec, generator.history(EARLIER, TODAY)), parsed(spec, later))
