"""Import declarations of Korea (synthetic, see `data/korea-customs/README.md`), with companies that have habits."""

from __future__ import annotations

from importlib.resources import as_file, files

from adapters import tables
from schemas import datasets
from schemas.datasets import DatasetSpec
from training.alterations import Row
from training.benchmark.cases import Case, accepted
from training.benchmark.habits import blur, relink

NAME = "korea-customs"
COPIED = 0.83
"""The share of later declarations whose subpartida, value and weight an earlier one has, as published."""
_FILES = files("training.benchmark") / "data" / NAME


def load(seed: int) -> Case:
    """The year 2020 and the first quarter of 2021, relinked together so that a company is the same in both."""
    spec = datasets.load("exportaciones")
    earlier, later = read(spec, "train"), read(spec, "valid")
    rows = blur(relink([*earlier, *later], seed), seed)
    return Case(NAME, spec, rows[: len(earlier)], rows[len(earlier) :])


def read(spec: DatasetSpec, split: str) -> list[Row]:
    """The declarations of one split as they were published, by date."""
    with as_file(_FILES / f"{split}.parquet") as path:
        rows = [accepted(row) for piece in tables.read(path, None, spec) for row in piece]
    return sorted(rows, key=lambda row: row.fecha)
