"""Vigía's own processes on the stream as parts of the stack: the workers, and simulated traffic."""

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
        "METADATA_DATABASE_URL": settings.database_url("vigia", "postgres_metadata_port"),
        "SOURCE_API_URL": f"http://127.0.0.1:{settings.port('source_port')}",
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
