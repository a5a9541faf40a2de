"""How good a model is, on declarations that came after those it learned from: `evaluate` is all there is to call."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.scoring import Scorer
from training.alterations import SINGLE, UNTRAINED, Altered, Kind, Past, Row, alter, applicable, bare
from training.measures import Detection, detection

MIXED = "mixed"
_EXPLAINED = 200


@dataclass(frozen=True)
class Evaluation:
    """What a model does on later declarations."""

    rows: int
    detection: dict[str, Detection]
    """By kind of alteration; first of all kinds mixed."""
    alert_rate: dict[str, float]
    """The share of untouched declarations that raise an alert, with all of their fields and with the required ones alone."""
    named_first: dict[str, tuple[float, float]]
    """By kind, how often the altered field has the largest contribution: of all that were altered, and of those that
    raise an alert (NaN when none does)."""
    explain_ms: tuple[float, float]
    """Median and 95th percentile of explaining one alert, in milliseconds."""


def evaluate(scorer: Scorer, clean: Sequence[Row], sets: Mapping[str, Altered]) -> Evaluation:
    """What a model makes of `clean` declarations that it never saw, and of `altered_sets` or `labelled_sets` of them."""
    found, named, times = {}, {}, []
    for name, altered in sets.items():
        scores = scorer.score(altered.declarations)
        found[name] = detection(altered.labels, scores.error)
        hits, alerts, ms = _named_first(scorer, altered, scores.anomaly)
        named[name] = (float(hits.mean()), float(hits[alerts].mean()) if alerts.any() else float("nan"))
        times += ms
    return Evaluation(
        rows=len(clean),
        detection=found,
        alert_rate={
            "all fields": float(scorer.score(clean).anomaly.mean()),
            "required fields only": float(scorer.score([bare(row) for row in clean]).anomaly.mean()),
        },
        named_first=named,
        explain_ms=(float(np.median(times)), float(np.quantile(times, 0.95))),
    )


def _named_first(scorer: Scorer, altered: Altered, anomaly: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], list[float]]:
    """For the first altered declarations: whether an altered field has the largest contribution, whether it raises an
    alert, and the milliseconds that its explanation took."""
    at = np.flatnonzero(altered.labels)[:_EXPLAINED]
    hits, times = [], []
    for i in at.tolist():
        kind = altered.kinds[i]
        started = time.perf_counter()
        (explanation,) = scorer.explain([altered.declarations[i]])
        times.append(1000 * (time.perf_counter() - started))
        hits.append(kind is not None and explanation.contributions[0].field in kind.fields)
    return np.array(hits), anomaly[at], times


def altered_sets(later: Sequence[Row], past: Past, seed: int) -> dict[str, Altered]:
    """Copies of the rows to detect alterations in: one with the single-field kinds mixed, then one for each kind that
    these rows have room for. Raises ValueError when there is none."""
    possible = applicable(later, past)
    mixed = [kind for kind in SINGLE if kind.name in possible]
    if not mixed:
        raise ValueError("no declaration has a field that could be altered: companies need a past, or amounts")
    sets = {MIXED: alter(later, past, mixed, seed)}
    for n, kind in enumerate(SINGLE + UNTRAINED, start=1):
        if kind.name in possible:
            sets[kind.name] = alter(later, past, [kind], seed + 1000 * n)
    return sets


def labelled_sets(rows: Sequence[Row], labels: Mapping[str, Kind]) -> dict[str, Altered]:
    """The rows as they are, with what is known of them by declaration id: all together, then each kind among the rows
    without a label. Raises ValueError when no row, or every row, has a label."""
    kinds = [labels.get(row.declaration_id) for row in rows]
    if all(kinds) or not any(kinds):
        raise ValueError(
            "no declaration of the table has a label" if not any(kinds) else "every declaration has a label: nothing is normal"
        )
    sets = {MIXED: Altered(list(rows), kinds)}
    for name in sorted({kind.name for kind in kinds if kind}):
        some = [i for i, kind in enumerate(kinds) if kind is None or kind.name == name]
        sets[name] = Altered([rows[i] for i in some], [kinds[i] for i in some])
    return sets
