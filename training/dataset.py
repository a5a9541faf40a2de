"""A training table: read in pieces, kept as codes, ordered and split by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.columns import FIRST, MISSING, Columns, Layout, Vocabulary
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration, Rejected


@dataclass
class Collector:
    """Takes declarations piece by piece and forgets them: a million rows stay below 100 MB."""

    spec: DatasetSpec
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many rows were rejected, by code and field."""

    def __post_init__(self) -> None:
        """Starts empty."""
        self.layout = Layout(self.spec)
        self._known: dict[int, dict[str | None, int]] = {i: {None: 0} for i in self.layout.coded}
        self._codes: dict[int, list[NDArray[np.int32]]] = {i: [] for i in self.layout.coded}
        self._amounts: list[NDArray[np.float64]] = []
        self._dates: list[NDArray[np.str_]] = []
        self._date = next((f.name for f in self.spec.fields if f.kind == "date"), None)
        self.rows = 0

    def add(self, piece: Iterable[Declaration | Rejected]) -> None:
        """Takes one piece of a table."""
        good: list[Declaration] = []
        for row in piece:
            if isinstance(row, Rejected):
                self.rejected[row.code, row.field or ""] += 1
            else:
                good.append(row)
        if not good:
            return
        self.rows += len(good)
        for i in self.layout.coded:
            known = self._known[i]
            values = map(attrgetter(self.layout.fields[i].name), good)
            self._codes[i].append(np.array([known.setdefault(value, len(known)) for value in values], dtype=np.int32))
        amounts = np.empty((len(good), len(self.layout.numeric)))
        for j, i in enumerate(self.layout.numeric):
            found: Sequence[float | None] = list(map(attrgetter(self.layout.fields[i].name), good))
            amounts[:, j] = [np.nan if value is None else value for value in found]
        self._amounts.append(amounts)
        if self._date:
            days = [value or "" for value in map(attrgetter(self._date), good)]
            self._dates.append(np.array(days, dtype="U10"))

    def table(self) -> Table:
        """All rows so far."""
        layout = self.layout
        vocabularies, full = {}, {}
        for i in layout.coded:
            codes = np.concatenate(self._codes[i]) if self._codes[i] else np.zeros(0, dtype=np.int32)
            counts = np.bincount(codes, minlength=len(self._known[i]))
            vocabularies[i] = {value: int(counts[code]) for value, code in self._known[i].items() if value is not None}
            full[i] = codes
        vocabulary = Vocabulary.fit(layout, vocabularies)
        codes = np.zeros((self.rows, len(layout.columns)), dtype=np.int32)
        present = np.ones((self.rows, len(layout.fields)), dtype=np.bool_)
        for i in layout.coded:
            order = {value: code for code, value in enumerate(vocabulary.values[i], start=FIRST)}
            recode = np.array([MISSING if value is None else order[value] for value in self._known[i]], dtype=np.int32)
            vocabulary.recode(codes, i, recode[full[i]])
            present[:, i] = recode[full[i]] != MISSING
        amounts = np.concatenate(self._amounts) if self._amounts else np.zeros((0, len(layout.numeric)))
        for j, i in enumerate(layout.numeric):
            present[:, i] = ~np.isnan(amounts[:, j])
        dates = np.concatenate(self._dates) if self._dates else np.full(self.rows, "", dtype="U10")
        return Table(vocabulary, Columns(codes, amounts, present), dates)


@dataclass(frozen=True)
class Table:
    """The rows of a training table as arrays."""

    vocabulary: Vocabulary
    columns: Columns
    dates: NDArray[np.str_]

    def split(self, later: float, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Positions of earlier and of later rows, both in the order of time: the last `later` share by date. Rows without
        a date count as the earliest; a table in which most have none is divided by chance."""
        random = np.random.default_rng(seed)
        shuffle = random.permutation(len(self.dates))
        cut = len(self.dates) - max(1, round(len(self.dates) * later))
        order = shuffle[np.argsort(self.dates[shuffle], kind="stable")] if (self.dates != "").mean() > 0.5 else shuffle
        return order[:cut], order[cut:]
