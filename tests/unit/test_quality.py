"""A table is looked at before a model learns from it."""

import msgspec
import pytest

from core.quality import Limits, Profile, check
from schemas.declaration import Declaration
from tests import declarations


def profile(rows: list[Declaration]) -> Profile:
    found = Profile(declarations.SPEC)
    found.add(rows)
    return found


def faults(earlier: list[Declaration], later: list[Declaration], limits: Limits | None = None) -> list[str]:
    return [each.sentence for each in check(profile(earlier), profile(later), limits) if not each.passed]


@pytest.fixture(scope="module")
def rows() -> list[Declaration]:
    return declarations.parsed(declarations.rows(1_500))


def test_a_usual_table_is_fit(rows: list[Declaration]) -> None:
    assert faults(rows[:1_200], rows[1_200:]) == []


def test_a_table_of_one_company_is_not(rows: list[Declaration]) -> None:
    poisoned = [msgspec.structs.replace(each, empresa="LA MISMA") for each in rows]
    found = faults(poisoned[:1_200], poisoned[1_200:])
    assert found == ["1 companies (at least 20)", "LA MISMA made 100% of the declarations (at most 50%)"]


def test_a_company_that_floods_the_table_is_named(rows: list[Declaration]) -> None:
    flood = [msgspec.structs.replace(each, empresa="LA MISMA") if n % 3 else each for n, each in enumerate(rows)]
    assert faults(flood[:1_200], flood[1_200:]) == ["LA MISMA made 67% of the declarations (at most 50%)"]


def test_few_rows_and_rows_without_dates_are_not_enough(rows: list[Declaration]) -> None:
    undated = [msgspec.structs.replace(each, fecha=None) for each in rows[:300]]
    assert {"300 declarations (at least 1,000)", "100% have no date (at most 50%)"} <= set(faults(undated[:250], undated[250:]))


def test_a_field_that_stopped_coming_is_named(rows: list[Declaration]) -> None:
    gone = [msgspec.structs.replace(each, valor_fob_usd=None) for each in rows[1_200:]]
    (fault,) = faults(rows[:1_200], gone)
    assert fault.startswith("valor_fob_usd is missing in 100% of the latest rows")


def test_an_empty_table_is_unfit_and_no_error() -> None:
    assert "0 declarations (at least 1,000)" in faults([], [])
