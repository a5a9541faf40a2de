"""Our detector as a user trains it: `training.train` on a table of the earlier declarations."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from core.scoring import Scorer
from schemas.datasets import DatasetSpec
from training.alterations import SINGLE, Row
from training.benchmark import parquet
from training.learn import Progress, Recipe
from training.train import train

UNTOUCHED = tuple(dict.fromkeys(kind.fields for kind in SINGLE))
"""The fields to leave out of training's corruptions, one study each: the kinds that alter them are then new to the model."""


def fit(spec: DatasetSpec, earlier: Sequence[Row], seed: int, recipe: Recipe | None = None, progress: Progress | None = None) -> Scorer:
    """A model of the earlier declarations; the last 15 % of them, by date, stop its training and calibrate it."""
    with tempfile.TemporaryDirectory(prefix="vigia-bench-", ignore_cleanup_errors=True) as folder:
        table, names = Path(folder) / "earlier.parquet", [field.name for field in spec.fields]
        parquet.write(table, ({name: getattr(row, name) for name in names} for row in earlier))
        return train(spec, table, Path(folder) / "bundle", seed=seed, recipe=recipe, progress=progress).scorer
