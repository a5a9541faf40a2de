"""What the network would have found normal in a field, given the declaration's other fields.

The network was taught to tell real values from replaced ones, so by Bayes' rule its odds turn the replacements'
distribution back into that of real values: p(value | others) is proportional to q(value) / odds(replaced | value,
others). Candidates are put in the field's place, one batch for many declarations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.columns import FIRST, Columns
from core.features import Encoder, Inputs

Energies = Callable[[Inputs], NDArray[np.float32]]
Answers = dict[int, dict[str, Any]]
"""By position of a field, what would have been normal in it."""

_COMMON = 8
"""Candidates by overall frequency."""
_GRID = 17
"""Candidates for an amount."""
_SHOWN = 3
_TOGETHER = 128
"""Declarations whose candidates go through the network at once."""
_LOW, _HIGH = 0.05, 0.95
_SMALL = 1e-9


class Candidates:
    """Asks the network about alternative values."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._statistics = encoder.statistics

    def expected(self, columns: Columns, energies: Energies) -> list[Answers]:
        """For each declaration, by position of each present field, plain data as in `schemas.events.Contribution.expected`."""
        answers: list[Answers] = [{} for _ in range(len(columns))]
        for i in range(len(self._encoder.fields)):
            rows = np.flatnonzero(columns.present[:, i])
            for at in range(0, len(rows), _TOGETHER):
                self._answer(i, rows[at : at + _TOGETHER], columns, energies, answers)
        return answers

    def _answer(self, field: int, rows: NDArray[Any], columns: Columns, energies: Energies, answers: list[Answers]) -> None:
        """Puts candidates in the place of one field of some declarations, one batch for all of them."""
        layout = self._encoder.layout
        coded = field in layout.of_field
        tried = [self._codes(columns.codes[row], field) if coded else self._amounts(columns.codes[row], field) for row in rows]
        lengths = [len(values) for values, _ in tried]
        copies = columns.take(np.repeat(rows, lengths))
        together = np.concatenate([values for values, _ in tried])
        if coded:
            self._encoder.vocabulary.recode(copies.codes, field, together)
        else:
            copies.amounts[:, layout.numeric.index(field)] = together
        energy = np.maximum(energies(self._encoder.inputs(copies)).astype(np.float64), _SMALL)
        error = energy.sum(axis=1)
        odds = energy[:, field] / error * np.expm1(error)  # replaced here, against replaced nowhere
        for row, (values, weights), of_row in zip(rows.tolist(), tried, np.split(odds, np.cumsum(lengths)[:-1]), strict=True):
            chance = weights / of_row
            chance /= chance.sum()
            answers[row][field] = self._named(field, values, chance) if coded else _range(values, chance)

    def _codes(self, codes: NDArray[Any], field: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        fine = self._encoder.layout.of_field[field]
        size = int(self._encoder.vocabulary.sizes[fine])
        common = range(FIRST, min(size, FIRST + _COMMON))
        own = int(codes[fine])
        values = {*common, *self._statistics.partners(codes, fine), *([own] if own >= FIRST else [])}
        found = np.fromiter(sorted(values), dtype=np.int32, count=len(values))
        return found, self._statistics.shares(fine)[found].astype(np.float64)

    def _amounts(self, codes: NDArray[Any], field: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """A grid over what is usual for the subpartida, and wide around it; weights as broad as the training noise."""
        j = self._encoder.layout.numeric.index(field)
        mean, spread = self._statistics.usual(codes[None, :], j)
        steps = np.linspace(-4.0, 4.0, _GRID)
        values = self._encoder.amounts(mean + steps * spread, j)
        return values, np.exp(-0.5 * (steps * spread) ** 2 / (4.0 + spread**2))

    def _named(self, field: int, values: NDArray[Any], chance: NDArray[np.float64]) -> dict[str, Any]:
        known = self._encoder.vocabulary.values[field]
        best = np.argsort(-chance, kind="stable")[:_SHOWN]
        return {"values": [{"value": known[values[at] - FIRST], "probability": round(float(chance[at]), 4)} for at in best]}


def _range(values: NDArray[np.float64], chance: NDArray[np.float64]) -> dict[str, Any]:
    below = np.cumsum(chance) - chance / 2
    low, middle, high = (float(f"{np.interp(level, below, values):.4g}") for level in (_LOW, 0.5, _HIGH))
    return {"value": middle, "low": low, "high": high}
