"""The gate promotes what is better, keeps back what is worse or no better, and says why."""

from dataclasses import replace

import pytest

from core.gate import Against, Measures, Policy, decide, refused

GOOD = Measures(
    rows=2_000,
    roc_auc=0.95,
    average_precision=0.70,
    alert_rate=0.012,
    recent=2_000,
    recent_alert_rate=0.011,
    latency_ms=80.0,
    parity=1e-6,
)
SAME = Against(roc_auc=(0.0, 0.003), average_precision=(0.0, 0.01))


def against(auc: float = 0.0, precision: float = 0.0, error: float = 0.01) -> Against:
    return Against((auc, error), (precision, error))


def test_the_first_model_needs_to_pass_the_floors_and_nothing_else() -> None:
    verdict = decide(GOOD, None, None)
    assert verdict.promote
    assert "first model" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"roc_auc": 0.5}, "ROC-AUC 0.500 is below the floor"),
        ({"average_precision": 0.05}, "average precision 0.050 is below the floor"),
        ({"roc_auc": float("nan")}, "not finite"),
        ({"latency_ms": 5_000.0}, "takes 5000 ms"),
        ({"parity": 0.1}, "the exported network is off by 0.1"),
        ({"parity": float("nan")}, "the exported network is off by nan"),
    ],
)
def test_what_falls_short_of_a_floor_is_kept_back_with_or_without_a_champion(fault: dict[str, float], told: str) -> None:
    bad = replace(GOOD, **fault)
    for verdict in (decide(bad, None, None), decide(bad, GOOD, against(precision=0.2))):
        assert not verdict.promote
        assert any(told in reason for reason in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"alert_rate": 0.2}, "20.00% of untouched declarations raise an alert, more than 6.0%"),
        ({"alert_rate": 0.0, "rows": 20_000}, "less than 0.1%"),
        ({"recent_alert_rate": 0.3}, "30.00% of the last real ones raise an alert"),
    ],
)
def test_a_first_model_that_is_far_off_the_budget_is_kept_back(fault: dict[str, float], told: str) -> None:
    verdict = decide(replace(GOOD, **fault), None, None)
    assert not verdict.promote
    assert any(told in reason for reason in verdict.reasons), verdict.reasons


def test_when_the_trade_has_moved_the_model_that_is_less_off_the_budget_replaces_the_other() -> None:
    champion = replace(GOOD, alert_rate=0.4, recent_alert_rate=0.5)
    assert decide(replace(GOOD, alert_rate=0.08, recent_alert_rate=0.09), champion, SAME).promote


def test_no_alert_among_few_declarations_is_no_fault() -> None:
    assert decide(replace(GOOD, rows=200, alert_rate=0.0), None, None).promote


def test_without_real_declarations_nothing_is_asked_of_them() -> None:
    assert decide(replace(GOOD, recent=0, recent_alert_rate=0.0), None, None).promote


def test_an_equal_model_stays_a_candidate() -> None:
    verdict = decide(GOOD, GOOD, SAME)
    assert not verdict.promote
    assert verdict.reasons[0] == "no better than the model in production"


def test_better_detection_is_promoted_and_worse_is_not() -> None:
    better, worse = replace(GOOD, average_precision=0.80), replace(GOOD, average_precision=0.60)
    assert decide(better, GOOD, against(precision=0.10)).promote
    verdict = decide(worse, GOOD, against(precision=-0.10))
    assert not verdict.promote
    assert verdict.reasons[0] == "average precision 0.700 -> 0.600 (-0.100 ± 0.010)"


def test_a_difference_within_its_own_noise_does_not_count() -> None:
    luckier = replace(GOOD, average_precision=0.75)
    assert not decide(luckier, GOOD, against(precision=0.05, error=0.04)).promote


def test_alert_rates_nearer_to_the_budget_are_better() -> None:
    noisy = replace(GOOD, recent_alert_rate=0.05)
    assert decide(GOOD, noisy, SAME).promote
    verdict = decide(noisy, GOOD, SAME)
    assert not verdict.promote
    assert verdict.reasons[0] == "the last real ones that raise an alert: 1.10% -> 5.00% (budget 1.00%)"


def test_better_in_one_thing_does_not_buy_worse_in_another() -> None:
    mixed = replace(GOOD, average_precision=0.80, alert_rate=0.055)
    verdict = decide(mixed, GOOD, against(precision=0.10))
    assert not verdict.promote
    assert "untouched declarations that raise an alert" in verdict.reasons[0]
    assert "average precision" in verdict.reasons[1]


def test_a_model_that_is_much_slower_is_worse() -> None:
    assert not decide(replace(GOOD, average_precision=0.8, latency_ms=200.0), GOOD, against(precision=0.1)).promote


def test_the_budget_is_a_policy() -> None:
    often = replace(GOOD, alert_rate=0.11, recent_alert_rate=0.1)
    assert not decide(often, None, None).promote
    assert decide(often, None, None, Policy(budget=0.1)).promote


def test_what_cannot_be_judged_is_refused() -> None:
    assert refused("it does not load") == refused("it does not load")
    assert not refused("it does not load").promote
