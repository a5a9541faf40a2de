"""The real servers for tests, each started once a session, only when a test asks, on ports and in a folder of its own."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from graph.settings import Neo4jSettings
from local import client
from local.jars import fetch
from local.ports import free_ports
from local.settings import StackSettings


def settings(data: Path, **more: object) -> StackSettings:
    """A stack for a test: small heaps, no simulated traffic, free ports."""
    small: dict[str, object] = {
        "kafka_heap_mb": 256,
        "neo4j_heap_mb": 320,
        "simulate": False,
        "first_model_rows": 5_000,
        "first_model_epochs": 3,
    }
    return StackSettings(vigia_data_dir=data, **{**free_ports(), **small, **more})  # type: ignore[arg-type]


@contextmanager
def running(stack: StackSettings, only: Sequence[str] = ()) -> Iterator[StackSettings]:
    """The stack, or the named parts of it, ready; stopped when left, and when this process dies."""
    for server in client.needs_jars(stack, only):
        fetch.fetch(server, lambda done, total: None)
    supervisor = client.start(stack, only, outlive=False)
    try:
        client.wait(stack, supervisor)
        yield stack
    finally:
        client.stop(stack.data)
        supervisor.wait(10)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real broker's host:port. Tests share it: name topics and groups after yourself (`tests.stack.unique`)."""
    with running(settings(tmp_path_factory.mktemp("kafka")), ["kafka"]) as stack:
        yield f"127.0.0.1:{stack.port('kafka_port')}"


@pytest.fixture(scope="session")
def neo4j_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jSettings]:
    """A real, empty Neo4j. Tests share it: mark nodes as your own."""
    with running(settings(tmp_path_factory.mktemp("neo4j")), ["neo4j"]) as stack:
        yield Neo4jSettings(uri=f"bolt://127.0.0.1:{stack.port('neo4j_bolt_port')}", user="neo4j", password=stack.neo4j_password)


@pytest.fixture(scope="session")
def raw_database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretStr]:
    """The address of a real raw database, without a schema."""
    with running(settings(tmp_path_factory.mktemp("postgres")), ["postgres-raw"]) as stack:
        yield SecretStr(stack.database_url("raw", "postgres_raw_port"))


def unique(name: str) -> str:
    """A name that no other test has."""
    return f"{name}-{secrets.token_hex(4)}"
