"""Shapley values are complete, fair and those of the reference implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import shapley


@given(st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_exact_values_sum_to_what_there_is_to_share(players: int, seed: int) -> None:
    worth = np.random.default_rng(seed).normal(size=(3, 2**players)) * 100
    values = shapley.values(worth, players)
    assert values.shape == (3, players)
    np.testing.assert_allclose(values.sum(axis=1), worth[:, -1] - worth[:, 0], atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(12, 15), st.integers(0, 2**32 - 1))
def test_sampled_values_sum_to_it_as_well(players: int, seed: int) -> None:
    masks = shapley.coalitions(players)
    assert not masks[0].any()
    assert masks[-1].all()
    worth = np.random.default_rng(seed).normal(size=len(masks))
    np.testing.assert_allclose(shapley.values(worth, players).sum(), worth[-1] - worth[0], atol=1e-9)


def test_sampled_values_are_exact_for_additive_games_and_pairs() -> None:
    """An order and its reverse together give each of two interacting players half of what they make together."""
    players = 13
    masks = shapley.coalitions(players)
    weights = np.arange(players) - 4.0
    worth = masks @ weights + 3.0 * (masks[:, 2] & masks[:, 7])
    expected = weights.copy()
    expected[[2, 7]] += 1.5
    np.testing.assert_allclose(shapley.values(worth, players), expected, atol=1e-9)


@pytest.mark.parametrize("players", [6, 11])
def test_a_sample_comes_near_the_exact_values(players: int) -> None:
    """A limit of 0 samples where all coalitions could be asked: triples of players, of which permutations see some orders."""
    triples = np.random.default_rng(players).normal(size=(players, players, players))

    def worth(masks: np.ndarray) -> np.ndarray:
        present = masks.astype(float)
        return np.einsum("ni,nj,nk,ijk->n", present, present, present, triples)

    exact = shapley.values(worth(shapley.coalitions(players)), players)
    sampled = shapley.values(worth(shapley.coalitions(players, 0)), players, 0)
    np.testing.assert_allclose(sampled.sum(), exact.sum(), atol=1e-9)
    assert 0 < np.abs(sampled - exact).max() < 0.25 * np.abs(exact).max()


def test_a_field_that_changes_nothing_gets_nothing() -> None:
    masks = shapley.coalitions(4)
    worth = np.where(masks[:, 0], 2.0, 0.0) + np.where(masks[:, 1] & masks[:, 3], 5.0, 0.0)
    np.testing.assert_allclose(shapley.values(worth, 4), [2.0, 2.5, 0.0, 2.5], atol=1e-12)


@pytest.mark.parametrize("players", [2, 5, 8])
def test_values_are_those_of_shap(players: int) -> None:
    shap = pytest.importorskip("shap")
    random = np.random.default_rng(players)
    weights = random.normal(size=(players, players))

    def worth(masks: np.ndarray) -> np.ndarray:
        present = masks.astype(float)
        return np.tanh(np.einsum("ni,ij,nj->n", present, weights, present)) * 10

    explainer = shap.explainers.Exact(worth, np.zeros((1, players)))
    reference = explainer(np.ones((1, players))).values[0]
    np.testing.assert_allclose(shapley.values(worth(shapley.coalitions(players)), players), reference, atol=1e-4)
