"""The MLflow server: tracking and registry on the metadata database, artifacts in the data directory."""

import sys
import urllib.error
import urllib.request

from local.part import Part
from local.settings import StackSettings


def mlflow(settings: StackSettings) -> Part:
    """The server as a part."""
    port = settings.port("mlflow_port")
    url = f"http://127.0.0.1:{port}"
    artifacts = settings.data / "mlflow"
    return Part(
        name="mlflow",
        title="MLflow",
        address=url,
        after=("postgres-metadata",),
        command=(sys.executable, "-m", "local.tracking", str(port)),
        environment={
            "MLFLOW_BACKEND_STORE_URI": settings.database_url("mlflow", "postgres_metadata_port", "postgresql+psycopg"),
            "MLFLOW_ARTIFACTS_DESTINATION": settings.artifacts_destination or str(artifacts),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_TRACKING_URI": "",
        },
        prepare=lambda: artifacts.mkdir(parents=True, exist_ok=True),
        ready=lambda: http_problem(f"{url}/health"),
    )


def http_problem(url: str) -> str | None:
    """None when the address answers 200; what it says otherwise. Raises OSError while nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310  # an address of our own
            return None if answer.status == 200 else f"status {answer.status}"
    except urllib.error.HTTPError as error:
        return error.read().decode("utf-8", "replace")[:500]
