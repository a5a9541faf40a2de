"""The whole stack, as `vigia up` runs it: what goes in comes out once, in Kafka, in Neo4j and in PostgreSQL."""

import itertools
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import neo4j
import psycopg
import pytest
from confluent_kafka import Producer

from adapters.kafka import TopicSettings
from adapters.registry import MlflowRegistry, RegistrySettings
from local import client, state
from local.settings import StackSettings
from schemas import datasets
from simulator.generate import Generator
from tests.stack import running, settings
from tests.workers import read_committed, until

TOPICS = TopicSettings()
GARBAGE = [b"no JSON", b"{}", b"\xff\xfe", b'{"declaration_id": "x"}', b'["a", "b"]']


class Whole:
    """A running stack and everything that was published to it."""

    def __init__(self, stack: StackSettings) -> None:
        self.stack = stack
        self.kafka = f"127.0.0.1:{stack.port('kafka_port')}"
        self.published: list[tuple[str, dict]] = []
        self._events = {name: Generator(name, seed=5).stream(datetime(2026, 3, 1, tzinfo=UTC), 0.02) for name in datasets.names()}

    def publish(self, count: int, rate: float | None = None) -> None:
        """As an upstream system does, with a plain client; every fifth declaration is one of controlled substances."""
        producer = Producer({"bootstrap.servers": self.kafka, "log_level": 0})
        for number in range(count):
            dataset = "sustancias_controladas" if number % 5 == 0 else "exportaciones"
            declaration, _ = next(self._events[dataset])
            producer.produce(datasets.load(dataset).topic, json.dumps(declaration), declaration["empresa"])
            self.published.append((dataset, declaration))
            if rate and number % 100 == 0:
                producer.poll(100 / rate)
        producer.flush()

    def verdicts(self) -> list[dict]:
        return [json.loads(message.value()) for message in read_committed(self.kafka, TOPICS.scored)]

    def wait_for_verdicts(self) -> list[dict]:
        """The verdicts, once there are as many as declarations; each must be there once."""
        until(lambda: len(self.verdicts()) >= len(self.published), lambda: f"{len(self.verdicts())} of {len(self.published)} verdicts")
        verdicts = self.verdicts()
        assert Counter(verdict["declaration_id"] for verdict in verdicts) == Counter(d["declaration_id"] for _, d in self.published)
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
        return Counter((name, d["empresa"], d["subpartida"], d["puerto"]) for name, d in self.published)

    def archived(self) -> tuple[int, int]:
        """Declarations and verdicts in PostgreSQL."""
        with psycopg.connect(self.stack.database_url("raw", "postgres_raw_port")) as connection:
            return tuple(connection.execute("SELECT (SELECT count(*) FROM declarations), (SELECT count(*) FROM verdicts)").fetchone())

    def settle(self) -> None:
        """Waits until the sinks have everything, and nothing more than that."""
        count = len(self.published)
        until(lambda: self.relations().total() >= count, lambda: f"{self.relations().total()} of {count} in the graph")
        until(lambda: self.archived() == (count, count), lambda: f"{self.archived()} of {count} in the archive")
        assert self.relations() == self.grouped()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with running(settings(tmp_path_factory.mktemp("whole"))) as stack:
        yield Whole(stack)


def test_what_is_published_is_judged_once_drawn_in_the_graph_and_archived(whole: Whole) -> None:
    whole.publish(1_500)
    producer = Producer({"bootstrap.servers": whole.kafka})
    for value in itertools.islice(itertools.cycle(GARBAGE), 20):
        producer.produce("declarations.exportaciones", value)
    producer.flush()
    whole.publish(1_500)
    verdicts = whole.wait_for_verdicts()
    letters = read_committed(whole.kafka, TOPICS.dead_letter)
    assert Counter(letter.value() for letter in letters) == Counter(itertools.islice(itertools.cycle(GARBAGE), 20))
    alerts = {json.loads(message.value())["event_id"] for message in read_committed(whole.kafka, TOPICS.anomalies)}
    assert alerts == {verdict["event_id"] for verdict in verdicts if verdict["anomaly"]}
    assert alerts
    assert {(verdict["model"]["name"], verdict["model"]["version"]) for verdict in verdicts} == {
        (datasets.load(name).model, "1") for name in datasets.names()
    }
    whole.settle()


def test_a_worker_that_is_killed_is_started_again_and_nothing_is_lost_or_doubled(whole: Whole) -> None:
    for role in ("score", "graph", "archive"):
        status = state.read(whole.stack.data)
        assert status
        pid = status.parts[role].pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        whole.publish(400, rate=2_000)
    whole.wait_for_verdicts()
    whole.settle()


def test_a_promoted_model_takes_over_while_declarations_flow(whole: Whole) -> None:
    registry = MlflowRegistry(RegistrySettings(mlflow_tracking_uri=f"http://127.0.0.1:{whole.stack.port('mlflow_port')}"))
    model = datasets.load("exportaciones").model
    bundle = whole.stack.data / "training" / "exportaciones"
    assert registry.register(model, bundle, {}, {}, "production").version == "2"

    def version_two() -> bool:
        whole.publish(50)
        return any(verdict["model"] == {"name": model, "version": "2"} for verdict in whole.verdicts())

    until(version_two, lambda: "no verdict by version 2")
    whole.wait_for_verdicts()
    whole.settle()


def test_after_down_and_up_everything_is_as_it_was_and_goes_on(whole: Whole) -> None:
    before = whole.relations()
    assert client.stop(whole.stack.data)
    supervisor = client.start(whole.stack, outlive=False)
    client.wait(whole.stack, supervisor)
    assert whole.relations() == before
    whole.publish(500)
    verdicts = whole.wait_for_verdicts()
    assert verdicts[-1]["model"]["version"] in ("1", "2")
    whole.settle()
