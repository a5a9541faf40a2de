"""Why a declaration is strange: Shapley values over its fields, and what each field should have held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import shapley
from core.expected import Candidates
from core.features import Encoder, Inputs
from schemas.declaration import Declaration
from schemas.events import Contribution

Energies = Callable[[Inputs], NDArray[np.float32]]
_COPIES = 2048
"""How many masked copies go through the network at once: more leave the processor's caches and take a tenth longer."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Contributions by falling size; they sum to the declaration's error minus `base_value`."""

    base_value: float
    contributions: tuple[Contribution, ...]


def explain(declarations: Sequence[Declaration], encoder: Encoder, energies: Energies) -> list[Explanation]:
    """One explanation for each declaration, in order."""
    if not declarations:
        return []
    columns = encoder.columns(declarations)
    inputs = encoder.inputs(columns)
    worths, values = shapley_values(inputs, energies)
    expected = Candidates(encoder).expected(columns, energies)
    found = []
    for row, declaration in enumerate(declarations):
        contributions = [
            Contribution(
                encoder.fields[i],
                encoder.layout.value(declaration, i) or 0.0,
                float(values[row, i]),
                expected[row][i],
            )
            for i in np.flatnonzero(columns.present[row]).tolist()
        ]
        contributions.sort(key=lambda each: -abs(each.contribution))
        found.append(Explanation(float(worths[row]), tuple(contributions)))
    return found


def shapley_values(inputs: Inputs, energies: Energies, limit: int = shapley.EXACT_LIMIT) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The error with every field masked (n,), and the Shapley value of each field (n, F); 0 where it is missing.

    `limit` is the largest number of fields whose coalitions are all asked.
    """
    n, fields = inputs.mask.shape
    base, values = np.zeros(n), np.zeros((n, fields))
    present = inputs.mask > 0
    for pattern in np.unique(present, axis=0):
        players = np.flatnonzero(pattern)
        coalitions = shapley.coalitions(len(players), limit)
        masks = np.zeros((len(coalitions), fields), dtype=np.float32)
        masks[:, players] = coalitions
        rows = np.flatnonzero((present == pattern).all(axis=1))
        together = max(1, _COPIES // len(masks))
        for at in range(0, len(rows), together):
            some = rows[at : at + together]
            copies = np.repeat(some, len(masks))
            masked = Inputs(inputs.numbers[copies], inputs.tokens[copies], np.tile(masks, (len(some), 1)))
            worth = energies(masked).astype(np.float64).sum(axis=1).reshape(len(some), len(masks))
            base[some] = worth[:, 0]
            # One by one: a product with a matrix rounds otherwise than one with a row, and an alert is explained with
            # the same digits alone and among others.
            values[np.ix_(some, players)] = [shapley.values(each, len(players), limit) for each in worth]
    return base, values
