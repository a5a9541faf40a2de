"""From an error to a score: how rare is an error this large among normal declarations?

`score = -log10(P(error of a normal declaration >= this error))`. The distribution is empirical as far as the sample
reaches, to its last hundredth at most; beyond that a generalised Pareto tail is fitted, so that errors larger than any
seen while calibrating are still ranked. The tail never ends (its shape is kept at zero or above), so two different
errors never get the same score there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TAIL_SHARE = 0.01
MIN_SAMPLE = 50
_EXCESSES = 30
"""How many errors a tail is fitted to at least: it begins earlier in a small sample."""
_WIDEST = 0.1
_GRID = np.unique(np.round(np.concatenate([np.arange(0, 0.5, 0.02), np.arange(0.5, 0.9, 0.005), np.arange(0.9, 0.9901, 0.001)]), 3))
_MAX_SHAPE = 0.5
_STRAIGHT = 1e-9
_DIGITS = 9
"""Errors closer than this many decimals are the same error."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The distribution of normal errors for one set of present fields."""

    errors: Floats
    """Quantiles of the body, increasing, at the fixed levels of `_GRID`."""
    scale: float
    shape: float

    @classmethod
    def fit(cls, errors: Floats) -> Tail:
        """Fits to the errors of normal declarations that were not trained on (at least `MIN_SAMPLE`)."""
        errors = np.sort(np.asarray(errors, dtype=np.float64))
        if errors.size < MIN_SAMPLE or not np.isfinite(errors).all():
            raise ValueError(f"calibration needs at least {MIN_SAMPLE} finite errors, got {errors.size}")
        share = min(max(_EXCESSES / errors.size, TAIL_SHARE), _WIDEST)
        start = float(np.quantile(errors, 1 - share))
        scale, shape = _fit_pareto(errors[errors > start] - start)
        scale = max(scale, 1e-6 * (1.0 + float(errors[-1] - errors[0])))
        beyond = np.maximum(share / (1 - _GRID), 1.0)  # how much rarer than the start of the tail
        grown = (beyond**shape - 1) / shape if shape > _STRAIGHT else np.log(beyond)
        quantiles = np.where(beyond > 1, start + scale * grown, np.quantile(errors, _GRID))
        quantiles = np.maximum.accumulate(np.round(quantiles, _DIGITS))
        return cls(quantiles, scale + shape * float(quantiles[-1] - start), shape)

    def scores(self, errors: Floats) -> Floats:
        """Scores on the -log10 scale; never negative, increasing with the error."""
        errors = np.asarray(errors, dtype=np.float64)
        # At equal quantiles (a discrete distribution) the first level counts: P(error >= e), not P(error > e).
        knots, first = np.unique(self.errors, return_index=True)
        body = -np.log10(1.0 - np.interp(errors, knots, _GRID[first]))
        excess = np.maximum(errors - self.errors[-1], 0.0) / self.scale
        decay = np.log1p(self.shape * excess) / self.shape if self.shape > _STRAIGHT else excess
        tail = -np.log10(TAIL_SHARE) + decay / np.log(10.0)
        return np.asarray(np.where(errors > self.errors[-1], tail, body))


def _fit_pareto(excesses: Floats) -> tuple[float, float]:
    """Probability-weighted moments (Hosking and Wallis, 1987): closed form, stable on small samples."""
    n = excesses.size
    if n < 5:
        return float(excesses.mean()) if n else 0.0, 0.0
    excesses = np.sort(excesses)
    mean = float(excesses.mean())
    weighted = float(np.mean(excesses * (n - 1 - np.arange(n)) / (n - 1)))
    shape = 2.0 - mean / (mean - 2.0 * weighted) if mean > 2.0 * weighted else _MAX_SHAPE
    shape = min(max(shape, 0.0), _MAX_SHAPE)
    # The mean of the fitted tail is the mean seen, whatever the shape was limited to.
    return mean * (1.0 - shape), shape


class Calibration:
    """One tail for each set of present fields: a declaration with three fields is judged among its like.

    The tails of the usual sets are fitted while training. Any other set is fitted when it is first met, on the same
    reference declarations with the other fields masked, and then remembered.
    """

    def __init__(self, tails: dict[bytes, Tail], fit: Callable[[Bools], Tail]) -> None:
        """`tails` by `pattern`; `fit` calibrates another set, given as a mask over the fields."""
        self._tails = dict(tails)
        self._fit = fit

    def scores(self, errors: Floats, present: Bools) -> Floats:
        """Scores of declarations with these errors and these present fields (n, F)."""
        scores = np.empty(len(errors), dtype=np.float64)
        packed = np.packbits(present, axis=1)
        for key in np.unique(packed, axis=0) if len(packed) else ():
            rows = np.flatnonzero((packed == key).all(axis=1))
            scores[rows] = self._tail(present[rows[0]]).scores(errors[rows])
        return scores

    def _tail(self, present: Bools) -> Tail:
        key = pattern(present)
        if key not in self._tails:
            self._tails[key] = self._fit(present)
        return self._tails[key]


def pattern(present: Bools) -> bytes:
    """The key of a set of present fields."""
    return np.packbits(present).tobytes()


def like(present: Bools, reference: Bools, enough: int = 500) -> NDArray[np.int64]:
    """Which reference declarations to calibrate a set of fields on, their other fields masked.

    Those that have just these fields when there are enough of them, since gaps are not made by chance; otherwise those
    that have at least these; otherwise all.
    """
    for choice in ((reference == present).all(axis=1), (reference >= present).all(axis=1)):
        rows = np.flatnonzero(choice)
        if rows.size >= enough:
            return rows
    return np.arange(len(reference))
