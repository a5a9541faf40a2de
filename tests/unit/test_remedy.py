"""What would make an anomalous declaration normal."""

import msgspec
import pytest

from adapters import bundle
from core.remedy import Remedy, remedy
from tests import declarations


@pytest.fixture(scope="module")
def scorer(trained):
    return bundle.load(trained, version="1")


def odd(**values):
    (declaration,) = declarations.parsed([{**declarations.rows(1, seed=5)[0], **values}])
    return declaration


def applied(declaration, found: Remedy):
    return msgspec.structs.replace(declaration, **{change.field: change.to for change in found.changes})


def test_nothing_is_proposed_for_a_normal_declaration(scorer):
    normal = [each for each in declarations.parsed(declarations.rows(20)) if not scorer.score([each]).anomaly[0]]
    assert normal
    assert [remedy(scorer, each) for each in normal] == [None] * len(normal)


def test_an_absurd_price_is_made_normal_by_one_amount(scorer):
    strange = odd(valor_fob_usd=9e8)
    found = remedy(scorer, strange)
    assert found.normal
    assert [change.field for change in found.changes] in (["valor_fob_usd"], ["peso_neto_kg"])
    assert found.changes[0].was == getattr(strange, found.changes[0].field)


def test_the_score_is_the_one_that_the_changed_declaration_has(scorer):
    for strange in (odd(valor_fob_usd=9e8), odd(puerto="LETICIA", pais="AQ"), odd(valor_fob_usd=0.01, peso_neto_kg=1e7, puerto="LETICIA")):
        found = remedy(scorer, strange)
        again = scorer.score([applied(strange, found)])
        assert again.score[0] == found.score < scorer.score([strange]).score[0]
        assert bool(again.anomaly[0]) is not found.normal


def test_neither_the_company_nor_what_is_there_already_is_proposed(scorer):
    found = remedy(scorer, odd(empresa="NUNCA VISTA", valor_fob_usd=9e8, puerto="LETICIA", via="AEREO"))
    assert "empresa" not in {change.field for change in found.changes}
    assert all(change.to != change.was for change in found.changes)


def test_one_field_is_enough_where_one_is_odd_and_two_where_two_are(scorer):
    one, two = remedy(scorer, odd(valor_fob_usd=9e8)), remedy(scorer, odd(valor_fob_usd=9e8, peso_neto_kg=3e9))
    assert len(one.changes) == 1
    assert len(two.changes) >= 2
