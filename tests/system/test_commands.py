"""`vigia up`, `status` and `down`, as a user types them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from local import client, state
from local.settings import StackSettings
from tests.stack import settings

JOBS = {"deployments", "models"}
"""The parts that end once they are done."""

Vigia = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[StackSettings]:
    stack = settings(tmp_path_factory.mktemp("commands") / "data")
    yield stack
    client.stop(stack.data)


@pytest.fixture
def vigia(stack) -> Vigia:
    """Runs the command line with the stack's settings."""

    def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli", *arguments]
        environment = {**stack.environment(), "NO_COLOR": "1", "COLUMNS": "120", **more}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)

    return run


def test_without_a_stack_status_and_down_say_so(vigia, stack):
    assert vigia("status").returncode == 3
    assert vigia("down").stdout == f"No stack runs on {stack.data}.\n"


def test_from_nothing_to_ready_and_back_to_nothing(vigia, stack, tmp_path):
    up = vigia("up", "--detach", "--no-simulate")
    assert up.returncode == 0, up.stderr + up.stdout
    for said in (
        "Vigía is up",
        f"http://127.0.0.1:{stack.port('ui_port')}",
        f"127.0.0.1:{stack.port('kafka_port')}",
        f"http://127.0.0.1:{stack.port('neo4j_http_port')}",
        "vigia down",
    ):
        assert said in up.stdout

    status = vigia("status", "--json")
    assert status.returncode == 0
    parts = json.loads(status.stdout)["parts"]
    assert {name: part["state"] for name, part in parts.items()} == {name: "done" if name in JOBS else "ready" for name in parts}
    servers = {"kafka", "neo4j", "postgres-raw", "postgres-metadata", "mlflow", "prefect", "source"}
    assert set(parts) == {*servers, *JOBS, "flows", "score", "graph", "archive", "api", "ui"}

    again = vigia("up", "--detach")
    assert again.returncode == 1
    assert "already runs on" in again.stderr
    elsewhere = vigia("up", "--detach", "--data-dir", str(tmp_path / "other"))
    assert elsewhere.returncode == 1
    assert f"{stack.port('kafka_port')} (Kafka, by java, pid " in elsewhere.stderr
    assert "--port-offset" in elsewhere.stderr
    assert not (tmp_path / "other").exists()

    known = state.read(stack.data)
    supervisor = psutil.Process(known.pid)
    alive = [supervisor, *supervisor.children(recursive=True)]
    assert len(alive) > len(parts)
    down = vigia("down")
    assert down.returncode == 0
    assert "Vigía is down" in down.stdout
    assert not [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert vigia("status").returncode == 3


def test_a_data_directory_that_cannot_be_written_is_one_sentence(vigia):
    up = vigia("up", "--detach", "--data-dir", "/dev/null/vigia")
    assert up.returncode == 1
    assert "--data-dir" in up.stderr
    assert up.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--out", "--labels"])
def test_a_file_that_cannot_be_written_is_one_sentence(vigia, tmp_path, option):
    path = tmp_path / "absent" / "rows.jsonl"
    simulate = vigia("simulate", "--count", "10", "--out", str(tmp_path / "rows.jsonl"), option, str(path))
    assert simulate.returncode == 1
    assert simulate.stderr.startswith(f"vigia: {path}: No such file or directory")
    assert simulate.stderr.count("\n") == 1
