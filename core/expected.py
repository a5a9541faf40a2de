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
_TOGETHER = 16
"""Declarations whose candidates go through the network at once: some 250 of each."""
_LOW, _HIGH = 0.05, 0.95
_SMALL = 1e-9


class Candidates:
    """Asks the network about alternative values."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._statistics = encoder.statistics

    def expected(self, columns: Columns, energies: Energies) -> list[Answers]:
        """For each declaration, by position of each present field, plain data as in `schemas.events.Contribution.expected`."""
        pieces = (np.arange(at, min(at + _TOGETHER, len(columns))) for at in range(0, len(columns), _TOGETHER))
        return [answers for rows in pieces for answers in self._answers(columns.take(rows), energies)]

    def _answers(self, columns: Columns, energies: Energies) -> list[Answers]:
        """Puts candidates in the place of every field of a few declarations: one batch, since for a single alert calling
        the encoder and the network costs more than what they do."""
        answers: list[Answers] = [{} for _ in range(len(columns))]
        asked = [(row, field) for row, field in np.argwhere(columns.present).tolist()]
        if not asked:
            return answers
        tried = [self._candidates(columns.codes[row], field) for row, field in asked]
        lengths = [len(values) for values, _ in tried]
        ends = np.cumsum(lengths).tolist()
        rows, fields = np.repeat(np.array(asked), lengths, axis=0).T
        copies = columns.take(rows)
        for (_, field), (values, _), length, end in zip(asked, tried, lengths, ends, strict=True):
            self._put(copies, slice(end - length, end), field, values)
        energy = np.maximum(energies(self._encoder.inputs(copies)).astype(np.float64), _SMALL)
        error = energy.sum(axis=1)
        odds = energy[np.arange(len(fields)), fields] / error * np.expm1(error)  # replaced here, against replaced nowhere
        for (row, field), (values, weights), of_values in zip(asked, tried, np.split(odds, ends[:-1]), strict=True):
            chance = weights / of_values
            chance /= chance.sum()
            answers[row][field] = self._named(field, values, chance) if self._coded(field) else _range(values, chance)
        return answers

    def _coded(self, field: int) -> bool:
        return field in self._encoder.layout.of_field

    def _candidates(self, codes: NDArray[Any], field: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Values to try in a field of one declaration, and how often a replacement would have been each of them."""
        return self._codes(codes, field) if self._coded(field) else self._amounts(codes, field)

    def _put(self, copies: Columns, place: slice, field: int, values: NDArray[Any]) -> None:
        if self._coded(field):
            self._encoder.vocabulary.recode(copies.codes[place], field, values)
        else:
            copies.amounts[place, self._encoder.layout.numeric.index(field)] = values

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
