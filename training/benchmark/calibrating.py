"""Whether the alert budget holds: alerts among clean declarations that came after training, and the page that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from core.scoring import threshold
from training.benchmark import ours
from training.benchmark.cases import Case
from training.benchmark.tables import table
from training.evaluate import bare

BUDGETS = (0.001, 0.01, 0.05)
_LEAST, _MOST = 0.7, 1.4
"""Between which multiples of the budget the rate should lie."""
_FIELDS = ("all fields", "required fields only")


@dataclass(frozen=True)
class Rates:
    """The shares of later clean declarations that raise an alert, by fields and budget, one for each stretch of time."""

    case: str
    seed: int
    rows: int
    rates: dict[tuple[str, float], list[float]]


def measure(case: Case, seed: int, stretches: Mapping[str, int]) -> Rates:
    """Trains on the earlier declarations; `stretches` says how many of the later ones, in order, belong together."""
    scorer = ours.fit(case.spec, case.earlier, seed)
    ends = np.cumsum(list(stretches.values()))[:-1]
    found: dict[tuple[str, float], list[float]] = {}
    for fields, rows in zip(_FIELDS, (case.later, [bare(row) for row in case.later]), strict=True):
        parts = np.split(scorer.score(rows).score, ends)
        found |= {(fields, budget): [float((part >= threshold(budget)).mean()) for part in parts] for budget in BUDGETS}
    return Rates(case.name, seed, len(case.later), found)


def page(found: Sequence[Rates]) -> str:
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
    return f"""# Whether the alert budget holds

Written by `vigia bench calibration --out docs/calibration.md`: do not edit.

A score is −log10 of how often a normal declaration is as odd, so the share of clean declarations that raise an alert should be the
budget (`ALERT_BUDGET`, 1 % unless set). With a budget of 1 %, {told}. In brackets: the month with the
fewest alerts and the one with the most.

{table(head, rows)}

Models learn from the year before. `korea-customs` are real rows with companies that have habits, as in
[detection](detection.md); the quarter after the training year is judged. The others are simulated: a year to learn from, and
4,000 clean declarations of each of the next six months, none of which the model is trained on again. New companies keep
coming, and every month has its own prices, so the rate differs from month to month: when the price of a much traded product
moves, its declarations really are odd by the past year's standards. Retraining is the remedy.

Each set of present fields has a calibration of its own, on later declarations with the other fields masked: one with the three
required fields is judged among its like.
"""


def _shown(rates: Sequence[float]) -> str:
    if len(rates) == 1:
        return f"{rates[0]:.2%}"
    return f"{fmean(rates):.2%} ({min(rates):.2%}–{max(rates):.2%})"
