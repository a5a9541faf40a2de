"""What an explanation promises: Shapley values of the error of a real network, and what would have been normal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.bundle import load
from adapters.session import OnnxNetwork
from core import shapley
from core.explain import shapley_values
from core.features import Inputs
from core.scoring import Network, Scorer, errors
from schemas.declaration import Declaration
from tests.declarations import SPEC, altered, bare, parsed, rows
from training.autoencoder import Autoencoder, Shape
from training.export import to_onnx


@pytest.fixture(scope="module")
def scorer(trained: Path) -> Scorer:
    return load(trained)


@pytest.fixture(scope="module")
def later() -> list[Declaration]:
    """Clean declarations of the months after the training table's."""
    return parsed(rows(200, seed=11))


CASES: dict[str, Callable[[Declaration], Declaration]] = {
    "normal": lambda each: each,
    "odd": lambda each: altered(each, puerto="LETICIA", pais="BR", valor_fob_usd=each.valor_fob_usd * 50),  # type: ignore[attr-defined]
    "absurd": lambda each: altered(each, valor_fob_usd=1e300, peso_neto_kg=0),
    "gaps": lambda each: altered(each, contraparte=None, agente=None, valor_fob_usd=None),
    "three fields": lambda each: bare([each])[0],
    "new company": lambda each: altered(each, empresa="NUEVA SAS", contraparte="NEW INC"),
}


def masked_error(network: Network, inputs: Inputs) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """The fields of the only declaration in `inputs`, and its error as a function of which of them stay visible."""
    players = np.flatnonzero(inputs.mask[0])

    def error(present: np.ndarray) -> np.ndarray:
        mask = np.zeros((len(present), inputs.mask.shape[1]), dtype=np.float32)
        mask[:, players] = present
        copies = np.zeros(len(present), dtype=np.int64)
        return errors(network, Inputs(inputs.numbers[copies], inputs.tokens[copies], mask))

    return players, error


@pytest.mark.parametrize("case", CASES)
def test_explanations_are_those_of_shap(scorer: Scorer, later: list[Declaration], case: str) -> None:
    shap = pytest.importorskip("shap")
    for declaration in map(CASES[case], later[:4]):
        players, error = masked_error(scorer.network, scorer.encoder.encode([declaration]))
        background, everyone = np.zeros((1, len(players))), np.ones((1, len(players)))
        reference = shap.explainers.Exact(error, background)(everyone)
        (explanation,) = scorer.explain([declaration])
        found = {each.field: each.contribution for each in explanation.contributions}
        names = [scorer.encoder.fields[player] for player in players]
        np.testing.assert_allclose([found.pop(name) for name in names], reference.values[0], atol=1e-4)
        assert explanation.base_value == pytest.approx(float(reference.base_values[0]), abs=1e-4)
        assert set(found.values()) <= {0.0}  # who was never seen says nothing, and gets nothing


@pytest.mark.parametrize("case", CASES)
def test_contributions_sum_to_the_error(scorer: Scorer, later: list[Declaration], case: str) -> None:
    declarations = [CASES[case](each) for each in later]
    for explanation, error in zip(scorer.explain(declarations), scorer.score(declarations).error, strict=True):
        total = sum(each.contribution for each in explanation.contributions)
        assert total == pytest.approx(error - explanation.base_value, abs=1e-4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_they_do_whatever_is_missing_and_a_missing_field_has_none(scorer: Scorer, later: list[Declaration], data: st.DataObject) -> None:
    optional = [field.name for field in SPEC.modelled if not field.required]
    gaps = data.draw(st.sets(st.sampled_from(optional)))
    changes: dict[str, Any] = dict.fromkeys(gaps)
    if "valor_fob_usd" not in gaps:
        changes["valor_fob_usd"] = data.draw(st.floats(0, 1e300))
    declaration = altered(later[data.draw(st.integers(0, 99))], **changes)
    (explanation,) = scorer.explain([declaration])
    error = scorer.score([declaration]).error[0]
    assert abs(sum(each.contribution for each in explanation.contributions) - (error - explanation.base_value)) < 1e-4
    declared = {field.name for field in SPEC.modelled if getattr(declaration, field.name) is not None}
    assert {each.field for each in explanation.contributions} == declared
    sizes = [abs(each.contribution) for each in explanation.contributions]
    assert sizes == sorted(sizes, reverse=True)


def test_a_company_without_a_past_is_not_to_blame(scorer: Scorer) -> None:
    strange = {"declaration_id": "1", "empresa": "?", "subpartida": "999999", "puerto": "ZZZ"}
    (explanation,) = scorer.explain(parsed([strange]))
    assert {each.field for each in explanation.contributions} == {"empresa", "subpartida", "puerto"}
    assert next(each.contribution for each in explanation.contributions if each.field == "empresa") == 0
    assert not scorer.score(parsed([strange])).anomaly[0]


@pytest.mark.parametrize("size", [1, 7, 40])
def test_many_alerts_are_explained_as_one_would_be(scorer: Scorer, later: list[Declaration], size: int) -> None:
    """With the same digits, whatever else was missing or odd in the batch."""
    mixed = [case(each) for each in later[:20] for case in CASES.values()]
    whole = scorer.explain(mixed)
    pieces = [each for at in range(0, len(mixed), size) for each in scorer.explain(mixed[at : at + size])]
    assert pieces == whole


def test_more_fields_than_can_be_enumerated_share_all_of_the_error() -> None:
    """A network of 13 fields, through the session: complete, and near to what all of its 8,192 coalitions say."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    fields, numbers, n = 13, 60, 5
    network = Autoencoder(Shape(random.random((numbers, fields)) < 0.15, (0, 2), (20, 30), 32, 4))
    for weights in network.parameters():
        weights.data *= 2  # fields interact more than at the start of training
    session = OnnxNetwork(to_onnx(network.eval()))
    inputs = Inputs(
        random.normal(size=(n, numbers)).astype(np.float32) * 3,
        random.integers(0, 20, (n, 2)),
        np.ones((n, fields), dtype=np.float32),
    )
    error = errors(session, inputs)
    base, sampled = shapley_values(inputs, session.energies)
    np.testing.assert_allclose(sampled.sum(axis=1), error - base, atol=1e-4)
    _, exact = shapley_values(inputs, session.energies, limit=fields)
    np.testing.assert_allclose(exact.sum(axis=1), error - base, atol=1e-4)
    assert np.abs(sampled - exact).max() < 0.1 * np.abs(exact).max()
    assert fields > shapley.EXACT_LIMIT
    assert len(shapley.coalitions(fields)) < 2**fields / 8


def test_a_wrong_amount_is_named_first_and_the_usual_one_is_expected(scorer: Scorer, later: list[Declaration]) -> None:
    hits, near = [], []
    for declaration in later[:40]:
        usual = declaration.valor_fob_usd  # type: ignore[attr-defined]
        (explanation,) = scorer.explain([altered(declaration, valor_fob_usd=usual * 1000)])
        first = explanation.contributions[0]
        hits.append(first.field == "valor_fob_usd")
        expected = next(each.expected for each in explanation.contributions if each.field == "valor_fob_usd")
        near.append(expected["low"] <= usual <= expected["high"])
    assert np.mean(hits) >= 0.85
    assert np.mean(near) >= 0.8


def test_expected_values_are_probable_first(scorer: Scorer, later: list[Declaration]) -> None:
    (explanation,) = scorer.explain([altered(later[0], puerto="LETICIA")])
    port = next(each for each in explanation.contributions if each.field == "puerto")
    chances = [each["probability"] for each in port.expected["values"]]
    assert port.value == "LETICIA"
    assert chances == sorted(chances, reverse=True)
    assert 0 < sum(chances) <= 1.001
    usual = {each.puerto for each in later if each.empresa == later[0].empresa}
    assert port.expected["values"][0]["value"] in usual


@pytest.mark.parametrize("case", CASES)
def test_every_field_says_what_would_have_been_normal(scorer: Scorer, later: list[Declaration], case: str) -> None:
    """Amounts get a range around a middle, everything else up to three distinct values with their chances."""
    numeric = {field.name for field in SPEC.modelled if field.numeric}
    for explanation in scorer.explain([CASES[case](each) for each in later[:30]]):
        for each in explanation.contributions:
            if each.field in numeric:
                assert set(each.expected) == {"value", "low", "high"}
                assert 0 <= each.expected["low"] <= each.expected["value"] <= each.expected["high"] < np.inf
            else:
                values = [option["value"] for option in each.expected["values"]]
                assert 1 <= len(set(values)) == len(values) <= 3
                assert all(isinstance(value, str) for value in values)
                assert all(0 <= option["probability"] <= 1 for option in each.expected["values"])
