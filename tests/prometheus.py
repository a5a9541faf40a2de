"""A running Prometheus as tests ask it, and what the dashboards and rules of the chart ask."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import httpx
import yaml

CHART = Path(__file__).parents[1] / "charts" / "umbrella"
SELECTOR = re.compile(r"\b(?:vigia[_:]|kafka_|prefect_|process_|up\b|ALERTS\b)[\w:]*(?:\{[^}]*\})?")
"""What a rule looks at: the name of a metric, and which of its series."""


@dataclass(frozen=True)
class Asked:
    """One expression of a panel."""

    dashboard: str
    panel: str
    kind: str
    expression: str


def dashboards() -> dict[str, dict[str, Any]]:
    """The dashboards by name."""
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted((CHART / "dashboards").glob("*.json"))}


def filled(expression: str, window: str = "1m") -> str:
    """An expression with Grafana's variables filled in, as for a stack that began minutes ago."""
    text = expression.replace("$__rate_interval", window)
    text = re.sub(r"\$\{?(dataset|route|service)\}?", ".*", text)
    return re.sub(r"\boffset \d+[hd]\b", "offset 15s", text)


def asked_by_panels() -> Iterator[Asked]:
    """Every expression of every panel."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield Asked(name, panel["title"], panel["type"], target["expr"])


def rules() -> Iterator[dict[str, Any]]:
    """Every rule, recording or alerting."""
    for file in sorted((CHART / "rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
            yield from group["rules"]


class Prometheus:
    """A client."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)

    def targets(self) -> dict[str, str]:
        """By service, whether it is up, and if not, why."""
        found = self._ask("targets")["activeTargets"]
        return {each["labels"]["service"]: "up" if each["health"] == "up" else each["lastError"] or each["health"] for each in found}

    def rules(self) -> list[dict[str, Any]]:
        """The rules that are loaded, with their health."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[tuple[str, str]]:
        """The alerts that fire, each with its service."""
        alerts = self._ask("alerts")["alerts"]
        return {(each["labels"]["alertname"], each["labels"].get("service", "")) for each in alerts if each["state"] == "firing"}

    def now(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression as they are."""
        found: list[dict[str, Any]] = self._ask("query", query=expression)["result"]
        return found

    def over(self, expression: str, since: float, until: float, step: float = 15) -> list[dict[str, Any]]:
        """The series of an expression over a time; raises where it is not one."""
        answer = self._client.get("/api/v1/query_range", params={"query": expression, "start": since, "end": until, "step": step})
        told = answer.json()
        if told["status"] != "success":
            raise ValueError(f"{expression}: {told['error']}")
        found: list[dict[str, Any]] = told["data"]["result"]
        return found

    def tells(self, expression: str, since: float, until: float) -> bool:
        """Whether an expression had a value over a time that is a number."""
        return any(isfinite(float(value)) for series in self.over(expression, since, until) for _, value in series["values"])

    def _ask(self, what: str, **parameters: str) -> Any:
        return self._client.get(f"/api/v1/{what}", params=parameters).raise_for_status().json()["data"]
