"""Fits the statistics of `core.statistics` to a table of past declarations, in whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.columns import FIRST, Codes, Columns, Vocabulary
from core.statistics import Arrays, Floats, Plan, Statistics

_TREE_PRIOR = 4.0
_HABIT_PRIOR = 2.0
"""How many declarations the level above, or the average company, counts for."""
_UNSEEN_KINDS = 10.0
"""Into how many values the share of everything never seen is divided."""


def count(vocabulary: Vocabulary, plan: Plan, columns: Columns, logs: Floats) -> Statistics:
    """The statistics of a table; `logs` are the logarithms of its amounts (NaN where missing)."""
    arrays: Arrays = {}
    codes, measures = columns.codes, logs @ plan.measures
    _count_values(vocabulary.sizes, codes, arrays)
    positions = _count_pairs(vocabulary.sizes, plan, codes, arrays)
    inside = _measure_tree(vocabulary, plan, codes, measures, arrays)
    _measure_habits(vocabulary.sizes, plan, codes, inside, measures, positions, arrays)
    return Statistics(vocabulary.sizes, plan, arrays)


def _count_values(sizes: NDArray[Any], codes: Codes, arrays: Arrays) -> None:
    counts, shares = [], []
    for k, size in enumerate(sizes):
        seen = np.bincount(codes[:, k], minlength=size).astype(np.float64)
        seen[:FIRST] = 0
        # Good and Turing: all that was never seen is about as likely as all that was seen once.
        unseen = (np.count_nonzero(seen == 1) + 1.0) / (seen.sum() + 2.0)
        share = seen * (1.0 - unseen) / max(seen.sum(), 1.0)
        share[seen == 0] = unseen / (np.count_nonzero(seen[FIRST:] == 0) + _UNSEEN_KINDS)
        counts.append(seen)
        shares.append(share)
    arrays["counts"] = np.concatenate(counts).astype(np.float32)
    arrays["shares"] = np.concatenate(shares).astype(np.float32)


def _count_pairs(sizes: NDArray[Any], plan: Plan, codes: Codes, arrays: Arrays) -> dict[int, tuple[NDArray[np.bool_], NDArray[Any]]]:
    """Returns, for the pairs with habits, which rows have both values and the position of their pair."""
    keys, counts, offset, positions = [], [], 0, {}
    sides: tuple[tuple[list[Any], list[Any]], ...] = (([], []), ([], []))
    wanted = {pair for pair, _ in plan.pair_habits}
    for p, (a, b) in enumerate(plan.pairs):
        both = (codes[:, a] >= FIRST) & (codes[:, b] >= FIRST)
        joint = codes[both, a].astype(np.int64) * sizes[b] + codes[both, b]
        key, inverse, times = np.unique(joint, return_inverse=True, return_counts=True)
        for (kinds, totals), part, size in zip(sides, (key // sizes[b], key % sizes[b]), (sizes[a], sizes[b]), strict=True):
            # A value never seen counts as one kind and no declarations, so that its lift is log(1/1) = 0.
            kinds.append(np.maximum(np.bincount(part, minlength=size), 1))
            totals.append(np.bincount(part, weights=times, minlength=size))
        if p in wanted:
            positions[p] = (both, inverse)
        keys.append(key + offset)
        counts.append(times)
        offset += int(sizes[a] * sizes[b])
    empty = [np.zeros(0, dtype=np.int64)]
    arrays["pair_keys"] = np.concatenate(keys or empty)
    arrays["pair_counts"] = np.concatenate(counts or empty).astype(np.float32)
    arrays["pair_starts"] = np.cumsum([0, *map(len, keys)])[:-1]
    for side, (kinds, totals) in enumerate(sides):
        arrays[f"kinds_{side}"] = np.concatenate(kinds or empty).astype(np.float32)
        arrays[f"totals_{side}"] = np.concatenate(totals or empty).astype(np.float32)
    return positions


def _measure_tree(vocabulary: Vocabulary, plan: Plan, codes: Codes, measures: Floats, arrays: Arrays) -> Floats:
    """Returns the measures' deviations from their usual level in the tree, in units of their usual spread."""
    filled = np.isfinite(measures)
    values = np.where(filled, measures, 0.0)
    n = np.maximum(filled.sum(axis=0), 1)
    mean = (values.sum(axis=0) / n)[None, :]
    variance = (np.where(filled, measures - mean, 0.0) ** 2).sum(axis=0)[None, :] / n + 1e-4
    rows, at, start = [np.hstack([mean, np.sqrt(variance)])], np.zeros(len(codes), dtype=np.int64), 1
    for k in plan.tree:
        size = int(vocabulary.sizes[k])
        parent = vocabulary.parents(k) if k != plan.tree[0] else np.zeros(size, dtype=np.int32)
        above_mean, above_variance = mean[parent], variance[parent]
        code = codes[:, k]
        total = _sums(code, filled.astype(np.float64), size)
        mean = (_sums(code, values, size) + _TREE_PRIOR * above_mean) / (total + _TREE_PRIOR)
        squares = _sums(code, np.where(filled, measures - mean[code], 0.0) ** 2, size)
        variance = (squares + _TREE_PRIOR * above_variance) / (total + _TREE_PRIOR)
        rows.append(np.hstack([mean, np.sqrt(variance)]))
        at = np.where(code >= FIRST, start + code, at)
        start += size
    arrays["tree"] = np.vstack(rows).astype(np.float32)
    half = measures.shape[1]
    found = arrays["tree"][at].astype(np.float64)
    return (measures - found[:, :half]) / found[:, half:]


def _measure_habits(
    sizes: NDArray[Any],
    plan: Plan,
    codes: Codes,
    inside: Floats,
    measures: Floats,
    positions: dict[int, tuple[NDArray[np.bool_], NDArray[Any]]],
    arrays: Arrays,
) -> None:
    half = measures.shape[1]
    root_mean, root_spread = arrays["tree"][:1, :half], arrays["tree"][:1, half:]
    overall = (measures - root_mean) / root_spread
    for k in plan.habits:
        tables = [_shrunk(codes[:, k], part, int(sizes[k])) for part in (inside, overall)]
        arrays[f"habit_{k}"] = np.hstack([part for table in tables for part in table]).astype(np.float32)
    for p, _ in plan.pair_habits:
        both, position = positions[p]
        size = int(position.max(initial=-1)) + 2  # the last row answers for pairs never seen
        arrays[f"pair_habit_{p}"] = np.hstack(_shrunk(position, inside[both], size)).astype(np.float32)


def _shrunk(code: NDArray[Any], deviations: Floats, size: int) -> tuple[Floats, Floats]:
    """Mean and spread of standardised deviations by code, drawn towards 0 and 1; codes without rows get just those."""
    filled = np.isfinite(deviations)
    values = np.where(filled, deviations, 0.0)
    n = _sums(code, filled.astype(np.float64), size)
    mean = _sums(code, values, size) / (n + _HABIT_PRIOR)
    squares = _sums(code, np.where(filled, values - mean[code], 0.0) ** 2, size)
    return mean, np.sqrt((squares + _HABIT_PRIOR) / (n + _HABIT_PRIOR))


def _sums(code: NDArray[Any], values: Floats, size: int) -> Floats:
    sums = np.empty((size, values.shape[1]))
    for x in range(values.shape[1]):
        sums[:, x] = np.bincount(code, weights=values[:, x], minlength=size)
    return sums
