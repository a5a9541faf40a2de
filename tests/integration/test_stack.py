"""The real servers under their supervisor: side by side, again, killed, and gone without a trace."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from core.errors import ConfigurationError
from local import client, state
from local.settings import StackSettings
from tests.stack import running, settings
from tests.workers import read_committed, until

SERVERS = ["kafka", "postgres-raw"]


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Iterator[StackSettings]:
    """A stack that has run, with a note in each server; it is down."""
    stack = settings(tmp_path_factory.mktemp("first"))
    with running(stack, SERVERS):
        write(stack, "one")
    yield stack
    client.stop(stack.data)


def kafka(stack: StackSettings) -> str:
    return f"127.0.0.1:{stack.port('kafka_port')}"


def write(stack: StackSettings, text: str) -> None:
    """The text into the stack's Kafka and its PostgreSQL."""
    admin = AdminClient({"bootstrap.servers": kafka(stack)})
    admin.create_topics([NewTopic("notes", 1, 1)])["notes"].result()
    producer = Producer({"bootstrap.servers": kafka(stack), "log_level": 0})
    producer.produce("notes", text)
    assert producer.flush(20) == 0
    with psycopg.connect(stack.database_url("raw", "postgres_raw_port")) as connection:
        connection.execute("CREATE TABLE notes AS SELECT %s::text AS text", [text])


def read(stack: StackSettings) -> tuple[list[str], list[str]]:
    """What Kafka and PostgreSQL have."""
    with psycopg.connect(stack.database_url("raw", "postgres_raw_port")) as connection:
        stored = [text for (text,) in connection.execute("SELECT text FROM notes")]
    return [message.value().decode() for message in read_committed(kafka(stack), "notes")], stored


def processes(data: Path) -> list[psutil.Process]:
    """The supervisor and everything under it."""
    supervisor = psutil.Process(state.read(data).pid)
    return [supervisor, *supervisor.children(recursive=True)]


def gone(found: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in found)


def test_two_stacks_run_side_by_side_and_share_nothing(first, tmp_path):
    second = settings(tmp_path / "second")
    with running(first, SERVERS), running(second, SERVERS):
        write(second, "two")
        assert read(first) == (["one"], ["one"])
        assert read(second) == (["two"], ["two"])


def test_after_down_nothing_runs_and_after_up_the_data_is_there(first):
    with running(first, SERVERS):
        assert read(first) == (["one"], ["one"])
        alive = processes(first.data)
        assert len(alive) > len(SERVERS)
        with pytest.raises(ConfigurationError, match=r"already runs on .* stop it with `vigia down`"):
            client.start(first, SERVERS, outlive=False)
    assert gone(alive)
    assert not client.stop(first.data)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_supervisor_leaves_nothing_behind_and_loses_nothing(first):
    supervisor = client.start(first, SERVERS, outlive=True)
    client.wait(first, supervisor)
    alive = processes(first.data)
    supervisor.kill()
    supervisor.wait()
    until(lambda: gone(alive), lambda: f"still there: {[process for process in alive if process.is_running()]}")
    with running(first, SERVERS):
        assert read(first) == (["one"], ["one"])


def test_another_password_than_the_data_has_is_refused_with_the_settings_to_change(first):
    wrong = StackSettings(**{**first.model_dump(), "postgres_password": "not-this-one"})
    supervisor = client.start(wrong, ["postgres-raw"], outlive=False)
    with pytest.raises(ConfigurationError, match="set POSTGRES_USER and POSTGRES_PASSWORD to those"):
        client.wait(wrong, supervisor)
    supervisor.wait(10)
    assert state.leftovers(state.read(first.data)) == []
