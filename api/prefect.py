"""As much of Prefect's HTTP API as it takes to start a retraining and to follow it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx

from adapters.catalogue import deferred
from api.problems import Problem
from core.errors import Unavailable

SECONDS = 10.0


class Prefect:
    """A client; `close` lets its connections go. Every method raises Unavailable while the server is down."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(base_url=url, timeout=SECONDS)

    async def retrain(self, dataset: str, reason: str) -> dict[str, Any]:
        """Starts the deployment that retrains a dataset; raises Problem when it is not registered."""
        name = f"retrain/{dataset.replace('_', '-')}"
        deployment = await self._ask("GET", f"/deployments/name/{name}")
        if deployment is None:
            told = deferred("Prefect has no deployment %(name)s: register them with `python -m flows.deploy`")
            raise Problem(503, "no_deployment", told, name=name)
        wanted = {"parameters": {**deployment["parameters"], "reason": reason}, "state": {"type": "SCHEDULED"}}
        run = await self._ask("POST", f"/deployments/{deployment['id']}/create_flow_run", wanted)
        return {"run_id": run["id"], "name": run["name"]}

    async def run(self, run_id: UUID) -> dict[str, Any]:
        """How far a run is, and its tasks in order; raises Problem 404."""
        run = await self._ask("GET", f"/flow_runs/{run_id}")
        if run is None:
            raise Problem(404, "unknown_run", "Prefect knows no run %(run_id)s", run_id=run_id)
        flow = await self._ask("GET", f"/flows/{run['flow_id']}")
        asked = {"task_runs": {"flow_run_id": {"any_": [str(run_id)]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 100}
        tasks = await self._ask("POST", "/task_runs/filter", asked)
        state = run["state"] or {}
        return {
            "run_id": run["id"],
            "name": run["name"],
            "flow": flow["name"] if flow else "",
            "state": state.get("type", "PENDING"),
            "state_name": state.get("name", "Pending"),
            "message": state.get("message") or None,
            "started_at": run["start_time"],
            "ended_at": run["end_time"],
            "steps": [{"name": task["name"], "state": task["state_name"] or "Pending"} for task in tasks],
        }

    async def close(self) -> None:
        """Lets the connections go."""
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        """What the server answers; None where there is no such thing."""
        try:
            answer = await self._client.request(method, path, json=body)
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return None
            answer.raise_for_status()
            return answer.json()
        except httpx.HTTPError as error:
            raise Unavailable(
                "prefect_unavailable", f"Prefect at {self._url} does not answer: {str(error) or type(error).__name__}"
            ) from error
