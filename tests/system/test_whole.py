"""What goes in comes out once, in Kafka, in Neo4j and in PostgreSQL, whatever dies or is promoted meanwhile."""

import itertools
import json
import os
import signal
from collections import Counter
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer

from adapters.cache import BundleCache
from adapters.registry import Registered
from flows.tracking import register_bundle
from local import client, state
from schemas import datasets
from schemas.events import Model
from tests.whole import TOPICS, Whole
from tests.workers import read_committed, until

GARBAGE = [b"no JSON", b"{}", b"\xff\xfe", b'{"declaration_id": "x"}', b'["a", "b"]']


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
    assert alerts == {verdict.event_id for verdict in verdicts if verdict.anomaly}
    assert alerts
    assert {verdict.model for verdict in verdicts} == {Model(datasets.load(name).model, "1") for name in datasets.names()}
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


@pytest.mark.timeout(600)
def test_traffic_that_has_shifted_is_noticed_and_answered_by_a_promoted_model_with_nobody_touching_anything(whole: Whole) -> None:
    before, since = whole.in_production("exportaciones"), datetime.now(UTC)
    whole.drift(["0603110000", "1806900000", "3004902900", "3304990000", "0901119000"], 3.0)
    with whole.flowing(200):
        until(lambda: whole.in_production("exportaciones") != before, whole.learning, patience=500)
        promoted = whole.in_production("exportaciones")
        until(lambda: whole.scores_with() == promoted.version, lambda: f"still {whole.scores_with()}")
        until(lambda: promoted.version in whole.alert_rates(since), whole.learning)
    assert whole.registry.client.get_model_version(before.name, promoted.version).tags["vigia.gate"] == "passed"
    whole.wait_for_verdicts()
    whole.settle()
    rates = whole.alert_rates(since)
    assert rates[promoted.version] < rates[before.version] / 2, "the new model knows the new prices"


def test_a_promotion_and_a_rollback_from_prefect_while_declarations_flow_judge_each_of_them_once(whole: Whole) -> None:
    registry, model = whole.registry, datasets.load("exportaciones").model
    first = whole.in_production("exportaciones")
    second = register_bundle(registry, BundleCache(whole.stack.data / "elsewhere").fetch(registry, first))
    for flow, parameters, wanted in (("promote", {"version": int(second.version)}, second), ("rollback", {}, first)):
        with whole.flowing(1_000):
            whole.prefect.run(flow, ["by-hand"], {"dataset": "exportaciones", **parameters})
            assert registry.in_production(model) == wanted
            until(lambda version=wanted.version: whole.scores_with() == version, lambda: f"still {whole.scores_with()}")
    versions = {verdict.model.version for verdict in whole.wait_for_verdicts() if verdict.dataset == "exportaciones"}
    assert {first.version, second.version} <= versions
    whole.settle()


def test_a_worker_that_dies_during_a_swap_comes_back_with_the_version_that_it_should_have(whole: Whole) -> None:
    now = whole.in_production("exportaciones")
    other = Registered(now.name, str(int(now.version) - 1))
    with whole.flowing(500):
        for wanted in (other, now):
            whole.registry.promote(wanted)
            status = state.read(whole.stack.data)
            assert status
            os.kill(status.parts["score"].pid or 0, signal.SIGKILL)
            until(lambda version=wanted.version: whole.scores_with() == version, lambda: f"still {whole.scores_with()}")
    whole.wait_for_verdicts()
    whole.settle()


def test_after_down_and_up_everything_is_as_it_was_and_goes_on(whole: Whole) -> None:
    before = whole.relations()
    assert client.stop(whole.stack.data)
    supervisor = client.start(whole.stack, outlive=False)
    client.wait(whole.stack, supervisor)
    assert whole.relations() == before
    whole.publish(500)
    latest = {each.declaration_id for each in whole.published[-500:]}
    verdicts = whole.wait_for_verdicts()
    now = {name: whole.in_production(name).version for name in datasets.names()}
    assert {(each.dataset, each.model.version) for each in verdicts if each.declaration_id in latest} == set(now.items())
    whole.settle()
