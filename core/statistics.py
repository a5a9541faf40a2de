"""What goes with what, counted over past declarations: values, pairs of values, and amounts within groups.

Pair probabilities are smoothed after Witten and Bell: the chance that a company ships through a port it never used
depends on how many different ports it has used so far. A company seen once or never therefore says little, and one of a
hundred declarations through a single port says a lot. Amounts are compared inside the tariff tree, where a level with
few declarations is drawn towards the one above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.columns import FIRST, Codes, Layout, Vocabulary
from core.lookup import Lookup

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

_PARTNERS = 4
_REMEMBERED = 100_000


@dataclass(frozen=True)
class Plan:
    """Which statistics are kept; columns are positions in the layout."""

    pairs: NDArray[np.int64]
    """(P, 2) columns that are counted together."""
    measures: Floats
    """(numeric fields, X): each measure is a logarithm of an amount, the difference of two, or a percentage."""
    tree: tuple[int, ...]
    """The columns of the tariff tree, coarse to fine; empty without a tariff field."""
    habits: tuple[int, ...]
    """Columns whose values have a level of their own of each measure: companies, ports, countries, transport modes."""
    pair_habits: tuple[tuple[int, int], ...]
    """(pair, column): pairs of such a value and a subpartida that have one, too: coffee from Brazil has its price."""

    @classmethod
    def of(cls, layout: Layout, vocabulary: Vocabulary) -> Plan:
        """Every pair of columns of different fields, without tariff levels that add nothing to the one above."""
        columns = layout.columns
        sizes = vocabulary.sizes
        useful = [k for k, column in enumerate(columns) if column.digits in (None, 2) or sizes[k] > sizes[k - 1]]
        useful = [k for k in useful if sizes[k] > FIRST + 1]
        levels = [k for k in useful if columns[k].digits is not None]
        tree = tuple(range(levels[0], levels[-1] + 1)) if levels else ()
        pairs = [(a, b) for a in useful for b in useful if a < b and columns[a].field != columns[b].field]
        amounts = [j for j, i in enumerate(layout.numeric) if layout.fields[i].kind == "amount"]
        basis = np.eye(len(layout.numeric))
        measures = [*basis, *(basis[a] - basis[b] for n, a in enumerate(amounts) for b in amounts[n + 1 :])]
        habits = tuple(k for k in useful if columns[k].digits is None)
        fine = next((k for k in reversed(levels) if columns[k].digits != 10), None)
        return cls(
            pairs=np.array(pairs, dtype=np.int64).reshape(-1, 2),
            measures=np.array(measures).reshape(-1, len(layout.numeric)).T,
            tree=tree,
            habits=habits,
            pair_habits=tuple((p, k) for p, pair in enumerate(pairs) for k in habits if set(pair) == {k, fine}),
        )


class Statistics:
    """Fitted to the declarations of one table, asked about any others."""

    def __init__(self, sizes: NDArray[np.int64], plan: Plan, arrays: Arrays) -> None:
        self.plan, self.arrays = plan, arrays
        first, second = plan.pairs[:, 0], plan.pairs[:, 1]
        self._width = sizes[second]
        self._offset = starts(sizes[first] * sizes[second])
        self._column = starts(sizes)
        self._side = (starts(sizes[first]), starts(sizes[second]))
        self._keys = Lookup(arrays["pair_keys"])
        self._pair_count = np.append(arrays["pair_counts"], 0).astype(np.float32)  # the last: never seen together
        self._share = arrays["shares"]
        self._pairs = {(a, b): pair for pair, (a, b) in enumerate(plan.pairs.tolist())}
        self._into: dict[int, list[tuple[int, int]]] = {}
        for pair, (other, column) in enumerate(plan.pairs.tolist()):
            self._into.setdefault(column, []).append((pair, other))
        self._remembered: dict[tuple[int, int], tuple[int, ...]] = {}
        self._tree_starts = 1 + starts(sizes[list(plan.tree)])

    def rarity(self, codes: Codes) -> tuple[Floats, Floats]:
        """-log share and log(1 + count) of each value, both (n, columns)."""
        at = self._column + codes
        return -np.log(self._share[at]), np.log1p(self.arrays["counts"][at])

    def known(self, column: int, codes: Codes) -> NDArray[np.bool_]:
        """Which declarations have a value in this column that was counted at least once, (n,)."""
        return np.asarray(self.arrays["counts"][self._column[column] + codes[:, column]] > 0)

    def together(self, first: int, second: int, codes: Codes) -> NDArray[np.bool_]:
        """Which declarations have values in two columns that were counted together, (n,); all, when the plan counts no
        such pair."""
        pair = self._pairs.get((first, second))
        if pair is None:
            return np.ones(len(codes), dtype=np.bool_)
        position = self._keys.find(codes[:, first] * self._width[pair] + codes[:, second] + self._offset[pair])
        return np.asarray(position >= 0)

    def lifts(self, codes: Codes) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int32]]:
        """log P(b|a)/P(b) and log P(a|b)/P(a) for each pair, (n, P), and where its statistics lie (-1: never seen).

        Zero means that one value says nothing about the other, which is so for any value never seen before.
        """
        first, second = codes[:, self.plan.pairs[:, 0]], codes[:, self.plan.pairs[:, 1]]
        position = self._keys.find(first * self._width + second + self._offset)
        together = self._pair_count[position]
        share = self._share[self._column + codes]
        return (
            self._lift(0, first, together, share[:, self.plan.pairs[:, 1]]),
            self._lift(1, second, together, share[:, self.plan.pairs[:, 0]]),
            position,
        )

    def _lift(self, side: int, codes: Codes, together: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
        at = self._side[side] + codes
        kinds = self.arrays[f"kinds_{side}"][at]
        return np.asarray(np.log((together / share + kinds) / (self.arrays[f"totals_{side}"][at] + kinds)))

    def tree(self, codes: Codes) -> tuple[Floats, Floats]:
        """The usual level and spread of each measure where a declaration stands in the tariff tree, (n, X)."""
        at = np.zeros(len(codes), dtype=np.int64)
        for k, start in zip(self.plan.tree, self._tree_starts, strict=True):
            at = np.where(codes[:, k] >= FIRST, start + codes[:, k], at)
        both = self.arrays["tree"][at]
        half = both.shape[1] // 2
        return both[:, :half], both[:, half:]

    def habit(self, column: int, codes: Codes) -> NDArray[Any]:
        """A value's own level and spread of each measure, (n, 4X): level and spread inside the tree, then overall."""
        found: NDArray[Any] = self.arrays[f"habit_{column}"][codes[:, column]]
        return found

    def pair_habit(self, pair: int, position: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """A value's own level and spread inside one subpartida, (n, 2X), and whether they were ever seen together."""
        at = position[:, pair]
        known = at >= 0
        table = self.arrays[f"pair_habit_{pair}"]
        return table[np.where(known, at - self._pair_start(pair), -1)], known

    def shares(self, column: int) -> NDArray[Any]:
        """The share of each code of a column."""
        found: NDArray[Any] = self._share[self._column[column] :]
        return found

    def usual(self, codes: Codes, amount: int) -> tuple[float, float]:
        """Mean and spread of an amount's logarithm for one declaration's subpartida."""
        mean, spread = self.tree(codes)  # the first measures are the amounts themselves
        return float(mean[0, amount]), float(spread[0, amount])

    def partners(self, codes: NDArray[Any], column: int) -> Iterator[int]:
        """Codes of a column that were often seen with one declaration's other values: some for each of them."""
        for pair, other in self._into.get(column, ()):
            if codes[other] >= FIRST:
                yield from self._often(pair, int(codes[other]))

    def _often(self, pair: int, code: int) -> tuple[int, ...]:
        """The codes that a code was most often seen with; remembered, since the same ports and products come again."""
        found = self._remembered.get((pair, code))
        if found is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            low = self._offset[pair] + code * self._width[pair]
            at = slice(*np.searchsorted(self.arrays["pair_keys"], [low, low + self._width[pair]]))
            order = np.argsort(-self.arrays["pair_counts"][at], kind="stable")[:_PARTNERS]
            found = self._remembered[pair, code] = tuple((self.arrays["pair_keys"][at][order] - low).tolist())
        return found

    def _pair_start(self, pair: int) -> int:
        return int(self.arrays["pair_starts"][pair])


def starts(sizes: NDArray[Any]) -> NDArray[np.int64]:
    """Where each of several tables begins when they lie one after another."""
    return np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
