"""The learning half of the stack as parts: the source of declarations, Prefect's server, its deployments, and the flows' worker."""

import sys

from local.mlflow import http_problem
from local.part import Part
from local.settings import StackSettings
from local.workers import environment


def prefect_environment(settings: StackSettings) -> dict[str, str]:
    """How Prefect's client and server find each other, and keep to themselves."""
    url = f"http://127.0.0.1:{settings.port('prefect_port')}"
    return {
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_HOME": str(settings.data / "prefect"),
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def source(settings: StackSettings) -> Part:
    """The fake API that serves both datasets. Its history ends where this data directory began,
    and is as long as it was then, so that cursors stay good."""
    port = settings.port("source_port")
    return Part(
        name="source",
        title="Source API (fake)",
        address=f"http://127.0.0.1:{port}/docs",
        command=(sys.executable, "-m", "simulator.api"),
        environment={
            "SOURCE_API_PORT": str(port),
            "SOURCE_API_ROWS": str(settings.first_model_rows),
            "SOURCE_API_REMEMBER": str(settings.data / "source.txt"),
        },
        ready=lambda: http_problem(f"http://127.0.0.1:{port}/health"),
    )


def prefect(settings: StackSettings) -> Part:
    """Prefect's server and its pages, on the metadata database."""
    port = settings.port("prefect_port")
    url = f"http://127.0.0.1:{port}"
    return Part(
        name="prefect",
        title="Prefect",
        address=url,
        after=("postgres-metadata",),
        command=(sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)),
        environment={
            **prefect_environment(settings),
            "PREFECT_API_DATABASE_CONNECTION_URL": settings.database_url("prefect", "postgres_metadata_port", "postgresql+asyncpg"),
            "PREFECT_UI_API_URL": f"{url}/api",
            "PREFECT_SERVER_METRICS_ENABLED": "true",
        },
        ready=lambda: http_problem(f"{url}/api/health"),
        stop_seconds=20.0,
    )


def deployments(settings: StackSettings) -> Part:
    """The job that registers what `prefect.yaml` says."""
    return Part(
        name="deployments",
        title="Deployments",
        after=("prefect",),
        command=(sys.executable, "-m", "flows.deploy"),
        environment={
            **prefect_environment(settings),
            "VIGIA_INGEST_CRON": settings.ingest_cron,
            "VIGIA_WATCH_CRON": settings.watch_cron,
        },
        job=True,
    )


def flows(settings: StackSettings) -> Part:
    """The worker that runs the flows, a process each."""
    port = settings.port("flows_metrics_port")
    return Part(
        name="flows",
        title="Flows' worker",
        address=f"http://127.0.0.1:{port}/metrics",
        after=("deployments", "postgres-raw", "mlflow"),
        command=(sys.executable, "-m", "flows"),
        environment={
            **environment(settings),
            **prefect_environment(settings),
            "METRICS_PORT": str(port),
            "PREFECT_WORKER_QUERY_SECONDS": "2",
        },
        ready=lambda: http_problem(f"http://127.0.0.1:{port}/metrics"),
        stop_seconds=30.0,
    )


def first_models(settings: StackSettings) -> Part:
    """The job that has the flows make a model for every dataset that has none in production."""
    return Part(
        name="models",
        title="First models",
        after=("flows", "source"),
        command=(sys.executable, "-m", "local.models", str(settings.first_model_epochs)),
        environment={**environment(settings), **prefect_environment(settings)},
        job=True,
        start_seconds=900.0,
    )
