"""The real servers of the learning half, for tests: two PostgreSQL databases, MLflow on S3, and Prefect."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import boto3
import httpx
import psycopg
import pytest
from moto.server import ThreadedMotoServer
from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from psycopg import sql

from adapters.registry import MlflowRegistry, RegistrySettings
from flows.ingest import ingest
from flows.retrain import retrain
from local.settings import StackSettings
from schemas import datasets
from schemas.datasets import DatasetSpec
from simulator.faults import Faults
from simulator.generate import Drift, Generator
from simulator.shelf import Shelf
from tests.source import serving
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
        """The newest run of a flow that has ended, as Prefect's page has it."""
        ended = {"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}}
        body = {"flows": {"name": {"any_": [flow]}}, "flow_runs": ended, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        return httpx.post(f"{self.prefect}/flow_runs/filter", json=body).raise_for_status().json()[0]


@dataclass(frozen=True)
class Flows:
    """The flows of one dataset, with a source of its own that fails one call in five and breaks one row in a hundred."""

    learning: Learning
    dataset: str

    ROWS: ClassVar[int] = 4_000
    UNTIL: ClassVar[date] = date(2026, 3, 15)
    EPOCHS: ClassVar[int] = 3

    @property
    def spec(self) -> DatasetSpec:
        return datasets.load(self.dataset)

    @property
    def model(self) -> str:
        return self.spec.model

    @property
    def registry(self) -> MlflowRegistry:
        return MlflowRegistry(RegistrySettings(mlflow_tracking_uri=self.learning.mlflow))

    @contextmanager
    def sourced(self, state: Path) -> Iterator["Flows"]:
        """The source serves, and what the flows read from the environment is there."""
        shelf = Shelf(self.dataset, rows=self.ROWS, seed=7, until=self.UNTIL, per_day=5_700, broken_share=0.01)
        before_midnight = datetime.combine(self.UNTIL, time(), UTC) - timedelta(minutes=1)
        faults = Faults(Random(3), failing_share=0.2)
        with serving({self.dataset: shelf}, before_midnight, faults) as client, pytest.MonkeyPatch.context() as patch:
            for name, value in self.learning.environment(str(client.base_url), state).items():
                patch.setenv(name, value)
            patch.setenv("PAGE_ROWS", "200")
            yield self

    def run(self, flow: Callable[..., Any], *arguments: Any, **options: Any) -> State:
        """The final state of a flow."""
        return flow(*arguments, **options, return_state=True)

    def ingest(self, **options: Any) -> State:
        return self.run(ingest, self.dataset, **options)

    def retrain(self, **options: Any) -> State:
        return self.run(retrain, self.dataset, until=self.UNTIL, epochs=self.EPOCHS, **options)

    def first_model(self) -> State:
        """What a data scientist has after a first day."""
        self.ingest()
        return self.retrain(reason="first model")

    def production(self) -> str | None:
        found = self.registry.in_production(self.model)
        return found.version if found else None

    def versions(self) -> list[Any]:
        """All there are, the newest first."""
        found = self.registry.client.search_model_versions(f"name='{self.model}'")
        return sorted(found, key=lambda each: -int(each.version))

    def counted(self) -> tuple[int, int]:
        """Declarations and rejected rows in the raw database."""
        ((declarations, rejected),) = self.learning.rows("SELECT (SELECT count(*) FROM declarations), (SELECT count(*) FROM rejected_rows)")
        return declarations, rejected

    def traffic(self, count: int, *drift: Drift) -> list[dict[str, Any]]:
        """Declarations from after the source's, of the same companies."""
        return [each for each, _ in islice(Generator(self.dataset, 7, drift=drift).stream(self.UNTIL, 0.01), count)]


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
