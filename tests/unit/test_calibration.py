"""A score is the tail probability that it claims to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calibration import Calibration, Tail, like


@pytest.mark.parametrize("draw", ["exponential", "lognormal", "normal"])
def test_one_in_a_hundred_scores_above_two(draw: str) -> None:
    random = np.random.default_rng(1)
    sample = getattr(random, draw)
    tail = Tail.fit(sample(size=5000))
    later = tail.scores(sample(size=200_000))
    for budget in (0.2, 0.05, 0.01):
        share = (later >= -np.log10(budget)).mean()
        assert 0.7 * budget < share < 1.4 * budget
    # The tail may be given too much weight far out (a normal one ends sooner than it may be fitted), never too little.
    assert (later >= 4).mean() < 3e-4


@given(st.lists(st.floats(0, 1e6), min_size=60, max_size=200), st.lists(st.floats(0, 1e9), min_size=2, max_size=20))
def test_a_larger_error_never_scores_less(sample: list[float], errors: list[float]) -> None:
    scores = Tail.fit(np.array(sample)).scores(np.sort(errors))
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert (np.diff(scores) >= 0).all()


def test_errors_beyond_all_that_was_seen_are_still_ranked() -> None:
    tail = Tail.fit(np.random.default_rng(0).uniform(0, 1, 1000))
    assert (np.diff(tail.scores(np.array([1.0, 2.0, 10.0, 1e3, 1e6]))) > 0).all()


def test_a_constant_error_is_nothing_special() -> None:
    """All reference errors equal: the same error again is as normal as can be."""
    tail = Tail.fit(np.full(100, 0.5))
    assert tail.scores(np.array([0.5]))[0] == 0
    assert tail.scores(np.array([0.6]))[0] > 1


def test_too_few_or_infinite_errors_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        Tail.fit(np.ones(3))
    with pytest.raises(ValueError, match="finite"):
        Tail.fit(np.array([np.nan] * 100))


def test_each_set_of_present_fields_is_calibrated_once() -> None:
    asked = []

    def fit(present: np.ndarray) -> Tail:
        asked.append(present.tolist())
        return Tail.fit(np.linspace(0, 1 + present.sum(), 100))

    calibration = Calibration({}, fit)
    present = np.array([[True, True], [True, False], [True, True]])
    scores = calibration.scores(np.array([1.0, 1.0, 1.0]), present)
    calibration.scores(np.array([1.0]), present[:1])
    assert asked == [[True, False], [True, True]]
    assert scores[0] == scores[2] != scores[1]


def test_reference_rows_are_those_with_the_same_fields_when_there_are_enough() -> None:
    reference = np.array([[True, True]] * 5 + [[True, False]] * 5)
    assert like(np.array([True, False]), reference, enough=5).tolist() == [5, 6, 7, 8, 9]
    assert len(like(np.array([True, False]), reference, enough=6)) == 10
