"""Vigía's own processes as parts of the stack: the workers, the first models, and simulated traffic."""

import sys

from local.mlflow import http_problem
from local.part import Part
from local.settings import StackSettings

WORKERS = {
    "score": ("Scoring worker", "score_web_port", ("kafka",)),
    "graph": ("Graph writer", "graph_web_port", ("kafka", "neo4j")),
    "archive": ("Archive", "archive_web_port", ("kafka", "postgres-raw")),
}
"""A role's title, the setting of its web port, and what must be ready before it starts."""


def environment(settings: StackSettings) -> dict[str, str]:
    """Where Vigía's processes find the servers of this stack."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{settings.port('kafka_port')}",
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{settings.port('mlflow_port')}",
        "NEO4J_URI": f"bolt://127.0.0.1:{settings.port('neo4j_bolt_port')}",
        "NEO4J_USER": "neo4j",
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "RAW_DATABASE_URL": settings.database_url("raw", "postgres_raw_port"),
        "VIGIA_STATE_DIR": str(settings.data / "state"),
        "PYTHONUNBUFFERED": "1",
    }


def worker(settings: StackSettings, role: str) -> Part:
    """A worker of one role."""
    title, port_name, after = WORKERS[role]
    port = settings.port(port_name)
    return Part(
        name=role,
        title=title,
        address=f"http://127.0.0.1:{port}/readyz",
        after=after,
        command=(sys.executable, "-m", "stream", role),
        environment={**environment(settings), "WORKER_ID": f"{role}-0", "WEB_BIND": "127.0.0.1", "WEB_PORT": str(port)},
        ready=lambda: http_problem(f"http://127.0.0.1:{port}/readyz"),
        stop_seconds=40.0,
        start_seconds=900.0,  # the very first start waits for the models to be trained
    )


def first_models(settings: StackSettings) -> Part:
    """The job that trains and registers a model for every dataset that has none in production."""
    return Part(
        name="models",
        title="First models",
        after=("mlflow",),
        command=(
            sys.executable,
            "-m",
            "local.models",
            str(settings.data / "training"),
            str(settings.first_model_rows),
            str(settings.first_model_epochs),
        ),
        environment=environment(settings),
        job=True,
        start_seconds=900.0,
    )


def simulation(settings: StackSettings) -> Part:
    """Simulated traffic, with a known share of injected anomalies."""
    labels = settings.data / "labels.jsonl"
    return Part(
        name="simulate",
        title="Simulated traffic",
        address=f"{settings.simulate_rate:g} declarations/s, labels in {labels}",
        after=("score",),
        command=(sys.executable, "-m", "cli", "simulate", "--rate", f"{settings.simulate_rate:g}", "--labels", str(labels)),
        environment=environment(settings),
    )
