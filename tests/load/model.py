"""A model of the size that a first start makes, for measurements."""

import csv
import itertools
from datetime import UTC, datetime
from pathlib import Path

from schemas import datasets
from simulator.generate import Generator

ROWS, EPOCHS = 12_000, 3


def trained(folder: Path) -> Path:
    """The bundle of a model of simulated exports."""
    from training.learn import Recipe
    from training.train import train

    spec = datasets.load("exportaciones")
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in spec.fields], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row, _ in itertools.islice(Generator(spec.name, seed=7).stream(datetime.now(UTC), 0.0), ROWS))
    train(spec, folder / "rows.csv", folder / "bundle", seed=1, recipe=Recipe(epochs=EPOCHS))
    return folder / "bundle"
