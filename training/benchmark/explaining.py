"""How long an explanation takes and how exact it is, beside shap's explainers on the same masked error."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec
import numpy as np

from core import shapley
from core.scoring import Scorer
from schemas.datasets import DatasetSpec
from training.benchmark.explainers import BY_NAME, EXACT, KERNEL, SAMPLED, UNSELECTED, VALUES, WHOLE, Explainer, Floats, values

BATCH = 32
COMPARED = 20
"""How many of the alerts shap explains as well."""
MANY = range(12, 17)
"""Numbers of fields that the permutation route is tried with."""


class Spread(NamedTuple):
    """The median of some rounds, their least and their most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, rounds: Iterable[float]) -> Spread:
        """The spread of one number a round."""
        found = list(rounds)
        return cls(float(np.median(found)), min(found), max(found))


class Off(NamedTuple):
    """How far values lie from the exact ones, as a share of the error that is explained: on average, and at most."""

    mean: float
    most: float


@dataclass(frozen=True)
class Measured:
    """What explaining the alerts of one model took, in milliseconds an alert, and who is how far from exact."""

    model: str
    alerts: int
    fields: tuple[int, int]
    """The fewest and the most that an alert has."""
    median: Spread
    p95: Spread
    batched: Spread
    compared: dict[str, Spread]
    """Medians by explainer, in turns on the same alerts."""
    ratio: dict[str, Spread]
    """How many times as long as `WHOLE` and as `VALUES` KernelExplainer takes."""
    gap: float
    """The largest difference between the sum of contributions and error - base value."""
    off: dict[str, Off]


@dataclass(frozen=True)
class ManyFields:
    """The permutation route on alerts with more fields than are enumerated."""

    fields: int
    alerts: int
    coalitions: int
    ms: dict[str, float]
    """Medians by explainer, in turns on the same alerts; `EXACT` is Vigía's own enumeration."""
    p95: float
    """Of a whole explanation."""
    gap: float
    off: dict[str, Off]


def highest(scorer: Scorer, declarations: Sequence[Any], count: int) -> list[Any]:
    """The declarations with the highest scores, highest first."""
    order = np.argsort(-scorer.score(declarations).score, kind="stable")
    return [declarations[at] for at in order[:count].tolist()]


def every_field(spec: DatasetSpec) -> DatasetSpec:
    """The dataset with all of its fields modelled: more of them than are enumerated."""
    unread = ("key", "text", "date")
    return replace(spec, fields=tuple(replace(field, modelled=field.kind not in unread) for field in spec.fields))


def measure(scorer: Scorer, alerts: Sequence[Any], rounds: int) -> Measured:
    """In every round, explains the alerts one at a time and in batches, and some of them in turns with shap."""
    some = alerts[:: max(1, len(alerts) // COMPARED)][:COMPARED]
    compared = {name: BY_NAME[name] for name in (WHOLE, VALUES, EXACT, KERNEL)}
    _turns(compared, scorer, some[:1])  # what is compiled or remembered once is no explanation's
    one, batched, turns = [], [], []
    for _ in range(rounds):
        one.append(_turns({WHOLE: BY_NAME[WHOLE]}, scorer, alerts)[1][WHOLE])
        started = time.perf_counter()
        for at in range(0, len(alerts), BATCH):
            scorer.explain(alerts[at : at + BATCH])
        batched.append(1000 * (time.perf_counter() - started) / len(alerts))
        turns.append({name: float(np.median(ms)) for name, ms in _turns(compared, scorer, some)[1].items()})
    found, _ = _turns({name: BY_NAME[name] for name in (WHOLE, SAMPLED, EXACT, KERNEL, UNSELECTED)}, scorer, some)
    players = scorer.encoder.encode(alerts).mask.sum(axis=1)
    return Measured(
        model=scorer.model.name,
        alerts=len(alerts),
        fields=(int(players.min()), int(players.max())),
        median=Spread.of(float(np.median(ms)) for ms in one),
        p95=Spread.of(float(np.quantile(ms, 0.95)) for ms in one),
        batched=Spread.of(batched),
        compared={name: Spread.of(turn[name] for turn in turns) for name in compared},
        ratio={name: Spread.of(turn[KERNEL] / turn[name] for turn in turns) for name in (WHOLE, VALUES)},
        gap=_gap(scorer, alerts),
        off={name: _off(scorer, some, found[name], found[WHOLE]) for name in (EXACT, KERNEL, UNSELECTED, SAMPLED)},
    )


def many_fields(scorer: Scorer, alerts: Sequence[Any], seed: int) -> list[ManyFields]:
    """For each count of `MANY`: alerts that have more fields lose some, drawn with the seed; those that are no longer
    alerts are left out. Raises ValueError when none is left."""
    random = np.random.default_rng(seed)
    np.random.seed(seed)  # where KernelExplainer draws its sample from
    found = []
    for count in MANY:
        cut = [each for each in (_with(scorer, alert, count, random) for alert in alerts) if each is not None]
        cut = [each for each, anomaly in zip(cut, scorer.score(cut).anomaly.tolist(), strict=True) if anomaly]
        if not cut:
            raise ValueError(f"no alert has as many as {count} fields")
        explainers = {WHOLE: BY_NAME[WHOLE], SAMPLED: BY_NAME[SAMPLED], EXACT: values(count)}
        explainers |= {name: BY_NAME[name] for name in (KERNEL, UNSELECTED)}
        _turns(explainers, scorer, cut[:1])
        explained, ms = _turns(explainers, scorer, cut)
        found.append(
            ManyFields(
                fields=count,
                alerts=len(cut),
                coalitions=len(shapley.coalitions(count)),
                ms={name: float(np.median(each)) for name, each in ms.items()},
                p95=float(np.quantile(ms[WHOLE], 0.95)),
                gap=_gap(scorer, cut),
                off={name: _off(scorer, cut, explained[name], explained[EXACT]) for name in (SAMPLED, KERNEL, UNSELECTED)},
            )
        )
    return found


def _with(scorer: Scorer, alert: Any, count: int, random: np.random.Generator) -> Any | None:
    """The alert without so many of its optional fields that `count` remain; None when it has fewer."""
    visible = np.flatnonzero(scorer.encoder.encode([alert]).mask[0]).tolist()
    optional = [field.name for field in (scorer.encoder.layout.fields[i] for i in visible) if not field.required]
    surplus = len(visible) - count
    if not 0 <= surplus <= len(optional):
        return None
    gone = random.permutation(len(optional))[:surplus].tolist()
    return msgspec.structs.replace(alert, **{optional[at]: None for at in gone})


def _turns(explainers: dict[str, Explainer], scorer: Scorer, alerts: Sequence[Any]) -> tuple[dict[str, Floats], dict[str, list[float]]]:
    """What each explainer says of each alert, (alerts, fields), and the milliseconds that it took; one after another."""
    found: dict[str, list[Floats]] = {name: [] for name in explainers}
    taken: dict[str, list[float]] = {name: [] for name in explainers}
    for alert in alerts:
        for name, explain in explainers.items():
            started = time.perf_counter()
            found[name].append(explain(scorer, alert))
            taken[name].append(1000 * (time.perf_counter() - started))
    return {name: np.array(each) for name, each in found.items()}, taken


def _gap(scorer: Scorer, alerts: Sequence[Any]) -> float:
    totals = [sum(field.contribution for field in each.contributions) + each.base_value for each in scorer.explain(alerts)]
    return float(np.abs(np.array(totals) - scorer.score(alerts).error).max())


def _off(scorer: Scorer, alerts: Sequence[Any], found: Floats, exact: Floats) -> Off:
    visible = scorer.encoder.encode(alerts).mask > 0
    shares = (np.abs(found - exact) / scorer.score(alerts).error[:, None])[visible]
    return Off(float(shares.mean()), float(shares.max()))
