"""The real servers of the learning half, for tests: two PostgreSQL databases, MLflow on S3, and Prefect."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import psycopg
import pytest
from moto.server import ThreadedMotoServer
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from psycopg import sql

from local.settings import StackSettings
from tests.stack import running, settings, unique

BUCKET = "models"


@dataclass(frozen=True)
class Learning:
    """The servers, and databases of one's own on them."""

    stack: StackSettings
    raw: str = field(default_factory=lambda: unique("raw"))
    metadata: str = field(default_factory=lambda: unique("metadata"))

    def url(self, name: str) -> str:
        return self.stack.database_url(name, "postgres_raw_port" if name == self.raw else "postgres_metadata_port")

    @property
    def mlflow(self) -> str:
        return f"http://127.0.0.1:{self.stack.port('mlflow_port')}"

    @property
    def prefect(self) -> str:
        return f"http://127.0.0.1:{self.stack.port('prefect_port')}/api"

    def make(self) -> "Learning":
        """Creates the databases."""
        for name, port_name in ((self.raw, "postgres_raw_port"), (self.metadata, "postgres_metadata_port")):
            with psycopg.connect(self.stack.database_url("postgres", port_name), autocommit=True) as server:
                server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self

    def rows(self, query: str, *values: Any, database: str = "raw") -> list[tuple[Any, ...]]:
        """What a database of ours says."""
        with psycopg.connect(self.url(getattr(self, database)), autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    def environment(self, source: str, state: Path) -> dict[str, str]:
        """What the flows read."""
        return {
            "RAW_DATABASE_URL": self.url(self.raw),
            "METADATA_DATABASE_URL": self.url(self.metadata),
            "MLFLOW_TRACKING_URI": self.mlflow,
            "SOURCE_API_URL": source,
            "VIGIA_STATE_DIR": str(state),
        }

    def last_run(self, flow: str) -> dict[str, Any]:
        """The newest run of a flow, as Prefect's page has it."""
        body = {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        return httpx.post(f"{self.prefect}/flow_runs/filter", json=body).raise_for_status().json()[0]


@contextmanager
def s3() -> Iterator[dict[str, str]]:
    """An S3 server with a bucket, and the environment in which it is found."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        found = {
            "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "vigia",
            "AWS_SECRET_ACCESS_KEY": "vigia-local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        boto3.client(
            "s3",
            endpoint_url=found["MLFLOW_S3_ENDPOINT_URL"],
            aws_access_key_id="vigia",
            aws_secret_access_key="vigia-local",
            region_name="us-east-1",
        ).create_bucket(Bucket=BUCKET)
        yield found
    finally:
        server.stop()


@pytest.fixture(scope="session")
def learning_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackSettings]:
    """The servers, started once."""
    stack = settings(tmp_path_factory.mktemp("learning"), artifacts_destination=f"s3://{BUCKET}")
    with s3() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with running(stack, ["postgres-raw", "postgres-metadata", "mlflow", "prefect"]):
            yield stack


@pytest.fixture(scope="module")
def learning(learning_stack: StackSettings) -> Iterator[Learning]:
    """Databases of this module's own, and a process whose flows report to the Prefect server."""
    here = Learning(learning_stack).make()
    with temporary_settings({PREFECT_API_URL: here.prefect}), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", here.mlflow)
        yield here
        # What Prefect still has to tell its server, it would try to tell for a minute after the server has ended.
        APILogWorker.drain_all()
        EventsWorker.drain_all()
