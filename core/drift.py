"""Whether recent traffic is still what was usual when a model was made: its fields, scores, alerts and unknown values.

Values are the textbook ones. A limit is the policy's, and on top what two samples of these sizes differ by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from core.columns import FIRST, MISSING, UNKNOWN, Codes, Columns
from core.scoring import Floats, Scorer
from schemas.declaration import Declaration

_TOP = 10
"""How many values of a coded field have a bin of their own."""
_PERCENTILES, _TENTHS = np.linspace(0.0, 1.0, 101), np.linspace(0.1, 0.9, 9)
_LEAST_AMOUNT, _LEAST_SHARE = 1e-6, 1e-4
"""Smaller ones, zero above all, count as these: their logarithms must be finite."""
_KS_CHANCE = 1.63
"""Samples of one distribution are more than this times sqrt(1/n + 1/m) apart once in a hundred (Smirnov, 1948)."""
_DEVIATIONS = 2.0
"""How many standard errors of a rate or a share are chance."""

_AS_USUAL = "as usual"
_SAID = {
    "PSI": (_AS_USUAL, "its distribution is not what it was"),
    "KS": (_AS_USUAL, "its distribution is not what it was"),
    "ratio": (_AS_USUAL, "there are more alerts than there were"),
    "share": (_AS_USUAL, "there are more values than there were that the model does not know"),
}


@dataclass(frozen=True)
class Policy:
    """From where on a difference counts, chance aside; beside each what windows of 10,000 simulated verdicts measured."""

    rows: int = 500
    """Fewer verdicts are not compared: with five usual alerts, twice as many are chance."""
    psi: float = 0.25
    """A large change by the rule of thumb of Siddiqi (Credit Risk Scorecards, 2006). Seasons made 0.16 at most."""
    ks: float = 0.1
    """Of a field. Seasons and monthly prices made 0.05 on average, 0.15 at most."""
    score_ks: float = 0.075
    """Seasons and monthly prices made 0.03 on average, 0.09 at most; all prices up by 30 %, 0.3 to 0.6."""
    alert_ratio: float = 2.5
    """One anomaly in a hundred, where the baseline has none, made 1.7 on average, 3.5 in the worst month; the price of the most
    traded subpartida three times as high, 3.7 and more."""
    unknown: float = 0.1
    """By how much the share grew. The newcomers of two months made 0.02, those of half a year 0.05 at most."""


@dataclass(frozen=True)
class Signal:
    """One comparison: of a field, the "score", the "alert rate", or "unknown" and a field. `measure` is "PSI", "KS" (D, 0 to
    1), "ratio" (to the usual rate), "share" (0 to 1), or "rows" where these are too few."""

    name: str
    measure: str
    value: float
    limit: float
    drifted: bool
    sentence: str

    @property
    def decides(self) -> bool:
        """Whether it alone calls for retraining. A field does not, unless it moves scores, alerts or unknown values: the
        model then judges as before, and a season or a gap at the source is nothing to learn."""
        return self.name == "score" or self.measure in ("ratio", "share")


@dataclass(frozen=True)
class Report:
    """All comparisons of so many recent verdicts."""

    rows: int
    signals: tuple[Signal, ...]

    @property
    def drifted(self) -> bool:
        """Whether this is no longer the traffic that the model was made for."""
        return bool(self.reasons)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences of the signals that say so."""
        return tuple(each.sentence for each in self.signals if each.drifted and each.decides)


@dataclass(frozen=True)
class Shares:
    """A coded field: its most frequent values, and which share of the rows has each, any other, and none."""

    values: tuple[str, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, codes: Codes, labels: Sequence[str], values: Sequence[str] | None = None) -> Shares:
        """Of codes (n,) with these labels from FIRST on; of the given values instead of the most frequent ones."""
        counts = np.bincount(codes, minlength=len(labels) + FIRST)
        if values is None:
            order = np.argsort(-counts[FIRST:], kind="stable")[:_TOP]
            values = [labels[at] for at in order if counts[at + FIRST]]
        counted = dict(zip(labels, counts[FIRST:].tolist(), strict=True))
        top = [counted.get(value, 0) for value in values]
        found = np.array([*top, codes.size - sum(top) - counts[MISSING], counts[MISSING]]) / codes.size
        return cls(tuple(values), tuple(found.tolist()))


@dataclass(frozen=True)
class Distribution:
    """Numbers: their distinct percentiles, the shares below and up to each, and which share of the rows has no number."""

    edges: tuple[float, ...]
    below: tuple[float, ...]
    upto: tuple[float, ...]
    missing: float

    @classmethod
    def of(cls, numbers: Floats) -> Distribution:
        """Of a sample (n,), n at least 1, NaN where missing."""
        there = np.sort(numbers[~np.isnan(numbers)]) + 0.0  # no database keeps the sign of zero
        edges = np.unique(np.quantile(there, _PERCENTILES, method="inverted_cdf")) if there.size else there
        below, upto = _cumulative(there, edges)
        return cls(tuple(edges.tolist()), tuple(below.tolist()), tuple(upto.tolist()), 1.0 - there.size / numbers.size)

    def distance(self, numbers: Floats) -> float:
        """The two-sample Kolmogorov-Smirnov distance D to a sample, to a hundredth; 0 where either has no number."""
        there = np.sort(numbers[~np.isnan(numbers)])
        if not there.size or not self.edges:
            return 0.0
        below, upto = _cumulative(there, np.array(self.edges))
        return float(max(np.abs(below - self.below).max(), np.abs(upto - self.upto).max()))

    def bins(self, numbers: Floats) -> tuple[Floats, Floats]:
        """The shares of the rows in each of these tenths and, last, of those without a number: here and in a sample."""
        cuts = np.unique(np.searchsorted(self.upto, _TENTHS - 1e-9)) if self.edges else np.zeros(0, dtype=np.int64)
        there = numbers[~np.isnan(numbers)]
        counts = np.bincount(np.searchsorted(np.array(self.edges)[cuts], there), minlength=cuts.size + 1)
        usual = np.diff([0.0, *np.array(self.upto)[cuts], 1.0]) * (1.0 - self.missing)
        return np.array([*usual, self.missing]), np.array([*counts, numbers.size - there.size]) / numbers.size


@dataclass(frozen=True)
class Baseline:
    """What was usual when a model was made, by modelled field: amounts as natural logarithms, percentages as they are."""

    rows: int
    threshold: float
    alert_rate: float
    score: Distribution
    coded: dict[str, Shares]
    numeric: dict[str, Distribution]
    unknown: dict[str, float]
    """The share of the rows with a value that is not in the model's vocabulary, by coded field."""

    @classmethod
    def of(cls, scorer: Scorer, declarations: Sequence[Declaration]) -> Baseline:
        """Of declarations that the model did not learn from; raises ValueError when there are none."""
        if not declarations:
            raise ValueError("a baseline needs declarations that the model did not learn from: there are none")
        columns, scores = scorer.encoder.columns(declarations), scorer.score(declarations)
        coded = list(_coded(scorer, columns))
        return cls(
            rows=len(columns),
            threshold=scorer.threshold,
            alert_rate=float(scores.anomaly.mean()),
            score=Distribution.of(scores.score),
            coded={name: Shares.of(codes, labels) for name, codes, labels in coded},
            numeric={name: Distribution.of(numbers) for name, numbers in _numeric(scorer, columns)},
            unknown={name: float((codes == UNKNOWN).mean()) for name, codes, _ in coded},
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as JSON holds it."""
        return dict(msgspec.json.decode(msgspec.json.encode(self)))

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Baseline:
        """The inverse of `to_dict`; raises msgspec.ValidationError naming what is wrong."""
        return msgspec.convert(document, cls)


def compare(
    baseline: Baseline, scorer: Scorer, declarations: Sequence[Declaration], scores: Sequence[float] | Floats, policy: Policy | None = None
) -> Report:
    """Recent declarations and the scores that they got, n each, against the baseline of the same model. Raises ValueError when
    there are not n scores, or the baseline is of other fields."""
    policy, n, judged = policy or Policy(), len(declarations), np.asarray(scores, dtype=np.float64)
    if judged.shape != (n,):
        raise ValueError(f"{n} declarations need {n} scores, not an array of shape {judged.shape}")
    if n < max(policy.rows, 1):
        sentence = f"{n} verdicts are too few to compare: it takes {policy.rows}"
        return Report(n, (Signal("verdicts", "rows", n, policy.rows, False, sentence),))
    columns, chance = scorer.encoder.columns(declarations), 1 / n + 1 / baseline.rows
    coded, numeric = list(_coded(scorer, columns)), list(_numeric(scorer, columns))
    if {name for name, *_ in coded} != set(baseline.coded) or {name for name, _ in numeric} != set(baseline.numeric):
        raise ValueError(f"this baseline is of other fields than {scorer.model.name} {scorer.model.version} reads: make it again")
    signals = [_distance("score", baseline.score, judged, baseline.rows, policy.score_ks), _alerts(baseline, judged, policy)]
    for name, codes, labels in coded:
        limit = baseline.unknown[name] + policy.unknown
        limit += _DEVIATIONS * math.sqrt(limit * max(0.0, 1.0 - limit) * chance)
        signals.append(_signal(f"unknown {name}", "share", float((codes == UNKNOWN).mean()), limit))
        usual = baseline.coded[name]
        found = Shares.of(codes, labels, usual.values)
        signals.append(_index(name, np.array(usual.shares), np.array(found.shares), policy.psi, chance))
    for name, numbers in numeric:
        signals.append(_index(name, *baseline.numeric[name].bins(numbers), policy.psi, chance))
        signals.append(_distance(name, baseline.numeric[name], numbers, baseline.rows, policy.ks))
    return Report(n, tuple(signals))


def psi(usual: Floats, found: Floats) -> float:
    """The population stability index of shares by bin: the sum of (found - usual) ln(found / usual), never negative."""
    p, q = np.maximum(usual, _LEAST_SHARE), np.maximum(found, _LEAST_SHARE)
    return float(((q - p) * np.log(q / p)).sum())


def retrain_due(report: Report, last_triggered: datetime | None, now: datetime, cool_down: timedelta) -> tuple[bool, str]:
    """Whether to trigger a retraining, and why: when the traffic has drifted and the last trigger is `cool_down` or more
    past. Both times have a time zone, or neither."""
    if not report.drifted:
        few = next((each.sentence for each in report.signals if each.measure == "rows"), None)
        return False, few or f"nothing in {report.rows:,} verdicts calls for retraining"
    why = "; ".join(report.reasons)
    if last_triggered is not None and now < last_triggered + cool_down:
        return False, f"the last retraining was triggered at {last_triggered.isoformat(' ', 'minutes')}, less than {cool_down} ago: {why}"
    return True, why


def _alerts(baseline: Baseline, scores: Floats, policy: Policy) -> Signal:
    """By the standard error of the logarithm of a ratio of counts (Katz and others, 1978). A usual rate below the budget is
    taken for luck: the budget is what the calibration promises."""
    usual = max(baseline.alert_rate, 10.0**-baseline.threshold)
    alerts = int((scores >= baseline.threshold).sum())
    error = math.sqrt(1.0 / (usual * baseline.rows) + 1.0 / max(alerts, 1))
    return _signal("alert rate", "ratio", alerts / scores.size / usual, policy.alert_ratio * math.exp(_DEVIATIONS * error))


def _distance(name: str, usual: Distribution, numbers: Floats, rows: int, limit: float) -> Signal:
    """`rows` is how many rows `usual` was made of."""
    n, m = int((~np.isnan(numbers)).sum()), rows * (1.0 - usual.missing)
    chance = 1.0 / max(n, 1) + 1.0 / max(m, 1.0)
    return _signal(name, "KS", usual.distance(numbers), limit + _KS_CHANCE * math.sqrt(chance))


def _index(name: str, usual: Floats, found: Floats, limit: float, chance: float) -> Signal:
    """Samples of one distribution have on average a PSI of (bins - 1)(1/n + 1/m) (Yurdakul, 2018)."""
    bins = int(((usual > 0) | (found > 0)).sum())
    return _signal(name, "PSI", psi(usual, found), limit + (bins - 1) * chance)


def _signal(name: str, measure: str, value: float, limit: float) -> Signal:
    moved = value > limit
    return Signal(name, measure, value, limit, moved, f"{name}: {measure} {value:.2f} (limit {limit:.2f}): {_SAID[measure][moved]}")


def _coded(scorer: Scorer, columns: Columns) -> Iterator[tuple[str, Codes, tuple[str, ...]]]:
    """Name, finest codes (n,) and their labels, from FIRST on, of each coded field."""
    layout, labels = scorer.encoder.layout, scorer.encoder.vocabulary.labels
    for i, k in layout.of_field.items():
        yield layout.fields[i].name, columns.codes[:, k], labels[k]


def _numeric(scorer: Scorer, columns: Columns) -> Iterator[tuple[str, Floats]]:
    """Name and numbers (n,), NaN where missing, of each numeric field."""
    layout = scorer.encoder.layout
    for i, numbers in zip(layout.numeric, columns.amounts.T, strict=True):
        field = layout.fields[i]
        yield field.name, numbers if field.kind == "percent" else np.log(np.maximum(numbers, _LEAST_AMOUNT))


def _cumulative(ordered: Floats, edges: Floats) -> tuple[Floats, Floats]:
    """The shares below and up to each edge."""
    n = max(ordered.size, 1)
    return np.searchsorted(ordered, edges, side="left") / n, np.searchsorted(ordered, edges, side="right") / n
