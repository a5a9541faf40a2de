"""Models and declarations that a benchmark makes for itself."""

import itertools
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

TODAY = date(2026, 1, 1)
"""When the simulated year to learn from ends."""
SEED = 7
"""Which simulated companies there are, and with which the training begins."""
ROWS = 20_000
"""How many simulated declarations a model is trained on where none is named, and how many are looked through for alerts."""


def trained(directory: Path, dataset: str = "exportaciones") -> Path:
    """The bundle of a model that was trained on the simulator's history."""
    from schemas import datasets
    from training.learn import Recipe
    from training.train import train

    train(datasets.load(dataset), history(directory, dataset), directory / dataset, seed=SEED, recipe=Recipe(epochs=10))
    return directory / dataset


def history(directory: Path, dataset: str) -> Path:
    """A table with the simulator's last year, made if it is not there."""
    from simulator.generate import Generator
    from simulator.publish import JsonLines
    from simulator.traffic import Event

    table = directory / f"{dataset}.jsonl"
    if not table.exists():
        with table.open("wb") as file:
            JsonLines(file).send([Event(dataset, row, None) for row in Generator(dataset, SEED).history(ROWS, datetime.now(UTC).date())])
    return table


def odd(dataset: str) -> list[Any]:
    """Simulated declarations of today, one in a hundred odd on purpose."""
    from schemas import datasets
    from schemas.declaration import Parser
    from simulator.generate import Generator

    parser = Parser(datasets.load(dataset))
    return [parser.from_row(row) for row, _ in itertools.islice(Generator(dataset, SEED).stream(datetime.now(UTC), 0.01), ROWS)]


def numbers(text: str) -> list[int]:
    """The seeds that an option names, such as 1,2,3; raises ConfigurationError."""
    from core.errors import ConfigurationError

    try:
        return [int(each) for each in text.split(",") if each.strip()]
    except ValueError:
        raise ConfigurationError(f"--seeds {text!r}: write whole numbers, such as 1,2,3") from None
