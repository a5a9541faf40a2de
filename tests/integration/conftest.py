"""What several of these tests work with: a graph writer and a driver on the shared Neo4j, and a trade of one's own."""

from collections.abc import Iterator

import neo4j
import pytest

from graph.connection import connect
from graph.settings import Neo4jSettings
from graph.writer import GraphWriter
from tests.trade import Trade


@pytest.fixture
def writer(neo4j_settings: Neo4jSettings) -> Iterator[GraphWriter]:
    writer = GraphWriter(neo4j_settings)
    writer.open()
    yield writer
    writer.close()


@pytest.fixture
def driver(neo4j_settings: Neo4jSettings) -> Iterator[neo4j.Driver]:
    with connect(neo4j_settings) as driver:
        yield driver


@pytest.fixture
def trade() -> Trade:
    return Trade()
