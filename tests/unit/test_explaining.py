"""The benchmark of explanations compares like with like, and its page says what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.bundle import load
from core.scoring import Scorer
from core.shapley import EXACT_LIMIT
from schemas import datasets
from tests.declarations import altered, parsed, rows

pytest.importorskip("shap")

from training.benchmark import explaining, explanation_page
from training.benchmark.explainers import EXACT, KERNEL, SAMPLED, UNSELECTED, VALUES


@pytest.fixture(scope="module")
def scorer(trained: Path) -> Scorer:
    return load(trained)


@pytest.fixture(scope="module")
def measured(scorer: Scorer) -> explaining.Measured:
    odd = [altered(each, peso_neto_kg=0.1) for each in parsed(rows(30, seed=11))]
    return explaining.measure(scorer, explaining.highest(scorer, odd, 4), rounds=2)


def test_everyone_explains_the_same_error(measured: explaining.Measured) -> None:
    """With ten fields or fewer KernelExplainer asks every coalition, too."""
    assert measured.gap < 1e-4
    assert measured.fields[1] == 10
    for name in (EXACT, KERNEL, UNSELECTED):
        assert measured.off[name].most < 1e-4
    assert 1e-4 < measured.off[SAMPLED].most < 0.3
    assert measured.ratio[VALUES].most >= measured.ratio[VALUES].median >= measured.ratio[VALUES].least > 0


def test_the_page_has_the_figures_and_says_what_wrote_it(measured: explaining.Measured) -> None:
    page = explanation_page.page([measured], [], rounds=2, rows=None)
    assert f"`{explanation_page.COMMAND}`" in page
    assert f"{measured.p95.median:.1f} ({measured.p95.least:.1f}–{measured.p95.most:.1f})" in page
    assert "More than" not in page
    tables = [line.count("|") for line in page.splitlines() if line.startswith("|")]
    assert tables == [8] * 3 + [7] * 3 + [6] * 3
    assert any(measured.model in line for line in explanation_page.summary([measured]))


def test_declarations_lose_optional_fields_until_few_enough_remain(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "MANY", (7, 9))
    odd = [altered(each, peso_neto_kg=1e-3, valor_fob_usd=1e9) for each in parsed(rows(4, seed=11))]
    for found in explaining.many_fields(scorer, odd, seed=1):
        assert found.alerts > 0
        assert found.gap < 1e-4
        assert found.off[KERNEL].most < 1e-4
    monkeypatch.setattr(explaining, "MANY", (12,))
    with pytest.raises(ValueError, match="as many as 12 fields"):
        explaining.many_fields(scorer, odd, seed=1)


@pytest.mark.parametrize("name", datasets.names())
def test_a_dataset_with_every_field_has_more_than_are_enumerated(name: str) -> None:
    spec = datasets.load(name)
    wide = explaining.every_field(spec)
    assert len(wide.modelled) > EXACT_LIMIT >= len(spec.modelled)
    assert {field.name for field in spec.modelled} < {field.name for field in wide.modelled}
