"""Models and declarations that a benchmark makes for itself."""

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROWS = 20_000
"""How many simulated declarations a model is trained on where none is named, and how many are looked through for alerts."""


def trained(directory: Path, dataset: str = "exportaciones") -> Path:
    """The bundle of a model that was trained on the simulator's history."""
    from local import models

    models.train(dataset, directory, ROWS)
    return directory / dataset


def odd(dataset: str) -> list[Any]:
    """Simulated declarations of today, one in a hundred odd on purpose."""
    from local.models import SEED
    from schemas import datasets
    from schemas.declaration import Parser
    from simulator.generate import Generator

    parser = Parser(datasets.load(dataset))
    return [parser.from_row(row) for row, _ in itertools.islice(Generator(dataset, SEED).stream(datetime.now(UTC), 0.01), ROWS)]
