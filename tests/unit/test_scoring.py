"""What a trained model promises to everyone who asks it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from adapters.bundle import load
from core.errors import ConfigurationError
from core.scoring import Scorer, severity
from schemas.declaration import Declaration
from tests.declarations import PARSER, altered, bare, parsed, rows


@pytest.fixture(scope="module")
def scorer(trained: Path) -> Scorer:
    return load(trained, version="7")


@pytest.fixture(scope="module")
def later() -> list[Declaration]:
    """Clean declarations of the months after the training table's."""
    return parsed(rows(4000, seed=11))


def test_the_alert_budget_holds_on_later_clean_declarations(scorer: Scorer, later: list[Declaration]) -> None:
    assert 0.005 <= scorer.score(later).anomaly.mean() <= 0.02


def test_it_holds_for_declarations_with_the_required_fields_only(scorer: Scorer, later: list[Declaration]) -> None:
    assert scorer.score(bare(later)).anomaly.mean() <= 0.02


def test_it_holds_for_fields_that_were_never_missing_in_training(scorer: Scorer, later: list[Declaration]) -> None:
    gaps = [altered(each, peso_neto_kg=None, via=None, agente=None) for each in later]
    assert 0.004 <= scorer.score(gaps).anomaly.mean() <= 0.02


def test_the_alert_budget_is_a_setting(trained: Path, later: list[Declaration]) -> None:
    generous = load(trained, budget=0.1)
    assert generous.threshold == 1.0
    assert 0.07 <= generous.score(later).anomaly.mean() <= 0.14
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        load(trained, budget=1.5)


def test_a_declaration_scores_the_same_alone_and_among_others(scorer: Scorer, later: list[Declaration]) -> None:
    whole = scorer.score(later[:301])
    for size in (1, 2, 3, 7, 64):
        pieces = [scorer.score(later[at : min(at + size, 301)]) for at in range(0, 301, size)]
        assert np.concatenate([piece.error for piece in pieces]).tolist() == whole.error.tolist()
        assert np.concatenate([piece.score for piece in pieces]).tolist() == whole.score.tolist()


def test_no_declarations_give_no_verdicts(scorer: Scorer) -> None:
    scores = scorer.score([])
    assert scores.error.shape == scores.score.shape == scores.anomaly.shape == (0,)
    assert scorer.explain([]) == []


def test_what_was_never_seen_is_not_odd_by_that(scorer: Scorer, later: list[Declaration]) -> None:
    """New companies, agents and counterparties, with goods and prices as usual."""
    new = [altered(each, empresa="NUEVA SAS", agente="NUEVO", contraparte="NEW INC") for each in later[:1000]]
    assert scorer.score(new).anomaly.mean() <= 0.05
    seed = PARSER.parse(b'{"declaration_id":"1","empresa":"ABC","subpartida":"110100","puerto":"CARTAGENA"}')
    assert isinstance(seed, Declaration)
    assert not scorer.score([seed]).anomaly[0]


def test_everything_unknown_or_extreme_still_gets_a_finite_score(scorer: Scorer) -> None:
    strange = {"declaration_id": "1", "empresa": "?", "subpartida": "999999", "puerto": "ZZZ", "pais": "QQ", "via": "TELEPATIA"}
    amounts = [{}, {"valor_fob_usd": 0, "peso_neto_kg": 0}, {"valor_fob_usd": 1e308, "peso_neto_kg": 5e-324}, {"peso_neto_kg": 1e300}]
    scores = scorer.score(parsed([{**strange, **each} for each in amounts]))
    assert len(scores.error) == len(amounts)
    assert np.isfinite(scores.error).all()
    assert np.isfinite(scores.score).all()


def test_gross_alterations_are_anomalies(scorer: Scorer, later: list[Declaration]) -> None:
    some = [each for each in later[:400] if each.contraparte is not None]
    for changes in ({"peso_neto_kg": 1e-2}, {"valor_fob_usd": 1e9}):
        assert scorer.score([altered(each, **changes) for each in some]).anomaly.mean() > 0.8


def test_severity_rises_with_rarity_beyond_the_threshold() -> None:
    steps = [severity(score, 2.0) for score in (2.0, 2.49, 2.5, 2.99, 3.0, 3.99, 4.0, 9.0)]
    assert steps == ["low", "low", "medium", "medium", "high", "high", "critical", "critical"]
    assert [key for key, _ in itertools.groupby(steps)] == ["low", "medium", "high", "critical"]


def test_an_absurd_amount_is_odd_even_where_everything_else_is_new(scorer: Scorer) -> None:
    new = {"declaration_id": "1", "empresa": "NUEVA", "subpartida": "999999", "puerto": "NUEVO", "pais": "KP", "via": "9"}
    usual, heavy, dear, both = parsed(
        [
            new,
            {**new, "peso_neto_kg": 1e13},
            {**new, "valor_fob_usd": 1e13},
            {**new, "valor_fob_usd": 1e10, "peso_neto_kg": 1e-3},
        ]
    )
    found = scorer.score([usual, heavy, dear, both])
    assert found.anomaly.tolist() == [False, True, True, True]
    culprits = {explained.contributions[0].field for explained in scorer.explain([heavy, dear])}
    assert culprits == {"peso_neto_kg", "valor_fob_usd"}


def test_a_missing_amount_does_not_hide_the_others(scorer: Scorer) -> None:
    row = {**rows(1, seed=4)[0], "peso_neto_kg": None}
    error = scorer.score(parsed([row, {**row, "valor_fob_usd": row["valor_fob_usd"] * 1e6}])).error
    assert error[1] > error[0] + 0.5


def test_a_port_that_nobody_ever_used_is_odd_for_a_company_that_always_uses_its_own(scorer: Scorer, later: list[Declaration]) -> None:
    assert scorer.score([altered(each, puerto="PUERTO QUE NADIE CONOCE") for each in later[:300]]).anomaly.mean() > 0.5
