"""How far behind a worker is: counted from what is durable, and told in seconds, too."""

import json
import time
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from stream import metrics
from stream.health import BrokerHealth

TOPIC = "declarations.scored"


class At:
    """A message with its place and its age."""

    def __init__(self, offset: int, age_s: float = 0) -> None:
        self._offset, self._at = offset, int((time.time() - age_s) * 1000)

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, self._at


def report(given: int, end: int, fetching: str = "active", fetched: int = 0) -> str:
    """librdkafka's statistics: the offset after the last that we were given, markers included, and the topic's end."""
    state = {"app_offset": given, "next_offset": max(given, fetched), "hi_offset": end, "fetch_state": fetching}
    return json.dumps({"brokers": {"1": {"state": "UP", "nodeid": 1}}, "topics": {TOPIC: {"partitions": {"0": state}}}})


def lag() -> tuple[float, float]:
    labels = {"topic": TOPIC, "partition": "0"}
    found = [REGISTRY.get_sample_value(f"vigia_consumer_lag_{unit}", labels) for unit in ("messages", "seconds")]
    assert found[0] is not None
    assert found[1] is not None
    return found[0], found[1]


@pytest.fixture
def broker() -> Iterator[BrokerHealth]:
    yield BrokerHealth("127.0.0.1:9092")
    metrics.LAG.clear()
    metrics.LAG_SECONDS.clear()


def test_the_marker_of_a_transaction_at_the_end_of_a_topic_is_nothing_that_waits(broker):
    broker.taken([At(8), At(9)])
    broker.handled([At(9, age_s=500)])
    broker.on_statistics(report(given=11, end=11))
    assert lag() == (0, 0)


def test_what_was_read_and_is_not_handled_waits_as_what_was_not_read_does(broker):
    broker.on_statistics(report(given=5, end=5))
    broker.taken([At(offset) for offset in range(5, 20)])
    broker.on_statistics(report(given=20, end=100))
    assert lag()[0] == 95
    broker.handled([At(14)])
    broker.on_statistics(report(given=20, end=100))
    assert lag()[0] == 85


def test_the_oldest_has_waited_since_the_last_that_was_handled(broker):
    broker.taken([At(4)])
    broker.handled([At(4, age_s=600)])
    broker.on_statistics(report(given=5, end=100))
    messages, seconds = lag()
    assert messages == 95
    assert seconds == pytest.approx(600, abs=5)


def test_a_worker_that_was_away_tells_how_old_its_backlog_is(broker):
    broker.on_statistics(report(given=-1001, end=100))
    assert lag() == (100, pytest.approx(0, abs=5))
    broker.taken([At(0, age_s=7_200), At(1, age_s=7_100)])
    broker.on_statistics(report(given=2, end=100))
    assert lag() == (100, pytest.approx(7_200, abs=5))
    broker.handled([At(0, age_s=7_200), At(1, age_s=7_100)])
    broker.on_statistics(report(given=2, end=100))
    assert lag() == (98, pytest.approx(7_100, abs=5))


def test_what_was_fetched_and_not_yet_given_hides_no_backlog(broker):
    broker.on_statistics(report(given=-1001, end=300, fetched=300))
    broker.taken([At(0, age_s=7_200)])
    broker.on_statistics(report(given=1, end=300))
    assert lag() == (300, pytest.approx(7_200, abs=5))


def test_messages_without_a_time_have_waited_since_they_were_first_looked_at(broker):
    broker.taken([At(0, age_s=time.time())])
    broker.on_statistics(report(given=1, end=1))
    assert lag() == (1, pytest.approx(0, abs=5))


def test_after_a_quiet_hour_the_first_message_has_not_waited_for_an_hour(broker):
    broker.taken([At(4)])
    broker.handled([At(4, age_s=3_600)])
    broker.on_statistics(report(given=5, end=5))
    broker.on_statistics(report(given=5, end=6))
    messages, seconds = lag()
    assert messages == 1
    assert seconds < 5


def test_a_partition_that_went_elsewhere_is_told_by_whoever_has_it_and_begins_anew_when_it_comes_back(broker):
    broker.taken([At(4), At(49)])
    broker.handled([At(4)])
    broker.on_statistics(report(given=50, end=50))
    assert lag()[0] == 45
    broker.on_statistics(report(given=50, end=90, fetching="stopped"))
    assert REGISTRY.get_sample_value("vigia_consumer_lag_messages", {"topic": TOPIC, "partition": "0"}) is None
    broker.on_statistics(report(given=90, end=90))
    assert lag() == (0, 0)
