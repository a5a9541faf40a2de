"""What each process needs is what its extra installs, and no more."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def locked(name: str) -> set[str]:
    """The packages that a lock file installs, with their extras left out."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    return {line.partition("=")[0].partition("[")[0] for line in text.splitlines() if re.match(r"[a-z0-9]", line) and "never" not in line}


def test_a_stream_worker_installs_without_torch() -> None:
    worker = locked("stream")
    assert {"confluent-kafka", "faust-streaming", "mlflow-skinny", "neo4j", "onnxruntime", "psycopg"} <= worker
    assert not {"torch", "mlflow", "pandas", "onnx", "jgo"} & worker


@pytest.mark.parametrize(("name", "has"), [("api", {"fastapi", "onnxruntime", "neo4j", "psycopg"}), ("ui", {"streamlit", "httpx"})])
def test_the_api_and_the_screen_install_without_what_trains(name: str, has: set[str]) -> None:
    installed = locked(name)
    assert has <= installed
    assert not {"torch", "mlflow", "faust-streaming", "prefect", "shap"} & installed
    assert name == "api" or not {"neo4j", "psycopg", "confluent-kafka", "onnxruntime"} & installed


def test_what_holds_a_model_installs_without_faust() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert not [each for each in extras["model"] if re.match("faust|confluent|torch|vigia", each)]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("stream.__main__", ("torch", "onnx", "mlflow", "pandas", "prefect", "fastapi")),
        ("stream.archive", ("torch", "mlflow")),
        ("graph.writer", ("torch", "faust", "confluent_kafka")),
        ("adapters.bundle", ("torch", "faust", "confluent_kafka", "mlflow")),
        ("training.train", ("faust", "confluent_kafka", "neo4j", "mlflow")),
        ("flows.retrain", ("torch", "mlflow", "pandas", "sklearn", "faust", "confluent_kafka")),
        ("flows.deploy", ("prefect", "torch", "mlflow", "psycopg")),
        ("local.models", ("prefect", "torch", "mlflow")),
        ("simulator.api", ("prefect", "torch", "mlflow", "confluent_kafka", "psycopg")),
        ("api.__main__", ("torch", "onnx", "mlflow", "prefect", "faust", "streamlit", "sklearn")),
        ("ui.__main__", ("streamlit", "torch", "neo4j", "psycopg", "confluent_kafka", "onnxruntime", "numpy")),
        ("cli.main", ("prefect", "torch", "faust", "confluent_kafka", "neo4j", "mlflow", "numpy", "pyarrow")),
    ],
)
def test_importing_a_process_imports_nothing_of_the_others(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_names_hashes_and_no_index(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert "--hash=sha256:" in text
    assert "://" not in text
