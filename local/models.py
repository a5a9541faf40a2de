"""The first models: `python -m local.models EPOCHS` has the flows make one for each dataset that has none in production.

It asks Prefect's server for what a person would start on its pages: an ingest, then a retraining, and tells what they say.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from adapters.registry import RegistrySettings
from local.settings import PrefectSettings
from schemas import datasets

POLL_SECONDS = 0.5
ENDED = ("FAILED", "CRASHED", "CANCELLED")


def main(epochs: int) -> None:
    """Makes what is missing; exits with 1 and the reason when a flow does not end well."""
    registry, server = RegistrySettings(), Prefect(PrefectSettings().prefect_api_url)
    wanted = []
    for name in datasets.names():
        model = datasets.load(name).model
        if version := in_production(registry, model):
            print(f"{model} {version} is in production", flush=True)
        else:
            wanted.append(name)
    server.run("ingest", wanted, {})
    server.run("retrain", wanted, {"reason": "first model", "epochs": epochs})
    for name in wanted:
        if not in_production(registry, datasets.load(name).model):
            raise SystemExit(f"the first model of {name} did not pass the gate: its page in Prefect says why")


def in_production(registry: RegistrySettings, model: str) -> str | None:
    """The version that the registry gives out, None if there is none. MLflow's client would take seconds to import."""
    query = urllib.parse.urlencode({"name": model, "alias": registry.alias})
    url = f"{registry.mlflow_tracking_uri}/api/2.0/mlflow/registered-models/alias?{query}"
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310  # the registry's address
            return str(json.load(answer)["model_version"]["version"])
    except urllib.error.HTTPError as error:
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):  # no such model, no such alias
            return None
        raise


class Prefect:
    """As much of Prefect's API as it takes to start flows and to follow them. Its client would take seconds to import."""

    def __init__(self, url: str) -> None:
        self._url = url

    def run(self, flow: str, names: Sequence[str], parameters: Mapping[str, object]) -> None:
        """Starts a flow for each dataset and follows them to their ends; exits with 1 and what the first failed one says."""
        runs = {name: self._start(flow, name, parameters) for name in names}
        told = ""
        while runs:
            for name, run in list(runs.items()):
                state = self._ask(f"/flow_runs/{run}")["state"]
                if state["type"] == "COMPLETED":
                    runs.pop(name)
                elif state["type"] in ENDED:
                    raise SystemExit(f"{flow} {name}: {state['name']}: {state['message']}")
            line = f"{flow}: " + "; ".join(f"{name} {self._step(run)}" for name, run in runs.items())
            if runs and line != told:
                print(line, flush=True)
                told = line
            time.sleep(POLL_SECONDS)

    def _start(self, flow: str, dataset: str, parameters: Mapping[str, object]) -> str:
        """Starts the flow's deployment of a dataset, and returns the id of the run."""
        deployment = self._ask(f"/deployments/name/{flow}/{dataset.replace('_', '-')}")
        wanted = {"parameters": {**deployment["parameters"], **parameters}, "state": {"type": "SCHEDULED"}}
        return str(self._ask(f"/deployments/{deployment['id']}/create_flow_run", wanted)["id"])

    def _step(self, run: str) -> str:
        """The task that the run is at."""
        body = {"task_runs": {"flow_run_id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        found = self._ask("/task_runs/filter", body)
        return str(found[0]["name"]) if found else "is starting"

    def _ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data, {"Content-Type": "application/json"})  # noqa: S310  # from a setting
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.load(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
