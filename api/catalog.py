"""What MLflow tells of a model's versions. Every method blocks, and raises Unavailable while it is down."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from adapters.registry import PROMOTED, MlflowRegistry, Registered

LATEST = 30
"""How many versions are told of."""

KEPT_SECONDS = 15.0
"""How long MLflow is not asked the same again: it takes a tenth of a second each time, and pages are looked at by many."""


class Catalog:
    """Versions with their runs' figures."""

    def __init__(self, registry: MlflowRegistry) -> None:
        self._registry = registry
        self._kept: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self._lock = Lock()

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The latest versions of a model, the newest first, as in the API's answer; none of a model that there is not."""
        return [{key: each[key] for key in ("version", "created_at", "in_production", "metrics")} for each in self._all(name)]

    def card(self, model: Registered) -> dict[str, Any]:
        """What is known of a version's making."""
        found = next((each for each in self._all(model.name) if each["version"] == model.version), None)
        parameters = found["parameters"] if found else {}
        return {
            "card": found and (found["description"] or None),
            "metrics": found["metrics"] if found else {},
            "registered_at": found and found["created_at"],
            "feature_version": _number(parameters.get("feature_version")),
            "trained_rows": _number(parameters.get("rows")),
        }

    def since(self, model: Registered) -> datetime | None:
        """When a version went into production, as far as that was written down."""
        found = next((each for each in self._all(model.name) if each["version"] == model.version), None)
        return datetime.fromisoformat(found["promoted"]) if found and found["promoted"] else None

    def _all(self, name: str) -> list[dict[str, Any]]:
        with self._lock:
            at, known = self._kept.get(name, (0.0, []))
            if not known or time.monotonic() - at > KEPT_SECONDS:
                known = self._asked(name)
                self._kept[name] = (time.monotonic(), known)
            return known

    def _asked(self, name: str) -> list[dict[str, Any]]:
        serving = self._registry.in_production(name)
        with self._registry.translated():
            client = self._registry.client
            found = sorted(client.search_model_versions(f"name='{name}'"), key=lambda each: -int(each.version))[:LATEST]
            runs = {each.run_id: client.get_run(each.run_id).data for each in found if each.run_id}
        return [
            {
                "version": str(each.version),
                "created_at": datetime.fromtimestamp(each.creation_timestamp / 1000, UTC),
                "in_production": serving is not None and str(each.version) == serving.version,
                "metrics": dict(runs[each.run_id].metrics) if each.run_id else {},
                "parameters": dict(runs[each.run_id].params) if each.run_id else {},
                "description": each.description,
                "promoted": each.tags.get(PROMOTED),
            }
            for each in found
        ]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
