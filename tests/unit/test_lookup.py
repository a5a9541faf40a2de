"""The hash table answers as a dictionary does."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.lookup import Lookup

KEYS = st.lists(st.integers(0, 2**62), unique=True, max_size=200)


@given(KEYS, KEYS)
def test_finds_what_is_there_and_nothing_else(keys: list[int], others: list[int]) -> None:
    table = {key: at for at, key in enumerate(keys)}
    asked = np.array(keys + others, dtype=np.int64)
    found = Lookup(np.array(keys, dtype=np.int64)).find(asked)
    assert found.tolist() == [table.get(int(key), -1) for key in asked]


def test_keys_that_fall_on_the_same_slot_are_kept_apart() -> None:
    keys = np.arange(5000, dtype=np.int64) * (1 << 40)
    assert (Lookup(keys).find(keys) == np.arange(5000)).all()
