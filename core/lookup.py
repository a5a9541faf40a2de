"""A read-only hash table from 64-bit keys to their positions, asked for whole arrays at once.

Context features need some sixty pair counts for each declaration; a dictionary would be the slowest part of scoring and
a binary search costs three times as much.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class Lookup:
    """Open addressing with linear probing at a load of a quarter to a half."""

    def __init__(self, keys: NDArray[np.int64]) -> None:
        """`keys` are distinct and not negative."""
        self._bits = max(len(keys).bit_length() + 1, 4)
        self._last = (1 << self._bits) - 1
        self._keys = np.append(keys, -1)  # position -1, "nobody", reads a key that no question equals
        self._slots = np.full(1 << self._bits, -1, dtype=np.int32)
        at = self._hash(keys)
        waiting = np.arange(len(keys), dtype=np.int32)
        while waiting.size:
            free = waiting[self._slots[at[waiting]] == -1]
            self._slots[at[free]] = free
            waiting = waiting[self._slots[at[waiting]] != waiting]
            at[waiting] = (at[waiting] + 1) & self._last

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """The position of each key, -1 where there is none; the shape of `keys`."""
        asked = keys.reshape(-1)
        at = self._hash(asked)
        found = self._slots[at]
        wrong = np.flatnonzero((found >= 0) & (self._keys[found] != asked))
        while wrong.size:
            at[wrong] = (at[wrong] + 1) & self._last
            found[wrong] = self._slots[at[wrong]]
            wrong = wrong[(found[wrong] >= 0) & (self._keys[found[wrong]] != asked[wrong])]
        return found.reshape(keys.shape)

    def _hash(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        return ((keys.astype(np.uint64) * _MULTIPLIER) >> np.uint64(64 - self._bits)).astype(np.int64)
