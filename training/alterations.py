"""Declarations altered on purpose, to see whether a model notices: it never learns from any of these.

The kinds are what customs officers look for, one field at a time; the last two touch what no corruption in training
touches. Relational kinds need a past, so only declarations of companies with at least `ENOUGH_PAST` earlier ones get them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.datasets import CORE_FIELDS

Row = Any
"""A declaration, with the optional fields of its dataset."""

ENOUGH_PAST = 5
SHARE = 0.05
_TRIES = 50


class Past:
    """What companies did before: the ports, countries and chapters of each, and how many declarations it made."""

    def __init__(self, earlier: Sequence[Row]) -> None:
        """`earlier` is what a replaced value is drawn from; raises ValueError when it is empty."""
        if not earlier:
            raise ValueError("alterations draw from earlier declarations, and there are none")
        self.earlier = earlier
        self.declared: defaultdict[str, int] = defaultdict(int)
        self.used: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for each in earlier:
            self.declared[each.empresa] += 1
            self.used[each.empresa, "puerto"].add(each.puerto)
            self.used[each.empresa, "subpartida"].add(each.subpartida[:2])
            if each.pais:
                self.used[each.empresa, "pais"].add(each.pais)

    def knows(self, empresa: str) -> bool:
        """Whether a company has habits to depart from."""
        return self.declared[empresa] >= ENOUGH_PAST

    def foreign(self, empresa: str, field: str, random: np.random.Generator) -> str | None:
        """A value drawn from all earlier declarations that this company never had; None when none is found."""
        for at in random.integers(0, len(self.earlier), _TRIES).tolist():
            value: str | None = getattr(self.earlier[at], field)
            if value and value[: 2 if field == "subpartida" else None] not in self.used[empresa, field]:
                return value
        return None


Alter = Callable[[Row, Past, np.random.Generator], Row]


@dataclass(frozen=True)
class Kind:
    """One kind of alteration: its name, the fields to blame, and how it is made (None: it does not apply)."""

    name: str
    fields: tuple[str, ...]
    alter: Alter


def _times(field: str, *factors: float) -> Alter:
    def alter(row: Row, _: Past, random: np.random.Generator) -> Row:
        value = getattr(row, field, None)
        return msgspec.structs.replace(row, **{field: value * factors[int(random.integers(len(factors)))]}) if value else None

    return alter


def _foreign(field: str) -> Alter:
    def alter(row: Row, past: Past, random: np.random.Generator) -> Row:
        if not past.knows(row.empresa) or getattr(row, field, None) is None:
            return None
        value = past.foreign(row.empresa, field, random)
        return msgspec.structs.replace(row, **{field: value}) if value else None

    return alter


def _swapped(row: Row, past: Past, random: np.random.Generator) -> Row:
    """Buyer and price of another declaration: each is usual somewhere, together they are of two different shipments."""
    other = past.earlier[int(random.integers(len(past.earlier)))]
    taken = {field: getattr(other, field) for field in ("contraparte", "valor_fob_usd") if getattr(row, field) is not None}
    taken = {field: value for field, value in taken.items() if value not in (None, getattr(row, field))}
    return msgspec.structs.replace(row, **taken) if len(taken) > 1 else None


def _round(row: Row, _: Past, random: np.random.Generator) -> Row:
    """Made-up amounts: value and weight become the next power of ten, as nobody weighs them."""
    if not row.valor_fob_usd or not row.peso_neto_kg:
        return None
    up = random.random() < 0.5
    value, weight = (float(10 ** (np.ceil(np.log10(x)) if up else np.floor(np.log10(x)))) for x in (row.valor_fob_usd, row.peso_neto_kg))
    return (
        None
        if (value, weight) == (row.valor_fob_usd, row.peso_neto_kg)
        else msgspec.structs.replace(row, valor_fob_usd=value, peso_neto_kg=weight)
    )


SINGLE = (
    Kind("value ×10", ("valor_fob_usd",), _times("valor_fob_usd", 10.0)),
    Kind("value ×0.2", ("valor_fob_usd",), _times("valor_fob_usd", 0.2)),
    Kind("weight ×10 or ÷10", ("peso_neto_kg",), _times("peso_neto_kg", 10.0, 0.1)),
    Kind("subpartida of a foreign chapter", ("subpartida",), _foreign("subpartida")),
    Kind("port never used", ("puerto",), _foreign("puerto")),
    Kind("country never traded with", ("pais",), _foreign("pais")),
)
"""One field each, in equal shares in a mixed set."""
UNTRAINED = (
    Kind("buyer and value of another declaration", ("contraparte", "valor_fob_usd"), _swapped),
    Kind("value and weight rounded to a power of ten", ("valor_fob_usd", "peso_neto_kg"), _round),
)
"""Two fields at a time: no corruption in training does that."""


@dataclass(frozen=True)
class Altered:
    """Declarations of which some were altered, and by which kind each (None: untouched)."""

    declarations: list[Row]
    kinds: list[Kind | None]

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Which were altered, (n,)."""
        return np.array([kind is not None for kind in self.kinds])


def alter(rows: Sequence[Row], past: Past, kinds: Sequence[Kind], seed: int, share: float = SHARE) -> Altered:
    """A copy of the rows with a share of them altered, each by one of the kinds in turn; fewer when no row has room."""
    random = np.random.default_rng(seed)
    found, by = list(rows), list[Kind | None]([None] * len(rows))
    wanted = {
        kind.name: round(share * len(rows) * (i + 1) / len(kinds)) - round(share * len(rows) * i / len(kinds))
        for i, kind in enumerate(kinds)
    }
    for at in random.permutation(len(rows)).tolist():
        open_ = [kind for kind in kinds if wanted[kind.name] > 0]
        if not open_:
            break
        for kind in (open_[i] for i in random.permutation(len(open_))):
            changed = kind.alter(rows[at], past, random)
            if changed is not None:
                found[at], by[at] = changed, kind
                wanted[kind.name] -= 1
                break
    return Altered(found, by)


def bare(row: Row) -> Row:
    """A declaration with the required fields alone."""
    return type(row)(**{name: getattr(row, name) for name in CORE_FIELDS})


def applicable(rows: Sequence[Row], past: Past, kinds: Sequence[Kind] = SINGLE + UNTRAINED) -> Mapping[str, Kind]:
    """The kinds that some of the rows have room for, by name."""
    random = np.random.default_rng(0)
    return {kind.name: kind for kind in kinds if any(kind.alter(row, past, random) for row in rows[:5000])}
