"""Declarations with one field replaced: what the network learns to tell from real ones.

Nothing here knows what is odd in trade. A category is redrawn from another declaration, an amount likewise or multiplied
by log-normal noise. Replacements come from rows of the same fold, so that a replaced value is as new to the
out-of-fold statistics as a real one: being new gives nothing away.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.columns import MISSING, UNKNOWN, Columns, Vocabulary

NOISE = 2.0
"""Standard deviation of the natural logarithm of the factor on amounts."""
_REDRAWN = 0.3
"""Share of replaced amounts that are redrawn from another declaration instead."""
_UNSEEN = 0.3
"""Share of the ports, countries and other codes new to a company that are made new to everyone."""
_WHOLE, _FEW, _FEW_FIELDS = 0.4, 0.35, 3
"""Share of rows that keep all of their fields, share that loses a few, and how many these are at most."""


def replace_one(
    columns: Columns, vocabulary: Vocabulary, folds: NDArray[Any], random: np.random.Generator, untouched: Collection[str] = ()
) -> tuple[Columns, NDArray[np.int64]]:
    """A copy with one present field replaced in each row, and which one (-1: none, or the draw gave the same value);
    fields named in `untouched` are never replaced."""
    layout = vocabulary.layout
    open_ = columns.present & [field.name not in untouched for field in layout.fields]
    chosen = np.argmax(np.where(open_, random.random(open_.shape), -1.0), axis=1)
    chosen[~open_.any(axis=1)] = -1
    codes, amounts = columns.codes.copy(), columns.amounts.copy()
    donors = _donors(folds, random)
    for i in layout.coded:
        rows = np.flatnonzero(chosen == i)
        fine = layout.of_field[i]
        drawn = columns.codes[donors[rows], fine]
        same = (drawn == columns.codes[rows, fine]) | (drawn == MISSING)
        chosen[rows[same]] = -1
        replaced = codes[rows[~same]]
        vocabulary.recode(replaced, i, drawn[~same])
        codes[rows[~same]] = replaced
    for j, i in enumerate(layout.numeric):
        rows = np.flatnonzero(chosen == i)
        noisy = columns.amounts[rows, j] * np.exp(NOISE * random.standard_normal(len(rows)))
        drawn = columns.amounts[donors[rows], j]
        redrawn = ((random.random(len(rows)) < _REDRAWN) | (layout.fields[i].kind == "percent")) & ~np.isnan(drawn)
        amounts[rows, j] = np.where(redrawn, drawn, noisy)
        chosen[rows[amounts[rows, j] == columns.amounts[rows, j]]] = -1
    return Columns(codes, amounts, columns.present), chosen


def unsee(columns: Columns, vocabulary: Vocabulary, unused: NDArray[np.bool_], random: np.random.Generator) -> Columns:
    """A copy in which some of the values that their company never had, `unused` (n, F), are values that nobody ever had:
    a port without a past is then judged as one that this company never used, which new companies do every day."""
    codes = columns.codes.copy()
    for i in vocabulary.layout.coded:
        rows = np.flatnonzero(unused[:, i] & (random.random(len(columns)) < _UNSEEN))
        some = codes[rows]
        vocabulary.recode(some, i, np.full(len(rows), UNKNOWN, dtype=np.int32))
        codes[rows] = some
    return Columns(codes, columns.amounts, columns.present)


def masks(present: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.float32]:
    """Hides fields at random, (n, F): some rows keep all, some lose one to three, as gaps and unknown values take them,
    and the others keep each field with a chance of their own, so that every number of visible fields is met."""
    n = len(present)
    way = random.random(n)
    keep = np.where(way < _WHOLE, 1.0, random.random(n))
    shown = random.random(present.shape) < keep[:, None]
    order = np.argsort(random.random(present.shape), axis=1)
    few = order >= random.integers(1, _FEW_FIELDS + 1, n)[:, None]
    lose_few = (way >= _WHOLE) & (way < _WHOLE + _FEW)
    return (present & np.where(lose_few[:, None], few, shown)).astype(np.float32)


def _donors(folds: NDArray[Any], random: np.random.Generator) -> NDArray[np.int64]:
    """For each row another row of its fold, at random."""
    donors = np.empty(len(folds), dtype=np.int64)
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        donors[rows] = rows[random.integers(0, len(rows), len(rows))]
    return donors
