"""The comparison measures what a process publishes, and nothing else of what it does."""

import sys
from pathlib import Path

import pytest

from adapters.kafka import KafkaSettings
from stream.benchmark import Contestant, measure
from tests.declarations import SPEC
from tests.stack import unique

EVENTS = 500
TALKATIVE = f"""
import os
from confluent_kafka import Producer
print("x" * 1_000_000, flush=True)
producer = Producer({{"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}})
for number in range({EVENTS}):
    producer.produce(os.environ["KAFKA_TOPIC_SCORED"], b"a verdict", timestamp=1_700_000_000_000 + 2 * number)
producer.flush()
"""


def test_a_process_that_says_a_lot_is_measured_to_its_end(kafka: str, trained: Path, tmp_path: Path) -> None:
    contestant = Contestant("worker", (sys.executable, "-c", TALKATIVE), EVENTS)
    rate = measure(KafkaSettings(bootstrap_servers=kafka), contestant, SPEC.name, trained, tmp_path / unique("run"))
    assert rate == pytest.approx(500, rel=0.01)


def test_a_process_that_fails_is_shown_with_what_it_said(kafka: str, trained: Path, tmp_path: Path) -> None:
    contestant = Contestant("worker", (sys.executable, "-c", "raise SystemExit('no model')"), EVENTS)
    with pytest.raises(RuntimeError, match=r"stopped after 0 of 500 verdicts:\s+no model"):
        measure(KafkaSettings(bootstrap_servers=kafka), contestant, SPEC.name, trained, tmp_path / unique("run"))
