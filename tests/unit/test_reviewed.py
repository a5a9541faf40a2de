"""A model is measured on what analysts said of the alerts."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.stats import binom
from typer.testing import CliRunner

from adapters import bundle
from cli.main import app
from core.errors import ConfigurationError
from core.scoring import Scorer, Scores
from schemas.events import FeedbackV1, event_id, feedback_id
from tests.declarations import SPEC, parsed, rows, write_csv
from training.reviewed import read, review, wilson


def said(
    declaration_id: str, verdict: str, at: str = "2026-01-01T10:00:00.000+00:00", dataset: str = SPEC.name, version: str = "1"
) -> bytes:
    alert = event_id(declaration_id, dataset, version)
    word = FeedbackV1(
        feedback_id=feedback_id(alert, "ana", verdict, "", at),
        event_id=alert,
        declaration_id=declaration_id,
        dataset=dataset,
        verdict=verdict,
        note="",
        who="ana",
        given_at=at,
    )
    return msgspec.json.encode(word)


class Fixed:
    """A scorer that has a score for each declaration id, and alerts from 2 on."""

    spec = SPEC

    def __init__(self, **scores: float) -> None:
        self._scores = scores

    def score(self, declarations) -> Scores:
        score = np.array([self._scores[each.declaration_id] for each in declarations])
        return Scores(score, score, score >= 2)


def named(*names: str):
    return parsed([{**row, "declaration_id": name} for row, name in zip(rows(len(names)), names, strict=True)])


def test_alerts_are_counted_by_what_analysts_said_and_the_missed_ones_too() -> None:
    scorer = Fixed(a=5, b=4, c=3, d=1, e=1.5, unjudged=9)
    judged = {"a": True, "b": False, "c": True, "d": True, "e": False, "elsewhere": True}
    found = review(scorer, named("a", "b", "c", "d", "e", "unjudged"), judged)
    assert (found.rows, found.judged, found.confirmed, found.alerts, found.confirmed_alerts, found.missed) == (6, 5, 3, 3, 2, 1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.interval == wilson(2, 3)
    assert found.ranking.roc_auc == pytest.approx(3 / 6)
    assert found.ranking.average_precision == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)


def test_without_both_verdicts_there_is_no_ranking_and_without_alerts_no_precision() -> None:
    found = review(Fixed(a=1, b=1), named("a", "b"), {"a": True, "b": True})
    assert found.ranking is None
    assert math.isnan(found.precision)
    assert (found.interval, found.missed) == ((0.0, 1.0), 2)


def test_a_declaration_that_is_in_the_table_twice_counts_once() -> None:
    assert review(Fixed(a=3), named("a", "a"), {"a": True}).judged == 1


def test_when_nothing_of_the_table_was_judged_the_error_says_what_the_feedback_speaks_of() -> None:
    with pytest.raises(ValueError, match="judged none of the 1 declarations of exportaciones: the feedback speaks of 2 others"):
        review(Fixed(a=3), named("a"), {"x": True, "y": False})
    with pytest.raises(ValueError, match="says nothing of this dataset"):
        review(Fixed(a=3), named("a"), {})


def test_the_last_word_on_any_alert_of_a_declaration_holds_in_whatever_order_the_lines_are(tmp_path: Path) -> None:
    late, later = "2026-01-01T10:00:00.000+00:00", "2026-01-01T05:30:00.000-05:00"  # half past ten in UTC
    words = [said("a", "confirmed", late), said("a", "dismissed", later, version="2"), said("b", "confirmed"), said("a", "confirmed", late)]
    path = tmp_path / "feedback.jsonl"
    for order in (words, words[::-1]):
        path.write_bytes(b"\n".join([*order, b""]))
        assert read(path, SPEC.name) == {"a": False, "b": True}


def test_feedback_of_other_datasets_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    path.write_bytes(said("a", "confirmed", dataset="sustancias_controladas") + b"\n\n" + said("b", "dismissed"))
    assert read(path, SPEC.name) == {"b": False}


def test_what_is_no_feedback_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    path.write_bytes(said("a", "confirmed") + b'\n{"declaration_id":"b","verdict":"confirmed"}\n')
    with pytest.raises(ConfigurationError, match="line 2 of"):
        read(path, SPEC.name)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path / "none.jsonl", SPEC.name)


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (3, 10), (10, 10), (70, 100), (1, 1)])
def test_the_interval_holds_the_share_and_the_truth_about_as_often_as_it_says(hits: int, of: int) -> None:
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1
    for truth in (0.1, 0.5, 0.9):
        held = sum(binom.pmf(n, 200, truth) for n in range(201) if wilson(n, 200)[0] <= truth <= wilson(n, 200)[1])
        assert 0.93 < held < 0.97


def test_the_known_interval_of_seven_in_ten() -> None:
    assert wilson(7, 10) == pytest.approx((0.3968, 0.8922), abs=1e-4)


def test_the_command_measures_a_model_by_what_analysts_said(trained: Path, tmp_path: Path) -> None:
    later = rows(300, seed=3)
    for row in later[::20]:
        row["valor_fob_usd"] *= 500
    table, words = write_csv(tmp_path / "later.csv", later), tmp_path / "feedback.jsonl"
    words.write_bytes(
        b"\n".join(
            [
                *(said(row["declaration_id"], "confirmed") for row in later[::20]),
                *(said(row["declaration_id"], "dismissed") for row in later[1::20]),
            ]
        )
    )
    command = ["evaluate", str(table), "--bundle", str(trained), "--feedback", str(words), "--out", str(tmp_path / "found.json")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "30 of 300 declarations were judged: 15 confirmed, 15 dismissed" in done.output
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    scorer: Scorer = bundle.load(trained)
    anomaly = scorer.score(parsed(later)).anomaly
    assert (found["judged"], found["alerts"]) == (30, int(anomaly[::20].sum() + anomaly[1::20].sum()))
    assert found["missed"] == 15 - int(anomaly[::20].sum())
    assert found["ranking"]["roc_auc"] > 0.9
    words.write_bytes(said("elsewhere", "confirmed"))
    wrong = CliRunner().invoke(app, command)
    assert wrong.exit_code == 2
    assert "judged none of the 300" in wrong.output
    both = CliRunner().invoke(app, [*command, "--labels", str(words)])
    assert both.exit_code == 2
    assert "give one of them" in both.output
