"""What can be started from Prefect: registered on a real server, with schedules that do schedule."""

import os
import subprocess
import sys
from typing import Any

import httpx
import yaml

from flows.deploy import HOME
from local.flows import prefect_environment
from local.settings import StackSettings
from schemas import datasets
from tests.workers import until

BY_DATASET = ("ingest", "retrain", "watch")


def ask(stack: StackSettings, path: str, body: dict[str, Any]) -> Any:
    return httpx.post(f"http://127.0.0.1:{stack.port('prefect_port')}/api{path}", json=body).raise_for_status().json()


def next_run_of(deployment: str) -> dict[str, Any]:
    """The question for a deployment's scheduled runs."""
    return {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "deployment_id": {"any_": [deployment]}}, "limit": 1}


def test_every_dataset_has_its_deployments() -> None:
    deployments = yaml.safe_load((HOME / "prefect.yaml").read_text("utf-8"))["deployments"]
    found = {(each["entrypoint"].rpartition(":")[2], each["parameters"]["dataset"]) for each in deployments if "parameters" in each}
    assert found == {(flow, name) for flow in BY_DATASET for name in datasets.names()}
    for each in deployments:
        assert each["name"] == each.get("parameters", {}).get("dataset", "by_hand").replace("_", "-")
        assert each["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def test_they_are_registered_again_and_again_and_the_server_schedules_their_runs(learning_stack: StackSettings) -> None:
    crons = {"VIGIA_INGEST_CRON": "* * * * *", "VIGIA_WATCH_CRON": "* * * * *"}
    for _ in range(2):
        command = [sys.executable, "-m", "flows.deploy"]
        done = subprocess.run(
            command, env={**os.environ, **prefect_environment(learning_stack), **crons}, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
    names = {each["id"]: each["name"] for each in ask(learning_stack, "/flows/filter", {})}
    deployments = {each["id"]: (names[each["flow_id"]], each["name"]) for each in ask(learning_stack, "/deployments/filter", {})}
    wanted = {(flow, name.replace("_", "-")) for flow in BY_DATASET for name in datasets.names()}
    assert set(deployments.values()) == {*wanted, ("promote", "by-hand"), ("rollback", "by-hand")}

    def scheduled() -> set[tuple[str, str]]:
        return {deployment for each, deployment in deployments.items() if ask(learning_stack, "/flow_runs/filter", next_run_of(each))}

    until(lambda: scheduled() >= wanted, lambda: f"only {scheduled()} are scheduled")
    triggers = [each["trigger"]["match"]["prefect.resource.id"] for each in ask(learning_stack, "/automations/filter", {})]
    assert sorted(triggers) == sorted(f"vigia.dataset.{name}" for name in datasets.names())
