"""Shapley values of a set function, exactly or by antithetic permutations.

Players are fields, a coalition is the set of fields that stay visible, its worth is the error of the declaration with
the others masked. Nothing here knows about networks.
"""

from __future__ import annotations

from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

EXACT_LIMIT = 11
"""Up to this many players all 2^n coalitions are asked (2,048 of them), above it a sample of permutations. Wherever a
`limit` is an argument, another may be tried."""
PERMUTATIONS = 64


@lru_cache(maxsize=32)
def coalitions(players: int, limit: int = EXACT_LIMIT) -> Masks:
    """The coalitions whose worth `values` needs, as rows; the first is empty and the last is everyone."""
    if players <= limit:
        numbers = np.arange(2**players)
        masks = (numbers[:, None] >> np.arange(players)) & 1 == 1
    else:
        packed = np.unique(_chains(players).reshape(-1, players), axis=0)
        masks = packed[np.argsort(packed.sum(axis=1), kind="stable")]
    masks.setflags(write=False)
    return np.asarray(masks)


def values(worth: Floats, players: int, limit: int = EXACT_LIMIT) -> Floats:
    """Shapley values, shape (..., players), from the worth of `coalitions(players, limit)` in the last axis.

    They sum to worth[..., -1] - worth[..., 0]: exactly for the enumeration, and by telescoping for permutations.
    """
    return np.asarray(worth @ _weights(players, limit), dtype=np.float64)


@lru_cache(maxsize=32)
def _weights(players: int, limit: int) -> Floats:
    """The linear map from the worth of coalitions to values: (coalitions, players)."""
    masks = coalitions(players, limit)
    if players <= limit:
        sizes = masks.sum(axis=1)
        factorials = np.array([factorial(i) for i in range(players + 1)], dtype=np.float64)
        total = float(factorials[-1])
        joined = factorials[np.maximum(sizes - 1, 0)] * factorials[players - sizes] / total
        left = factorials[sizes] * factorials[np.maximum(players - sizes - 1, 0)] / total
        return np.asarray(np.where(masks, joined[:, None], -left[:, None]))
    index = {row.tobytes(): i for i, row in enumerate(np.ascontiguousarray(masks))}
    matrix = np.zeros((len(masks), players))
    chains = _chains(players)
    for chain in chains:
        at = [index[np.ascontiguousarray(row).tobytes()] for row in chain]
        for before, after, low, high in zip(at[:-1], at[1:], chain[:-1], chain[1:], strict=True):
            player = int(np.flatnonzero(low != high)[0])
            matrix[after, player] += 1.0
            matrix[before, player] -= 1.0
    return matrix / len(chains)


@lru_cache(maxsize=8)
def _chains(players: int) -> Masks:
    """Growing coalitions along fixed random orders and their reverses: (orders, players + 1, players)."""
    random = np.random.default_rng(players)
    orders = [random.permutation(players) for _ in range(PERMUTATIONS // 2)]
    orders += [order[::-1] for order in orders]
    ranks = np.argsort(np.array(orders), axis=1)
    return np.asarray(ranks[:, None, :] < np.arange(players + 1)[None, :, None])
