"""Declarations as arrays: a vocabulary turns their text into codes, amounts become numbers, gaps become a mask.

The fields and their kinds come from the dataset's specification, and nothing else does: a further dataset is a further
specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.datasets import DatasetSpec, FieldSpec
from schemas.declaration import Declaration

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MISSING, UNKNOWN, FIRST = 0, 1, 2
"""Codes: no value, a value that training never saw, the most frequent value. The others follow by falling frequency."""

TARIFF_LEVELS = (2, 4, 6, 10)
"""Digits of the tariff tree: chapter, heading, subheading, national subpartida."""


class Column(NamedTuple):
    """One column of codes. A tariff field has one for each level of the tree; all other fields have one."""

    name: str
    field: int
    digits: int | None


class Layout:
    """Which fields are modelled, in which order, and which columns they make."""

    def __init__(self, spec: DatasetSpec) -> None:
        unread = ("key", "text", "date")
        self.fields: tuple[FieldSpec, ...] = tuple(field for field in spec.modelled if field.kind not in unread)
        self.coded = tuple(i for i, field in enumerate(self.fields) if not field.numeric)
        self.numeric = tuple(i for i, field in enumerate(self.fields) if field.numeric)
        columns: list[Column] = []
        for i in self.coded:
            field = self.fields[i]
            if field.kind == "tariff":
                columns += [Column(f"{field.name}:{digits}", i, digits) for digits in TARIFF_LEVELS]
            else:
                columns.append(Column(field.name, i, None))
        self.columns = tuple(columns)
        self.of_field = {i: max(k for k, column in enumerate(columns) if column.field == i) for i in self.coded}
        """The finest column of each coded field."""
        self.coarsest = {i: min(k for k, column in enumerate(columns) if column.field == i) for i in self.coded}
        """The chapter of a tariff field, and the only column of any other coded field."""

    def kind(self, column: int) -> str:
        """The kind of the field behind a column."""
        return self.fields[self.columns[column].field].kind

    def value(self, declaration: Declaration, field: int) -> str | float | None:
        """What the declaration says in a modelled field."""
        value: str | float | None = getattr(declaration, self.fields[field].name)
        return value


@dataclass(frozen=True, slots=True)
class Columns:
    """n declarations: `codes` (n, columns), `amounts` (n, numeric fields; NaN where missing), `present` (n, fields)."""

    codes: Codes
    amounts: Floats
    present: Bools

    def __len__(self) -> int:
        """How many declarations."""
        return len(self.present)

    def take(self, rows: NDArray[Any]) -> Columns:
        """The declarations at some positions, or where a mask is true."""
        return Columns(self.codes[rows], self.amounts[rows], self.present[rows])


class _Codes(dict[str | None, int]):
    def __missing__(self, key: str | None) -> int:
        return UNKNOWN


class Vocabulary:
    """The values that training saw, by field, most frequent first."""

    def __init__(self, layout: Layout, values: dict[int, tuple[str, ...]]) -> None:
        """`values`: for each coded field's position its distinct values, in the order of their codes."""
        self.layout = layout
        self.values = values
        self._fields: dict[int, _Codes] = {}
        self._levels: dict[int, tuple[_Codes, Codes]] = {}
        self.labels: list[tuple[str, ...]] = []
        """By column: the values of the codes from FIRST on."""
        for k, column in enumerate(layout.columns):
            known = values[column.field]
            if column.digits is None:
                labels = known
                self._fields[column.field] = _numbered(known)
            else:
                labels = tuple(dict.fromkeys(value[: column.digits] for value in known))
                codes = _numbered(labels)
                of_full = [MISSING, UNKNOWN, *(codes[value[: column.digits]] for value in known)]
                self._levels[k] = (codes, np.array(of_full, dtype=np.int32))
                self._fields[column.field] = _numbered(known)
            self.labels.append(labels)
        self.sizes = np.array([len(labels) + FIRST for labels in self.labels])

    @classmethod
    def fit(cls, layout: Layout, counted: dict[int, dict[str, int]]) -> Vocabulary:
        """From how often each value of each coded field was seen."""
        order: Callable[[tuple[str, int]], tuple[int, str]] = lambda item: (-item[1], item[0])  # noqa: E731
        return cls(layout, {i: tuple(value for value, _ in sorted(counted[i].items(), key=order)) for i in layout.coded})

    def parents(self, column: int) -> Codes:
        """For each code of a tariff level, its code one level up."""
        digits = self.layout.columns[column - 1].digits
        above, _ = self._levels[column - 1]
        codes = [MISSING, UNKNOWN, *(above[label[:digits]] for label in self.labels[column])]
        return np.array(codes, dtype=np.int32)

    def columns(self, declarations: Sequence[Declaration]) -> Columns:
        """Codes, amounts and mask of declarations."""
        layout, n = self.layout, len(declarations)
        codes = np.empty((n, len(layout.columns)), dtype=np.int32)
        amounts = np.empty((n, len(layout.numeric)), dtype=np.float64)
        present = np.empty((n, len(layout.fields)), dtype=np.bool_)
        for j, i in enumerate(layout.numeric):
            found = map(attrgetter(layout.fields[i].name), declarations)
            amounts[:, j] = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
            present[:, i] = ~np.isnan(amounts[:, j])
        for i in layout.coded:
            texts = list(map(attrgetter(layout.fields[i].name), declarations))
            full = np.fromiter(map(self._fields[i].__getitem__, texts), dtype=np.int32, count=n)
            present[:, i] = full != MISSING
            self._fill(codes, i, full, texts)
        return Columns(codes, amounts, present)

    def recode(self, codes: Codes, field: int, full: Codes) -> None:
        """Writes known values of a field, given by their full codes, into all of its columns."""
        self._fill(codes, field, full, None)

    def _fill(self, codes: Codes, field: int, full: Codes, texts: list[str | None] | None) -> None:
        strange = np.flatnonzero(full == UNKNOWN) if texts is not None else ()
        for k, column in enumerate(self.layout.columns):
            if column.field != field:
                continue
            if column.digits is None:
                codes[:, k] = full
                continue
            known, of_full = self._levels[k]
            codes[:, k] = of_full[full]
            if texts is not None:
                for row in strange:  # a new subpartida still has a known heading or chapter
                    codes[row, k] = known[(texts[row] or "")[: column.digits]]


def _numbered(values: Iterable[str]) -> _Codes:
    codes = _Codes((value, code) for code, value in enumerate(values, start=FIRST))
    codes[None] = MISSING
    return codes
