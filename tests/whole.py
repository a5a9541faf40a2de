"""The whole stack, as `vigia up` runs it, started once for the tests that need all of it."""

import json
import re
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import msgspec
import neo4j
import psycopg
import pytest
from confluent_kafka import Message, Producer

from adapters.kafka import TopicSettings
from adapters.registry import MlflowRegistry, Registered, RegistrySettings
from local.models import Prefect
from local.settings import StackSettings
from schemas import datasets
from schemas.events import Model
from simulator.generate import Drift, Generator
from tests.stack import running, settings
from tests.workers import read_committed, until

TOPICS = TopicSettings()


class Declared(NamedTuple):
    """What is remembered of a published declaration."""

    dataset: str
    declaration_id: str
    empresa: str
    subpartida: str
    puerto: str


class Verdict(msgspec.Struct):
    """What is looked at of a verdict."""

    event_id: str
    declaration_id: str
    dataset: str
    anomaly: bool
    model: Model


class Whole:
    """A running stack and everything that was published to it."""

    def __init__(self, stack: StackSettings) -> None:
        self.stack = stack
        self.kafka = f"127.0.0.1:{stack.port('kafka_port')}"
        self.published: list[Declared] = []
        # The companies that the first models know, and whose habits they have.
        self._events = {name: Generator(name, seed=7).stream(datetime.now(UTC), 0.01) for name in datasets.names()}
        self.registry = MlflowRegistry(RegistrySettings(mlflow_tracking_uri=f"http://127.0.0.1:{stack.port('mlflow_port')}"))
        self.prefect = Prefect(f"http://127.0.0.1:{stack.port('prefect_port')}/api")

    def drift(self, subpartidas: list[str], factor: float) -> None:
        """From now on, these cost so many times as much."""
        changes = [Drift(date(2026, 1, 1), subpartida, factor) for subpartida in subpartidas]
        self._events["exportaciones"] = Generator("exportaciones", seed=7, drift=changes).stream(datetime.now(UTC), 0.01)

    @contextmanager
    def flowing(self, rate: float) -> Iterator[None]:
        """Declarations keep coming at a rate."""
        enough = threading.Event()

        def publish() -> None:
            begun, sent = time.monotonic(), 0
            while not enough.wait(0.05):
                due = int((time.monotonic() - begun) * rate) - sent
                self.publish(due)
                sent += due

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()

    def in_production(self, dataset: str) -> Registered:
        found = self.registry.in_production(datasets.load(dataset).model)
        assert found
        return found

    def scores_with(self) -> str:
        """The version that the worker says it scores exports with; nothing while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.stack.port('score_web_port')}/metrics", timeout=5) as answer:
                found = re.search(r'vigia_model_info\{dataset="exportaciones",.*version="(.*)"\} 1', answer.read().decode())
        except OSError:
            return ""
        return found[1] if found else ""

    def alert_rates(self, since: datetime) -> dict[str, float]:
        """By version, the share of the exports judged since then that raised an alert."""
        query = "SELECT model_version, avg(anomaly::int)::float FROM verdicts WHERE dataset = 'exportaciones' AND scored_at > %s GROUP BY 1"
        with psycopg.connect(self.stack.database_url("raw", "postgres_raw_port")) as connection:
            return dict(connection.execute(query, [since]).fetchall())

    def learning(self) -> str:
        """What watching and retraining have come to."""
        with psycopg.connect(self.stack.database_url("vigia", "postgres_metadata_port")) as connection:
            reports = connection.execute("SELECT dataset, verdicts, drifted, triggered FROM drift_reports ORDER BY created_at").fetchall()
            gates = connection.execute("SELECT version, promote, reasons FROM gates").fetchall()
        return f"drift reports {reports}, gates {gates}"

    def publish(self, count: int, rate: float | None = None) -> None:
        """As an upstream system does, with a plain client; every fifth declaration is one of controlled substances."""
        producer = Producer({"bootstrap.servers": self.kafka, "log_level": 0})
        for number in range(count):
            dataset = "sustancias_controladas" if number % 5 == 0 else "exportaciones"
            declaration, _ = next(self._events[dataset])
            self._send(producer, dataset, declaration)
            if rate and number % 100 == 0:
                producer.poll(100 / rate)
        producer.flush()

    def inject(self, **wrong: Any) -> dict[str, Any]:
        """Publishes an export with something wrong in it, and returns it."""
        declaration, _ = next(self._events["exportaciones"])
        producer = Producer({"bootstrap.servers": self.kafka, "log_level": 0})
        self._send(producer, "exportaciones", {**declaration, **wrong})
        producer.flush()
        return {**declaration, **wrong}

    def address(self, port_name: str) -> str:
        """Where a part that speaks HTTP is."""
        return f"http://127.0.0.1:{self.stack.port(port_name)}"

    def _send(self, producer: Producer, dataset: str, declaration: dict[str, Any]) -> None:
        producer.produce(datasets.load(dataset).topic, json.dumps(declaration), declaration["empresa"])
        self.published.append(Declared(dataset, *(declaration[field] for field in Declared._fields[1:])))

    def wait_for_verdicts(self) -> list[Verdict]:
        """The verdicts, once there are as many as declarations; each must be there once."""
        found: list[Message] = []

        def all_there() -> bool:
            found[:] = read_committed(self.kafka, TOPICS.scored)
            return len(found) >= len(self.published)

        until(all_there, lambda: f"{len(found)} of {len(self.published)} verdicts")
        decode = msgspec.json.Decoder(Verdict).decode
        verdicts = [decode(message.value() or b"") for message in found]
        assert sorted(verdict.declaration_id for verdict in verdicts) == sorted(each.declaration_id for each in self.published)
        return verdicts

    def relations(self) -> Counter:
        """How many declarations each relation in Neo4j stands for, over Bolt."""
        query = "MATCH (e:Empresa)-[r:DECLARA]->(s:Subpartida) RETURN r.dataset, e.id, s.codigo, r.puerto, r.declaraciones"
        uri = f"bolt://127.0.0.1:{self.stack.port('neo4j_bolt_port')}"
        with neo4j.GraphDatabase.driver(uri, auth=("neo4j", self.stack.neo4j_password.get_secret_value())) as driver:
            rows = [tuple(row) for row in driver.execute_query(query).records]
        assert len({row[:4] for row in rows}) == len(rows), "one relation a triple"
        return Counter({row[:4]: row[4] for row in rows})

    def grouped(self) -> Counter:
        """The same from what was published."""
        return Counter((each.dataset, each.empresa, each.subpartida, each.puerto) for each in self.published)

    def archived(self) -> tuple[int, int]:
        """Declarations from the stream and verdicts in PostgreSQL."""
        query = "SELECT (SELECT count(*) FROM declarations WHERE source = 'stream'), (SELECT count(*) FROM verdicts)"
        with psycopg.connect(self.stack.database_url("raw", "postgres_raw_port")) as connection:
            return tuple(connection.execute(query).fetchone())

    def settle(self) -> None:
        """Waits until the sinks have everything, and nothing more than that."""
        count = len(self.published)
        until(lambda: self.relations().total() >= count, lambda: f"{self.relations().total()} of {count} in the graph")
        until(lambda: self.archived() == (count, count), lambda: f"{self.archived()} of {count} in the archive")
        assert self.relations() == self.grouped()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with running(settings(tmp_path_factory.mktemp("whole"), watch_cron="* * * * *", monitor=True)) as stack:
        yield Whole(stack)
