"""The first models: `python -m local.models DIRECTORY ROWS EPOCHS` trains one for each dataset that has none in production.

Each step is a process of its own, as a user would type it, so that this one stays small and ends with all it started.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus
from pathlib import Path

from adapters.registry import RegistrySettings
from local.part import bound
from schemas import datasets

SEED = 7


def main(directory: Path, rows: int, epochs: int) -> None:
    """Trains and registers what is missing; exits with 1 when a step fails, after its output."""
    registry = RegistrySettings()
    directory.mkdir(parents=True, exist_ok=True)
    for name in datasets.names():
        model = datasets.load(name).model
        if version := in_production(registry, model):
            print(f"{model} {version} is in production", flush=True)
            continue
        try:
            train(name, directory, rows, epochs)
            print(f"registering {model}", flush=True)
            _step("adapters.registry", "register", "--bundle", str(directory / name), "--alias", registry.alias)
        except subprocess.CalledProcessError as error:
            raise SystemExit(error.returncode) from None


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


def train(name: str, directory: Path, rows: int, epochs: int = 10) -> None:
    """Simulates a history of declarations and learns a model from it."""
    table = directory / f"{name}.jsonl"
    print(f"simulating {rows:,} declarations of {name}", flush=True)
    _step("cli", "simulate", "--history", "--dataset", name, "--seed", str(SEED), "--count", str(rows), "--out", str(table))
    print(f"training on {rows:,} declarations of {name}", flush=True)
    recipe = ("--seed", str(SEED), "--epochs", str(epochs))
    _step("cli", "train", "--dataset", name, "--data", str(table), "--out", str(directory / name), *recipe)


def _step(module: str, *arguments: str) -> None:
    subprocess.run(bound([sys.executable, "-m", module, *arguments]), check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
