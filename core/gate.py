"""May a new model replace the one in production? Figures in, a verdict with its reasons out."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log, sqrt

NEVER = 1e-6
"""Stands for an alert rate of zero where a logarithm is taken."""


@dataclass(frozen=True)
class Measures:
    """What one model does on the same declarations as the other: later ones than the challenger learned from, some altered on purpose."""

    rows: int
    """Untouched declarations that were judged."""
    roc_auc: float
    average_precision: float
    alert_rate: float
    """The share of the untouched declarations that raise an alert."""
    recent: int
    """Declarations among the last real ones."""
    recent_alert_rate: float
    """The share of those that raise an alert (shadow scoring)."""
    latency_ms: float
    """Milliseconds to score a batch of a thousand, at best of several."""
    parity: float
    """How far the exported network is from the trained one, relative to the size of the errors."""


@dataclass(frozen=True)
class Against:
    """How the challenger's detection differs from the champion's, on resampled declarations: mean and standard error."""

    roc_auc: tuple[float, float]
    average_precision: tuple[float, float]


@dataclass(frozen=True)
class Policy:
    """What is demanded of every model, and how much better or worse counts."""

    budget: float = 0.01
    """The share of normal declarations that may raise an alert."""
    roc_auc: float = 0.75
    average_precision: float = 0.2
    least_alerts: float = 0.1
    most_alerts: float = 6.0
    """The alert rate's bounds, in multiples of the budget. A simulated month reaches four times the budget when prices move."""
    latency_ms: float = 1_000.0
    """Ten times what a thousand declarations take on a slow core."""
    parity: float = 1e-3
    errors: float = 2.0
    """A difference counts from so many standard errors on."""
    margin: float = 0.01
    """…and from so much on: less would not be noticed by anyone."""
    nearer: float = 1.5
    """An alert rate so many times nearer to the budget, or farther, counts."""
    slower: float = 2.0


@dataclass(frozen=True)
class Verdict:
    """Whether to promote, and why or why not: sentences for a person, in the order of their weight."""

    promote: bool
    reasons: tuple[str, ...]


def refused(reason: str) -> Verdict:
    """The verdict on a model that cannot even be judged."""
    return Verdict(False, (reason,))


def decide(challenger: Measures, champion: Measures | None, against: Against | None, policy: Policy | None = None) -> Verdict:
    """Promotes what passes every floor, is worse than the champion in nothing that counts, and better in something.

    Without a champion the floors decide, those of the alert rate included; with one, the nearer to the budget is better:
    when the trade has moved, a model that alerts too often may still replace one that alerts all the time. `against` is
    needed with a champion.
    """
    at = policy or Policy()
    short = _floors(challenger, at)
    if champion is None or against is None:
        short += _off_budget(challenger, at)
        return Verdict(not short, short or ("the first model, and it passes every floor", *_told(challenger, at)))
    better, worse, same = _compared(challenger, champion, against, at)
    if short or worse:
        return Verdict(False, (*short, *worse, *better))
    if not better:
        return Verdict(False, ("no better than the model in production", *same))
    return Verdict(True, (*better, *same))


def _told(each: Measures, at: Policy) -> tuple[str, ...]:
    return (
        f"ROC-AUC {each.roc_auc:.3f} (at least {at.roc_auc:g})",
        f"average precision {each.average_precision:.3f} (at least {at.average_precision:g})",
        f"{each.alert_rate:.2%} of untouched declarations raise an alert (budget {at.budget:.2%})",
    )


def _floors(each: Measures, at: Policy) -> tuple[str, ...]:
    """What a model falls short of, whatever is in production."""
    found = []
    if not all(map(isfinite, (each.roc_auc, each.average_precision, each.parity))):
        found.append("its errors are not finite numbers")
    if not each.roc_auc >= at.roc_auc:
        found.append(f"ROC-AUC {each.roc_auc:.3f} is below the floor of {at.roc_auc:g}")
    if not each.average_precision >= at.average_precision:
        found.append(f"average precision {each.average_precision:.3f} is below the floor of {at.average_precision:g}")
    if not each.latency_ms <= at.latency_ms:
        found.append(f"a batch of a thousand takes {each.latency_ms:.0f} ms, more than {at.latency_ms:.0f}")
    if not each.parity <= at.parity:
        found.append(f"the exported network is off by {each.parity:.2g} of the trained one, more than {at.parity:g}")
    return tuple(found)


def _off_budget(each: Measures, at: Policy) -> tuple[str, ...]:
    """Whether it raises alerts far too often, or hardly ever."""
    found = []
    for rate, rows, where in (
        (each.alert_rate, each.rows, "untouched declarations"),
        (each.recent_alert_rate, each.recent, "the last real ones"),
    ):
        low, high = at.least_alerts * at.budget, at.most_alerts * at.budget
        if rows and rate > high + at.errors * sqrt(high / rows):
            found.append(f"{rate:.2%} of {where} raise an alert, more than {high:.1%}")
        if rows and rate < low - at.errors * sqrt(low / rows):
            found.append(f"{rate:.2%} of {where} raise an alert, less than {low:.1%}")
    return tuple(found)


def _compared(new: Measures, old: Measures, against: Against, at: Policy) -> tuple[list[str], list[str], list[str]]:
    """What is better, what is worse, and what is the same."""
    better, worse, same = list[str](), list[str](), list[str]()
    for name, title in (("average_precision", "average precision"), ("roc_auc", "ROC-AUC")):
        difference, error = getattr(against, name)
        told = f"{title} {getattr(old, name):.3f} -> {getattr(new, name):.3f} ({difference:+.3f} ± {error:.3f})"
        counts = abs(difference) > max(at.margin, at.errors * error)
        (same if not counts else better if difference > 0 else worse).append(told)
    for name, rows, where in (("alert_rate", new.rows, "untouched declarations"), ("recent_alert_rate", new.recent, "the last real ones")):
        before, after = getattr(old, name), getattr(new, name)
        told = f"{where} that raise an alert: {before:.2%} -> {after:.2%} (budget {at.budget:.2%})"
        # Both rates come from the same rows: their difference is at most as noisy as two independent counts.
        noise = at.errors * sqrt((before + after) / max(rows, 1))
        nearer = _distance(before, at.budget) - _distance(after, at.budget)
        counts = rows and abs(after - before) > noise and abs(nearer) > log(at.nearer)
        (same if not counts else better if nearer > 0 else worse).append(told)
    if new.latency_ms > at.slower * old.latency_ms:
        worse.append(f"a batch of a thousand takes {old.latency_ms:.0f} -> {new.latency_ms:.0f} ms")
    return better, worse, same


def _distance(rate: float, budget: float) -> float:
    """How many times a rate is off the budget, as a logarithm; 0 is on it."""
    return abs(log(max(rate, NEVER) / budget))
