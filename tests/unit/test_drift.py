"""Traffic like that of the baseline is as usual; what the model was not made for calls for retraining, and says why."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.bundle import load
from core.drift import Baseline, Distribution, Policy, Report, Shares, Signal, compare, psi, retrain_due
from core.scoring import Scorer
from schemas.declaration import Declaration
from tests.declarations import altered, parsed, rows

NUMBERS = st.lists(st.one_of(st.floats(-1e300, 1e300), st.sampled_from([0.0, 1.0, 5.0, float("nan")])), min_size=1, max_size=300)
COUNTS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def scorer(trained: Path) -> Scorer:
    return load(trained, version="7")


@pytest.fixture(scope="module")
def usual() -> list[Declaration]:
    """Held-out declarations: what the baseline is made of."""
    return parsed(rows(3000, seed=11))


@pytest.fixture(scope="module")
def recent() -> list[Declaration]:
    """The same world's declarations of another time."""
    return parsed(rows(2000, seed=12))


@pytest.fixture(scope="module")
def baseline(scorer: Scorer, usual: list[Declaration]) -> Baseline:
    return Baseline.of(scorer, usual)


def watch(baseline: Baseline, scorer: Scorer, declarations: list[Declaration], policy: Policy | None = None) -> Report:
    return compare(baseline, scorer, declarations, scorer.score(declarations).score, policy)


def drifted(report: Report) -> set[tuple[str, str]]:
    return {(signal.name, signal.measure) for signal in report.signals if signal.drifted}


@given(NUMBERS)
def test_a_sample_is_no_distance_from_itself(sample: list[float]) -> None:
    numbers = np.array(sample)
    distribution = Distribution.of(numbers)
    assert distribution.distance(numbers) == 0
    assert psi(*distribution.bins(numbers)) == pytest.approx(0, abs=1e-9)


@given(NUMBERS, NUMBERS)
def test_the_distance_is_that_of_kolmogorov_and_smirnov_to_a_hundredth(first: list[float], second: list[float]) -> None:
    one, other = np.array(first), np.array(second)
    found = Distribution.of(one).distance(other)
    assert 0 <= found <= 1
    one, other = (np.sort(each[~np.isnan(each)]) for each in (one, other))
    if one.size and other.size:
        points = np.concatenate([one, other])
        exact = np.abs(*np.diff([np.searchsorted(each, points, side="right") / each.size for each in (one, other)], axis=0)).max()
        assert exact - 0.01 - 1 / one.size <= found <= exact + 1e-12


@given(NUMBERS, NUMBERS)
def test_the_bins_of_numbers_share_out_all_rows(first: list[float], second: list[float]) -> None:
    usual, found = Distribution.of(np.array(first)).bins(np.array(second))
    assert usual.size == found.size <= 11
    assert usual.sum() == pytest.approx(1)
    assert found.sum() == pytest.approx(1)
    assert psi(usual, found) >= 0


@given(COUNTS)
def test_the_stability_index_is_never_negative_and_zero_for_equal_shares(counts: list[tuple[int, int]]) -> None:
    usual, found = (np.array(each) / max(sum(each), 1) for each in zip(*counts, strict=True))
    assert 0 <= psi(usual, found) < np.inf
    assert psi(usual, usual) == 0


def test_the_stability_index_is_the_textbook_one() -> None:
    assert psi(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5))


def test_the_shares_of_a_coded_field_are_its_ten_most_frequent_values_the_others_and_none() -> None:
    labels = tuple("abcdefghijklm")
    codes = np.array([0, 1, 1, *range(2, 15), 2, 2, 3], dtype=np.int32)  # none, two unknown, a to m, and again a, a, b
    shares = Shares.of(codes, labels)
    assert shares.values == tuple("abcdefghij")
    assert [round(share * codes.size) for share in shares.shares] == [3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 5, 1]
    assert Shares.of(codes[:4], labels, ("b", "a")) == Shares(("b", "a"), (0.0, 0.25, 0.5, 0.25))


@settings(max_examples=15, deadline=None)
@given(size=st.integers(500, 1500), seed=st.integers(0, 1000))
def test_traffic_never_drifts_from_itself_in_whatever_order(scorer: Scorer, usual: list[Declaration], size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    sample = [usual[at] for at in random.choice(len(usual), size, replace=False)]
    baseline = Baseline.of(scorer, sample)
    report = watch(baseline, scorer, sample)
    assert not drifted(report)
    shuffled = [sample[at] for at in random.permutation(size)]
    assert Baseline.of(scorer, shuffled) == baseline
    assert watch(baseline, scorer, shuffled) == report


def test_a_baseline_comes_back_from_json_as_it_was(baseline: Baseline) -> None:
    document = baseline.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert Baseline.from_dict(json.loads(json.dumps(document))) == baseline
    with pytest.raises(msgspec.ValidationError, match="alert_rate"):
        Baseline.from_dict({name: value for name, value in document.items() if name != "alert_rate"})


def test_a_baseline_knows_every_modelled_field(baseline: Baseline, scorer: Scorer) -> None:
    assert {*baseline.coded, *baseline.numeric} == set(scorer.encoder.fields)
    assert set(baseline.unknown) == set(baseline.coded)
    assert baseline.rows == 3000
    assert 0.005 <= baseline.alert_rate <= 0.02
    assert 0.07 <= baseline.coded["contraparte"].shares[-1] <= 0.13
    assert np.exp(baseline.numeric["peso_neto_kg"].edges[50]) == pytest.approx(np.exp(7), rel=1)


def test_other_declarations_of_the_same_world_are_as_usual(baseline: Baseline, scorer: Scorer, recent: list[Declaration]) -> None:
    report = watch(baseline, scorer, recent)
    assert not report.drifted
    assert not drifted(report)
    assert {signal.sentence.rpartition(": ")[2] for signal in report.signals} == {"as usual"}


def test_a_price_three_times_as_high_raises_the_alert_rate(baseline: Baseline, scorer: Scorer, recent: list[Declaration]) -> None:
    most = Counter(each.subpartida for each in recent).most_common(1)[0][0]
    dearer = [altered(each, valor_fob_usd=each.valor_fob_usd * 3) if each.subpartida == most else each for each in recent]  # type: ignore[attr-defined]
    report = watch(baseline, scorer, dearer)
    assert report.drifted
    assert ("alert rate", "ratio") in drifted(report)
    assert any("there are more alerts than there were" in reason for reason in report.reasons)


def test_a_new_port_for_a_third_of_the_traffic_is_seen_in_all_there_is(
    baseline: Baseline, scorer: Scorer, recent: list[Declaration]
) -> None:
    moved = [altered(each, puerto="PUERTO ANTIOQUIA") if at % 3 == 0 else each for at, each in enumerate(recent)]
    report = watch(baseline, scorer, moved)
    assert report.drifted
    assert {("puerto", "PSI"), ("unknown puerto", "share"), ("alert rate", "ratio"), ("score", "KS")} <= drifted(report)


def test_a_wave_of_new_companies_calls_for_retraining_though_they_are_not_odd(
    baseline: Baseline, scorer: Scorer, recent: list[Declaration]
) -> None:
    new = [altered(each, empresa=f"NUEVA {at % 50}") if at % 4 == 0 else each for at, each in enumerate(recent)]
    report = watch(baseline, scorer, new)
    assert report.drifted
    assert ("unknown empresa", "share") in drifted(report)
    assert ("alert rate", "ratio") not in drifted(report)


def test_a_field_that_moves_and_changes_no_verdict_is_a_signal_and_no_reason(
    baseline: Baseline, scorer: Scorer, recent: list[Declaration]
) -> None:
    gaps = [altered(each, contraparte=None) if at % 2 else each for at, each in enumerate(recent)]
    report = watch(baseline, scorer, gaps)
    assert drifted(report) == {("contraparte", "PSI")}
    assert not report.drifted
    assert report.reasons == ()
    sentence = next(signal.sentence for signal in report.signals if signal.drifted)
    assert sentence.startswith("contraparte: PSI ")
    assert sentence.endswith("): its distribution is not what it was")


def test_amounts_in_another_unit_move_their_field(baseline: Baseline, scorer: Scorer, recent: list[Declaration]) -> None:
    grams = [altered(each, peso_neto_kg=each.peso_neto_kg * 1000) for each in recent]  # type: ignore[attr-defined]
    assert {("peso_neto_kg", "PSI"), ("peso_neto_kg", "KS")} <= drifted(watch(baseline, scorer, grams))


def test_zero_and_missing_amounts_are_compared_like_others(baseline: Baseline, scorer: Scorer, recent: list[Declaration]) -> None:
    for nothing in (0, None):
        report = watch(baseline, scorer, [altered(each, valor_fob_usd=nothing) for each in recent[:600]])
        assert ("valor_fob_usd", "PSI") in drifted(report)
        assert all(np.isfinite([signal.value, signal.limit]).all() for signal in report.signals)


def test_a_smaller_window_must_differ_at_least_as_much(baseline: Baseline, scorer: Scorer, recent: list[Declaration]) -> None:
    small, large = (watch(baseline, scorer, recent[:n]) for n in (500, 2000))
    assert [signal.name for signal in small.signals] == [signal.name for signal in large.signals]
    assert all(one.limit >= other.limit for one, other in zip(small.signals, large.signals, strict=True))
    assert small.signals[0].limit > large.signals[0].limit + 0.02


@pytest.mark.parametrize("n", [0, 1, 499])
def test_a_window_of_too_few_verdicts_says_so(baseline: Baseline, scorer: Scorer, recent: list[Declaration], n: int) -> None:
    report = watch(baseline, scorer, recent[:n])
    assert report.rows == n
    assert not report.drifted
    assert [signal.sentence for signal in report.signals] == [f"{n} verdicts are too few to compare: it takes 500"]


def test_the_least_number_of_verdicts_is_a_setting_and_never_nothing(baseline: Baseline, scorer: Scorer, recent: list[Declaration]) -> None:
    everything = Policy(rows=0)
    assert not watch(baseline, scorer, recent[:1], everything).drifted
    assert "too few" in watch(baseline, scorer, [], everything).signals[0].sentence


def test_alerts_are_counted_by_the_budget_of_the_baseline(
    trained: Path, baseline: Baseline, scorer: Scorer, recent: list[Declaration]
) -> None:
    generous = load(trained, version="7", budget=0.1)
    assert watch(baseline, generous, recent) == watch(baseline, scorer, recent)


def test_what_cannot_be_compared_is_refused(baseline: Baseline, scorer: Scorer, recent: list[Declaration]) -> None:
    with pytest.raises(ValueError, match="need 2000 scores"):
        compare(baseline, scorer, recent, [1.0])
    with pytest.raises(ValueError, match="there are none"):
        Baseline.of(scorer, [])
    foreign = {**baseline.to_dict(), "numeric": {}}
    with pytest.raises(ValueError, match="of other fields"):
        watch(Baseline.from_dict(foreign), scorer, recent)


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DRIFT = Report(900, (Signal("score", "KS", 0.4, 0.1, True, "score: KS 0.40 (limit 0.10): its distribution is not what it was"),))
CALM = Report(900, (Signal("via", "PSI", 0.4, 0.3, True, "via: PSI 0.40 (limit 0.30): its distribution is not what it was"),))


def test_drift_triggers_a_retraining_and_says_why() -> None:
    assert retrain_due(DRIFT, None, NOW, DAY) == (True, DRIFT.signals[0].sentence)
    assert retrain_due(DRIFT, NOW - DAY, NOW, DAY)[0]


def test_no_retraining_is_triggered_while_the_last_one_is_cooling_down() -> None:
    due, why = retrain_due(DRIFT, NOW - DAY / 2, NOW, DAY)
    assert not due
    assert "2026-03-01 00:00+00:00" in why
    assert "score: KS 0.40" in why


def test_nothing_is_triggered_by_what_does_not_decide() -> None:
    assert retrain_due(CALM, None, NOW, DAY) == (False, "nothing in 900 verdicts calls for retraining")
