"""What people and programs look at: the inference API and the analysts' screen, as parts of the stack."""

import json
import sys

from local.flows import prefect_environment
from local.mlflow import http_problem
from local.part import Part
from local.settings import StackSettings
from local.workers import WORKERS, environment


def api(settings: StackSettings) -> Part:
    """The inference API."""
    port = settings.port("api_port")
    return Part(
        name="api",
        title="API",
        address=f"http://127.0.0.1:{port}/docs",
        after=("postgres-raw", "postgres-metadata", "mlflow"),
        command=(sys.executable, "-m", "api"),
        environment={
            **environment(settings),
            "PREFECT_API_URL": prefect_environment(settings)["PREFECT_API_URL"],
            "API_HOST": "127.0.0.1",
            "API_PORT": str(port),
            "API_PARTS": json.dumps({role: _ready(settings, web_port) for role, (_, web_port, _) in WORKERS.items()}),
        },
        ready=lambda: http_problem(f"http://127.0.0.1:{port}/readyz"),
        stop_seconds=30.0,
        start_seconds=900.0,  # the very first start waits for the models to be trained
    )


def ui(settings: StackSettings) -> Part:
    """The analysts' screen."""
    url = f"http://127.0.0.1:{settings.port('ui_port')}"
    return Part(
        name="ui",
        title="Analysts' screen",
        address=url,
        command=(sys.executable, "-m", "ui"),
        environment={
            "UI_HOST": "127.0.0.1",
            "UI_PORT": str(settings.port("ui_port")),
            "API_URL": f"http://127.0.0.1:{settings.port('api_port')}",
            "NEO4J_BROWSER_URL": f"http://127.0.0.1:{settings.port('neo4j_http_port')}",
            "PREFECT_UI_URL": f"http://127.0.0.1:{settings.port('prefect_port')}",
            "MLFLOW_UI_URL": f"http://127.0.0.1:{settings.port('mlflow_port')}",
            "PYTHONUNBUFFERED": "1",
        },
        ready=lambda: http_problem(f"{url}/_stcore/health"),
    )


def _ready(settings: StackSettings, port_name: str) -> str:
    return f"http://127.0.0.1:{settings.port(port_name)}/readyz"
