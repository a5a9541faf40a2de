"""A small made-up world for the screen: what the fake API answers from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from schemas import datasets

NAMESPACE = UUID("7d1d8c5e-5c2e-4f0c-9a53-0f1f3a2f6b10")
SPECS = {spec.name: spec for spec in datasets.load_all()}
EXPORTS = "exportaciones"
ODD_NAME = "ÑANDÚ & CÍA. *S.A.S.* <b>[1]</b> $x$ 'comilla'"
"""A company whose name holds whatever Markdown, HTML and Cypher could take for their own."""

COMPANIES = ("804218115-2", ODD_NAME, "COMERCIALIZADORA INTERNACIONAL DE FLORES Y FOLLAJES DE LA SABANA", "ABC")
PORTS = ("CARTAGENA", "BUENAVENTURA", "AEROPUERTO EL DORADO", "IPIALES RUMICHACA")
CODES = ("0603110000", "0901119000", "2905110000", "6212100000")
SEVERITIES = ("low", "medium", "high", "critical")


@dataclass
class World:
    """What there is. Tests change it: `broken` has, by the beginning of a path, the answer that is no success."""

    alerts: int = 60
    versions: int = 4
    role: str = "admin"
    name: str | None = None
    drifted: bool = True
    parts_down: tuple[str, ...] = ()
    broken: dict[str, tuple[int, str, str, str]] = field(default_factory=dict)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    retrained: int = 0
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def listed(self) -> list[dict[str, Any]]:
        """The alerts, the newest first."""
        return [self.alert(at) for at in range(self.alerts)]

    def alert(self, at: int) -> dict[str, Any]:
        """One of them."""
        dataset = EXPORTS if at % 3 else "sustancias_controladas"
        event = str(uuid5(NAMESPACE, f"alert {at}"))
        said = [each for each in self.feedback if each["event_id"] == event]
        return {
            "event_id": event,
            "declaration_id": f"EXP-{at:06}",
            "dataset": dataset,
            "scored_at": self.now - timedelta(minutes=7 * at),
            "empresa": COMPANIES[at % 4],
            "subpartida": CODES[at // 2 % 4],
            "puerto": PORTS[at // 3 % 4],
            "fecha": date(2026, 1, 31) if at % 5 else None,
            "error": 3.0 + at % 4,
            "score": 2.0 + at * 7 % 40 / 10,
            "threshold": 2.0,
            "severity": SEVERITIES[at * 7 % 40 // 10],
            "model": self.model(dataset),
            "status": said[-1]["verdict"] if said else "open",
            "valor_fob_usd": 16386.04 * (at + 1) if at % 7 else None,
            "peso_neto_kg": 120.39 if at % 7 else None,
        }

    def recent(self, empresa: str) -> list[dict[str, Any]]:
        """What a company declared lately."""
        hidden = ("empresa", "model", "status", "severity", "threshold", "error")
        listed = [each for each in self.listed() if each["empresa"] == empresa]
        return [{name: value for name, value in {**each, "anomaly": True}.items() if name not in hidden} for each in listed]

    def influences(self, dataset: str) -> list[dict[str, Any]]:
        """Its declarations, explained."""
        rows = []
        for at, each in enumerate(each for each in self.listed() if each["dataset"] == dataset):
            found = self.explanation(dataset, declared(each), strange=at % 3 == 0)
            parts = [{name: part[name] for name in ("field", "value", "contribution")} for part in found["contributions"]]
            same = {name: each[name] for name in ("event_id", "declaration_id")}
            rows.append({**same, **{name: found[name] for name in ("score", "error", "base_value")}, "contributions": parts})
        return rows

    def found(self, event: str) -> dict[str, Any] | None:
        """The alert with this id."""
        return next((each for each in self.listed() if each["event_id"] == event), None)

    def model(self, dataset: str) -> dict[str, str]:
        """The version that scores."""
        return {"name": SPECS[dataset].model, "version": str(max(1, self.versions - 1))}

    def prediction(self, dataset: str, declaration: dict[str, Any], strange: bool = True) -> dict[str, Any]:
        """A verdict."""
        return {
            "event_id": None,
            "declaration_id": declaration.get("declaration_id"),
            "dataset": dataset,
            "error": 5.0 if strange else 0.2,
            "score": 3.71 if strange else 0.4,
            "threshold": 2.0,
            "anomaly": strange,
            "severity": "high" if strange else None,
            "model": self.model(dataset),
        }

    def explanation(self, dataset: str, declaration: dict[str, Any], strange: bool = True) -> dict[str, Any]:
        """A verdict with reasons that add up to its error."""
        found = self.prediction(dataset, declaration, strange)
        fields = sorted((each for each in SPECS[dataset].fields if each.modelled), key=lambda each: each.unit is None)
        sizes = [(-1) ** (at % 4 == 3) / (at + 1) for at in range(len(fields))]
        scale = (found["error"] - 0.25) / sum(sizes)
        return found | {
            "base_value": 0.25,
            "contributions": [
                {
                    "field": each.name,
                    "value": declaration.get(each.name),
                    "contribution": size * scale,
                    "expected": _expected(each.unit is not None, declaration.get(each.name)),
                }
                for each, size in zip(fields, sizes, strict=True)
            ],
            "normal_with": {"changes": [{"field": "peso_neto_kg", "from": 120.39, "to": 2236.0}], "score": 0.54, "normal": True}
            if strange
            else None,
        }


def _expected(number: bool, held: Any) -> dict[str, Any]:
    if number:
        return {"value": 2236.0, "low": 1716.0, "high": 2895.0}
    return {"values": [{"value": "LO USUAL", "probability": 0.61}, {"value": held or "OTRO", "probability": 0.3}]}


def declared(alert: dict[str, Any]) -> dict[str, Any]:
    """The declaration of an alert, with a field that the contract does not name."""
    held = {name: alert[name] for name in ("declaration_id", "empresa", "subpartida", "puerto", "valor_fob_usd", "peso_neto_kg")}
    return {**{name: value for name, value in held.items() if value is not None}, "pais": "GB", "via": "4", "observaciones": "ninguna"}


def neighbourhood(kind: str, name: str) -> dict[str, Any]:
    """Something with two codes, a port and an anomaly around it."""
    center = f"{kind}:{name}"
    shown = [
        (center, kind, name, 1),
        *((f"subpartida:{code}", "subpartida", code, 0) for code in CODES[:2]),
        (f"puerto:{PORTS[0]}", "puerto", PORTS[0], 1),
    ]
    nodes = [
        {"id": id_, "kind": of, "name": called, "anomalies": many, "score_max": 3.71 if many else None, "properties": {"declaraciones": 9}}
        for id_, of, called, many in dict(zip([each[0] for each in shown], shown, strict=True)).values()
    ]
    nodes.append({"id": "anomalia:1", "kind": "anomalia", "name": "1", "anomalies": 1, "score_max": 3.71, "properties": {"score": 3.71}})
    relations = [(center, each["id"], "DECLARA" if each["kind"] == "subpartida" else "OPERA_EN", 0) for each in nodes[1:-1]]
    held = {"dataset": EXPORTS, "declaraciones": 9, "anomalias": 1, "score_maximo": 3.71, "ultima_fecha": "2026-01-31"}
    edges = [
        {
            "id": f"{kind_}:{at}",
            "source": source,
            "target": target,
            "kind": kind_,
            "anomalies": many,
            "properties": held if many or at == 0 else {},
        }
        for at, (source, target, kind_, many) in enumerate([*relations, ("anomalia:1", center, "INVOLUCRA", 1)])
    ]
    return {"center": center, "truncated": True, "nodes": nodes, "edges": edges}


def version(world: World, number: int) -> dict[str, Any]:
    first, serves = number == 1, str(number) == world.model(EXPORTS)["version"]
    reasons = ["the first model, and it passes every floor", "ROC-AUC 0.992 (at least 0.75)"]
    if not first:
        reasons = [
            "average precision 0.891 -> 0.972 (+0.075 ± 0.032)",
            "untouched declarations that raise an alert: 1.05% -> 0.77% (budget 1.00%)",
        ]
    gate = {"promote": serves or first, "champion": None if first else "1", "reasons": reasons, "measures": {}, "judged_at": world.now}
    return {
        "version": str(number),
        "created_at": world.now - timedelta(days=7 * (world.versions - number)),
        "in_production": serves,
        "metrics": {
            "gate_average_precision": 0.85 + number / 40,
            "gate_roc_auc": 0.99 + number / 1000,
            "gate_alert_rate": 0.012 - number / 1000,
        },
        "gate": gate if number != 2 else None,
        "feedback": {"confirmed": number, "dismissed": 2} if number % 2 else {"confirmed": 0, "dismissed": 0},
    }
