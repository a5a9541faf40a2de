"""The graph writer's process between a real broker and a real Neo4j: verdicts and feedback, whatever comes first."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import neo4j
import pytest
from confluent_kafka import Producer

from graph.connection import connect
from graph.settings import Neo4jSettings
from graph.writer import GraphWriter
from schemas.events import ScoredRecord, ScoredV1
from tests.trade import Trade
from tests.workers import Deployment, until


@pytest.fixture
def here(kafka: str, neo4j_settings: Neo4jSettings, tmp_path: Path) -> Deployment:
    graph = {"NEO4J_URI": neo4j_settings.uri, "NEO4J_PASSWORD": neo4j_settings.password.get_secret_value()}
    return Deployment(kafka, tmp_path, environment=graph)


@pytest.fixture
def look(neo4j_settings: Neo4jSettings) -> Iterator[Callable[[ScoredV1], tuple[object, ...] | None]]:
    """The score and the revision of an anomaly; None while it is not in the graph."""
    with connect(neo4j_settings) as driver:

        def seen(verdict: ScoredV1) -> tuple[object, ...] | None:
            found = driver.execute_query(
                "MATCH (a:Anomalia {event_id: $id}) RETURN a.score, a.revision, a.revision_por",
                id=verdict.event_id,
                result_transformer_=neo4j.Result.single,
            )
            return None if found is None else tuple(found)

        yield seen


def publish(here: Deployment, topic: str, *values: tuple[str, bytes]) -> None:
    producer = Producer(here.settings.client())
    for key, value in values:
        producer.produce(topic, value, key)
    producer.flush()


def verdict(found: ScoredV1) -> tuple[str, bytes]:
    return found.empresa, msgspec.json.encode(found)


def test_feedback_meets_its_anomaly_whichever_comes_first_and_the_last_word_holds(here, look):
    trade = Trade()
    early, late = trade.verdict(anomaly=True, score=3.0), trade.verdict(anomaly=True, score=4.0)
    words = [
        trade.said(0, early, "confirmed", at="10:00:00.000"),
        trade.said(1, early, "dismissed", who="luis", at="11:00:00.000"),
        trade.said(2, early, "confirmed", at="09:00:00.000"),
    ]
    publish(here, here.topics.feedback, *((early.event_id, msgspec.json.encode(word.feedback)) for word in words))
    publish(here, here.topics.scored, verdict(late))
    with here.worker(role="graph") as worker:
        until(lambda: look(late) == (4.0, None, None), worker.tail)
        until(lambda: look(early) == (None, "descartada", "luis"), worker.tail)
        worker.kill()
        worker.start()
        publish(here, here.topics.scored, verdict(early))
        later = msgspec.json.encode(trade.said(0, late).feedback)
        publish(here, here.topics.feedback, (late.event_id, b'{"verdict":"fraud"}'), (late.event_id, later))
        until(lambda: look(early) == (3.0, "descartada", "luis"), worker.tail)
        until(lambda: look(late) == (4.0, "confirmada", "ana"), worker.tail)
        assert worker.metric("vigia_verdicts_unreadable_total") == 1, "what is no feedback is passed over"
        assert worker.stop() == 0


def test_a_graph_that_followed_only_verdicts_so_far_catches_up_with_all_feedback(here, look, neo4j_settings):
    odd = Trade().verdict(anomaly=True, score=5.0)
    publish(here, here.topics.scored, verdict(odd))
    (message,) = here.wait_for(here.topics.scored, 1)
    before = GraphWriter(neo4j_settings)
    before.open()
    before.apply([ScoredRecord(message.topic(), message.partition(), message.offset(), odd)])
    before.close()
    publish(here, here.topics.feedback, (odd.event_id, msgspec.json.encode(Trade().said(0, odd).feedback)))
    with here.worker(role="graph") as worker:
        until(lambda: look(odd) == (5.0, "confirmada", "ana"), worker.tail)
        assert worker.metric("vigia_verdicts_applied_total") == 1, "the verdict was there already"
