"""What detectors are judged on: earlier declarations to learn from, and later ones to find alterations in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.datasets import DatasetSpec
from schemas.declaration import Parser, Rejected
from training.alterations import Row


@dataclass(frozen=True)
class Case:
    """A dataset with a past and a future, both clean and in the order of time."""

    name: str
    spec: DatasetSpec
    earlier: Sequence[Row]
    later: Sequence[Row]

    def first(self, earlier: int, later: int) -> Case:
        """The last of the earlier declarations and the first of the later ones: a case that is quickly gone through."""
        return Case(self.name, self.spec, self.earlier[-earlier:], self.later[:later])


def parsed(spec: DatasetSpec, rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows as declarations; raises ValueError when one is not acceptable."""
    parser = Parser(spec)
    return [accepted(parser.from_row(row)) for row in rows]


def accepted(row: Row | Rejected) -> Row:
    """The declaration itself; raises ValueError with the reason when it was rejected."""
    if isinstance(row, Rejected):
        raise ValueError(f"a benchmark's declaration was rejected: {row.message}")  # noqa: TRY004  # its content is at fault
    return row
