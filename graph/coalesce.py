"""A batch of verdicts becomes one tally per relation: what costs the database most is done here, in memory.

Everything in this module is pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from schemas import datasets
from schemas.declaration import Declaration, Parser
from schemas.events import ScoredRecord, ScoredV1

Properties = dict[str, Any]
Key = tuple[str, ...]

IDENTIFIED_BY = ("declaration_id", "empresa", "subpartida", "puerto")
"""Fields that every verdict has outside its declaration."""


@dataclass(slots=True)
class Tally:
    """What a relation remembers of its declarations. Sums are by field, of the amounts that were declared."""

    declaraciones: int = 0
    anomalias: int = 0
    score_maximo: float = float("-inf")
    primera_fecha: date | None = None
    ultima_fecha: date | None = None
    sumas: dict[str, float] = field(default_factory=dict)

    def count(self, verdict: ScoredV1, declared: Properties) -> None:
        """Counts one more declaration."""
        day = declared.get("fecha")
        self._count(1, int(verdict.anomaly), verdict.score, day, day)
        for name in _summed(verdict.dataset):
            if name in declared:
                self.sumas[name] = self.sumas.get(name, 0.0) + declared[name]

    def add(self, other: "Tally") -> None:
        """Counts another tally's declarations too."""
        self._count(other.declaraciones, other.anomalias, other.score_maximo, other.primera_fecha, other.ultima_fecha)
        for name, amount in other.sumas.items():
            self.sumas[name] = self.sumas.get(name, 0.0) + amount

    def _count(self, declaraciones: int, anomalias: int, score: float, first: date | None, last: date | None) -> None:
        self.declaraciones += declaraciones
        self.anomalias += anomalias
        self.score_maximo = max(self.score_maximo, score)
        if first and (self.primera_fecha is None or first < self.primera_fecha):
            self.primera_fecha = first
        if last and (self.ultima_fecha is None or last > self.ultima_fecha):
            self.ultima_fecha = last


@dataclass(frozen=True)
class Batch:
    """Tallies by relation, and anomalies by event id with what was declared and what was found."""

    declara: dict[Key, Tally]
    """By dataset, empresa, subpartida and puerto."""
    opera_en: dict[Key, Tally]
    """By dataset, empresa and puerto."""
    sale_por: dict[Key, Tally]
    """By dataset, subpartida and puerto."""
    anomalias: dict[str, tuple[ScoredV1, Properties]]


def coalesce(records: Iterable[ScoredRecord]) -> Batch:
    """One tally per relation and dataset, whatever the number of verdicts."""
    declara: dict[Key, Tally] = {}
    opera_en: dict[Key, Tally] = {}
    sale_por: dict[Key, Tally] = {}
    anomalias: dict[str, tuple[ScoredV1, Properties]] = {}
    for record in records:
        verdict = record.verdict
        declared = _declared(verdict)
        key = (verdict.dataset, verdict.empresa, verdict.subpartida, verdict.puerto)
        _of(declara, key).count(verdict, declared)
        if verdict.anomaly:
            anomalias[verdict.event_id] = (verdict, _anomaly(verdict, declared))
    for (dataset, empresa, subpartida, puerto), tally in declara.items():
        _of(opera_en, (dataset, empresa, puerto)).add(tally)
        _of(sale_por, (dataset, subpartida, puerto)).add(tally)
    return Batch(declara, opera_en, sale_por, anomalias)


def _of(tallies: dict[Key, Tally], key: Key) -> Tally:
    tally = tallies.get(key)
    if tally is None:
        tally = tallies[key] = Tally()
    return tally


def _anomaly(verdict: ScoredV1, declared: Properties) -> Properties:
    return {
        **{name: value for name, value in declared.items() if name not in IDENTIFIED_BY},
        "declaration_id": verdict.declaration_id,
        "dataset": verdict.dataset,
        "detected_at": datetime.fromisoformat(verdict.scored_at),
        "error": verdict.error,
        "score": verdict.score,
        "threshold": verdict.threshold,
        "severity": verdict.severity,
        "model": verdict.model.name,
        "model_version": verdict.model.version,
    }


def _declared(verdict: ScoredV1) -> Properties:
    """The fields that were declared, normalised; `fecha` is a date. Empty for what this version cannot parse."""
    parsed = _parser(verdict.dataset).parse(bytes(verdict.declaration))
    if not isinstance(parsed, Declaration):
        return {}
    declared = {name: value for name in parsed.__struct_fields__ if (value := getattr(parsed, name)) is not None}
    if "fecha" in declared:
        declared["fecha"] = _day(declared["fecha"])
    return declared


@cache
def _parser(dataset: str) -> Parser:
    return Parser(datasets.load(dataset))


@cache
def _summed(dataset: str) -> tuple[str, ...]:
    """The amounts that can be added up: those that all declarations give in the same unit."""
    return tuple(spec.name for spec in datasets.load(dataset).fields if spec.kind == "amount" and spec.unit)


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    return date.fromisoformat(text)
