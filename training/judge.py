"""Measures a challenger beside the champion, on the same latest declarations: the figures that `core.gate` decides on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from core.gate import Against, Measures
from core.scoring import Scorer
from training.alterations import SINGLE, Altered, Past, Row, alter, applicable

SEEDS = 3
"""How often the declarations are altered, each time others: what is rare needs several looks."""
RESAMPLES = 200
_BATCH, _ROUNDS = 1_000, 5


@dataclass(frozen=True)
class Judged:
    """The figures of each model that was judged, and how the challenger differs from the champion, if there is one."""

    challenger: Measures
    champion: Measures | None
    against: Against | None


def judge(
    challenger: Scorer,
    champion: Scorer | None,
    parity: Mapping[str, float],
    past: Sequence[Row],
    clean: Sequence[Row],
    recent: Sequence[Row],
    seed: int = 0,
) -> Judged:
    """Both models on `clean` declarations from after `past`, some altered on purpose, and on the `recent` real ones.

    `parity` has each model's by version, as its bundle says. Raises ValueError when no declaration can be altered.
    """
    sets = _altered(past, clean, seed)
    models = [challenger] if champion is None else [challenger, champion]
    times = _latencies(models, clean)
    errors = [[model.score(each.declarations).error for each in sets] for model in models]
    labels = [each.labels for each in sets]
    measures = [
        Measures(
            rows=len(clean),
            roc_auc=float(np.mean([roc_auc_score(*pair) for pair in zip(labels, found, strict=True)])),
            average_precision=float(np.mean([average_precision_score(*pair) for pair in zip(labels, found, strict=True)])),
            alert_rate=float(model.score(clean).anomaly.mean()),
            recent=len(recent),
            recent_alert_rate=float(model.score(recent).anomaly.mean()) if recent else 0.0,
            latency_ms=latency,
            parity=parity[model.model.version],
        )
        for model, found, latency in zip(models, errors, times, strict=True)
    ]
    if champion is None:
        return Judged(measures[0], None, None)
    return Judged(measures[0], measures[1], _against(labels, errors[0], errors[1], seed))


def _altered(past: Sequence[Row], clean: Sequence[Row], seed: int) -> list[Altered]:
    known = Past(past)
    possible = applicable(clean, known, SINGLE)
    if not possible:
        raise ValueError("no declaration has a field that could be altered: companies need a past, or amounts")
    return [alter(clean, known, list(possible.values()), seed + n) for n in range(SEEDS)]


def _against(
    labels: Sequence[NDArray[np.bool_]], new: Sequence[NDArray[np.float64]], old: Sequence[NDArray[np.float64]], seed: int
) -> Against:
    """Differences on declarations drawn anew, with replacement, the same for both models (the paired bootstrap, Efron and
    Tibshirani 1993): what both find hard or easy cancels out."""
    random = np.random.default_rng(seed)
    rows = len(labels[0])
    found = []
    for n in range(RESAMPLES):
        of = n % len(labels)
        drawn = random.integers(0, rows, rows)
        truth = labels[of][drawn]
        if truth.any() and not truth.all():
            pair = new[of][drawn], old[of][drawn]
            found.append([measure(truth, pair[0]) - measure(truth, pair[1]) for measure in (roc_auc_score, average_precision_score)])
    means, spreads = np.mean(found, axis=0), np.std(found, axis=0)
    return Against((float(means[0]), float(spreads[0])), (float(means[1]), float(spreads[1])))


def _latencies(models: Sequence[Scorer], rows: Sequence[Row]) -> list[float]:
    """Milliseconds for a batch of a thousand, in turns, the best of several: what others do on the machine only adds."""
    batch = [rows[i % len(rows)] for i in range(_BATCH)]
    best = [float("inf")] * len(models)
    for _ in range(_ROUNDS):
        for at, model in enumerate(models):
            started = time.perf_counter()
            model.score(batch)
            best[at] = min(best[at], 1000 * (time.perf_counter() - started))
    return best
