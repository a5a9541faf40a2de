"""New flow code reaches the workers by git: no new image, no restart."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.flows import prefect_environment
from local.models import Prefect
from local.settings import StackSettings
from tests.workers import until

ROOT = Path(__file__).parents[2]

NEW_FLOW = """
from pathlib import Path
from prefect import flow
from flows.words import WORD

@flow
def say(where: str) -> None:
    Path(where).write_text(WORD)
"""

DEPLOYMENT = """
deployments:
  - name: by-hand
    entrypoint: flows/say.py:say
    work_pool:
      name: vigia
"""


def commit(repository: Path, files: dict[str, str], message: str) -> str:
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    git = ["git", "-C", str(repository), "-c", "user.name=Vigía", "-c", "user.email=vigia@example.com"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", message], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def sync(repository: Path, commit: str, root: Path) -> None:
    """What git-sync does: a folder for each commit, and a link that is moved to it in one step."""
    target = root / "worktrees" / commit
    subprocess.run(["git", "clone", "-q", str(repository), str(target)], check=True)
    fresh = root / "next"
    fresh.symlink_to(target)
    fresh.replace(root / "current")


@contextmanager
def process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        running = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            running.terminate()
            running.wait(30)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the flows' code as it is here, without any deployment."""
    place = tmp_path / "repository"
    place.mkdir()
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    shutil.copytree(ROOT / "flows", place / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    commit(place, {"prefect.yaml": "deployments: []\n"}, "Nothing to start yet")
    return place


def test_a_new_flow_is_registered_and_run_by_a_worker_that_was_started_before_it(
    learning_stack: StackSettings, repository: Path, tmp_path: Path
) -> None:
    root = tmp_path / "git"
    (root / "worktrees").mkdir(parents=True)
    environment = {**os.environ, **prefect_environment(learning_stack), "VIGIA_FLOWS_HOME": str(root / "current")}
    environment |= {"PYTHONPATH": str(root / "current"), "PREFECT_WORKER_QUERY_SECONDS": "1"}
    begun = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "vigia", "--type", "process"]
    api = f"http://127.0.0.1:{learning_stack.port('prefect_port')}/api"

    log = tmp_path / "deployments.log"
    with (
        process([sys.executable, "-m", "flows.deploy", "--follow"], environment, log),
        process(begun, environment, tmp_path / "worker.log"),
    ):
        for number, word in enumerate(("hola", "adiós")):
            files = {"flows/words.py": f"WORD = {word!r}\n", "flows/say.py": NEW_FLOW, "prefect.yaml": DEPLOYMENT}
            sync(repository, commit(repository, files, f"Say {word}"), root)
            until(lambda told=number + 1: log.read_text().count("are registered") == told, log.read_text)
            said = tmp_path / f"said-{number}"
            Prefect(api).run("say", ["by-hand"], {"where": str(said)})
            assert said.read_text() == word
    registered = httpx.get(f"{api}/deployments/name/say/by-hand").raise_for_status().json()
    httpx.delete(f"{api}/deployments/{registered['id']}").raise_for_status()
