"""What alerts are worth: whether the budget holds on clean declarations that came after training, whether the field that was
altered is the first to be named, and the page that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from core.scoring import threshold
from training.alterations import SINGLE, Past, bare
from training.benchmark import ours
from training.benchmark.cases import Case
from training.benchmark.tables import table
from training.evaluate import MIXED, altered_sets, evaluate

BUDGETS = (0.001, 0.01, 0.05)
_LEAST, _MOST = 0.7, 1.4
"""Between which multiples of the budget the rate should lie."""
_FIELDS = ("all fields", "required fields only")


@dataclass(frozen=True)
class Alerts:
    """What one model's alerts are worth."""

    case: str
    seed: int
    rates: dict[tuple[str, float], list[float]]
    """The shares of later clean declarations that raise an alert, by fields and budget, one for each stretch of time."""
    named_first: dict[str, tuple[float, float]]
    """As in `training.evaluate.Evaluation`."""


def measure(case: Case, seed: int, stretches: Mapping[str, int]) -> Alerts:
    """Trains on the earlier declarations; `stretches` says how many of the later ones, in order, belong together."""
    scorer = ours.fit(case.spec, case.earlier, seed)
    ends = np.cumsum(list(stretches.values()))[:-1]
    found: dict[tuple[str, float], list[float]] = {}
    for fields, rows in zip(_FIELDS, (case.later, [bare(row) for row in case.later]), strict=True):
        parts = np.split(scorer.score(rows).score, ends)
        found |= {(fields, budget): [float((part >= threshold(budget)).mean()) for part in parts] for budget in BUDGETS}
    sets = altered_sets(case.later, Past(case.earlier), seed)
    return Alerts(case.name, seed, found, evaluate(scorer, case.later, sets).named_first)


def page(found: Sequence[Alerts]) -> str:
    """The Markdown page, wholly from what was measured."""
    head = ["later declarations", "seed", "fields", *(f"budget {100 * budget:g} %" for budget in BUDGETS)]
    rows = [
        [each.case, str(each.seed), fields, *(_shown(each.rates[fields, budget]) for budget in BUDGETS)]
        for each in found
        for fields in _FIELDS
    ]
    means = [100 * fmean(each.rates[fields, 0.01]) for each in found for fields in _FIELDS]
    held = sum(_LEAST <= mean <= _MOST for mean in means)
    told = f"{held} of the {len(means)} rows below lie between {_LEAST} % and {_MOST} %, and their mean is {fmean(means):.2f} %"
    cases = list(dict.fromkeys(each.case for each in found))
    kinds = [MIXED, *(kind.name for kind in SINGLE)]
    named = [[kind, *(_named([each for each in found if each.case == case], kind) for case in cases)] for kind in kinds]
    return f"""# What alerts are worth

Written by `vigia bench calibration --out docs/calibration.md`: do not edit.

## Whether the alert budget holds

A score is −log10 of how often a normal declaration is as odd, so the share of clean declarations that raise an alert should be the
budget (`ALERT_BUDGET`, 1 % unless set). In brackets: the month with the fewest alerts and the one with the most.

With a budget of 1 %, {told}.

{table(head, rows)}

Models learn from the year before. `korea-customs` are real rows with companies that have habits, as in
[detection](detection.md); the quarter after the training year is judged. The others are simulated: a year to learn from, and
4,000 clean declarations of each of the next six months, none of which the model is trained on again. New companies keep
coming, and every month has its own prices, so the rate differs from month to month: when the price of a much traded product
moves, its declarations really are odd by the past year's standards. Retraining is the remedy.

Each set of present fields has a calibration of its own, on later declarations with the other fields masked: one with the three
required fields is judged among its like.

## Whether the right field is named first

One field of a later declaration is altered, as in [detection](detection.md); the alert is right when that field has the largest
contribution. The first figure counts the altered declarations that raise an alert, the one in brackets all of them; means over
the seeds, of at most 200 declarations each.

{table(["altered", *cases], named)}

An exact attribution shares what two fields only say together. Where value and weight contradict each other, and both are as usual
by themselves, nothing tells which of the two is wrong; so it often is in `korea-customs`, whose amounts vary widely.
"""


def _named(runs: Sequence[Alerts], kind: str) -> str:
    shares = [each.named_first[kind] for each in runs if kind in each.named_first]
    if not shares:
        return "–"
    everyone, alerts = (fmean(share) for share in zip(*shares, strict=True))
    return f"{alerts:.0%} ({everyone:.0%})"


def _shown(rates: Sequence[float]) -> str:
    if len(rates) == 1:
        return f"{rates[0]:.2%}"
    return f"{fmean(rates):.2%} ({min(rates):.2%}–{max(rates):.2%})"
