"""The scoring worker on a real broker: every declaration judged once, whatever happens."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.declarations import rows
from tests.published import of_dataset, validator
from tests.workers import Deployment, until, verdict_ids

SEED_EXAMPLE = {"declaration_id": "1", "empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
ODD = {**rows(1, seed=9)[0], "declaration_id": "odd", "valor_fob_usd": 9e9, "peso_neto_kg": 0.001, "pais": "KP", "puerto": "INIRIDA"}

GARBAGE: dict[bytes | None, tuple[str, str]] = {
    b"not json": ("not_json", ""),
    b"[1, 2]": ("not_object", ""),
    b'"text"': ("not_object", ""),
    b"{}": ("missing_field", "declaration_id"),
    None: ("empty_value", ""),
    b"": ("empty_value", ""),
    b'{"declaration_id":"x","empresa":"A\xff","subpartida":"110100","puerto":"P"}': ("invalid_utf8", ""),
    b'{"declaration_id":"x","empresa":"","subpartida":"110100","puerto":"P"}': ("empty_field", "empresa"),
    b'{"declaration_id":"x","empresa":null,"subpartida":"110100","puerto":"P"}': ("missing_field", "empresa"),
    b'{"declaration_id":"x","empresa":"A","subpartida":"110100"}': ("missing_field", "puerto"),
    b'{"declaration_id":1,"empresa":"A","subpartida":"110100","puerto":"P"}': ("wrong_type", "declaration_id"),
    b'{"declaration_id":"x","empresa":"A","subpartida":"%s","puerto":"P"}' % (b"1" * 40): ("bad_format", "subpartida"),
    b'{"declaration_id":"x","empresa":"A","subpartida":"110100","puerto":"P","peso_neto_kg":-1}': ("out_of_range", "peso_neto_kg"),
    b'{"declaration_id":"x","empresa":"A","subpartida":"110100","puerto":"P","valor_fob_usd":NaN}': ("not_finite", "valor_fob_usd"),
    b'{"declaration_id":"x","empresa":"A","subpartida":"110100","puerto":"P","valor_fob_usd":"12"}': ("wrong_type", "valor_fob_usd"),
    b'{"declaration_id":"x","empresa":"A","subpartida":"110100","puerto":"P","fecha":"ayer"}': ("bad_format", "fecha"),
    b'{"declaration_id":"x","empresa":"A","subpartida":"110100","puerto":"P","pais":"COL"}': ("bad_format", "pais"),
    b'{"declaration_id":"x","empresa":"A","subpartida":"110100","puerto":"P","dataset":"otro"}': ("wrong_dataset", "dataset"),
    b'{"declaration_id":"x","empresa":"A\\u0000","subpartida":"110100","puerto":"P"}': ("bad_character", "empresa"),
    b"texto " * 850_000: ("too_large", ""),
}


@pytest.fixture
def deploy(kafka: str, tmp_path: Path, trained: Path) -> Callable[..., Deployment]:
    return lambda **environment: Deployment(kafka, tmp_path, trained, environment)


def test_a_declaration_gets_a_verdict_and_an_odd_one_an_explained_alert(deploy: Callable[..., Deployment]) -> None:
    here = deploy()
    with here.worker() as worker:
        worker.wait_until_ready()
        here.publish([SEED_EXAMPLE, ODD])
        scored = here.wait_for(here.topics.scored, 2)
        (alert,) = here.wait_for(here.topics.anomalies, 1)
    verdicts = {verdict["declaration_id"]: verdict for verdict in (json.loads(message.value()) for message in scored)}
    assert sorted(verdicts) == ["1", "odd"]
    assert verdicts["1"]["declaration"] == SEED_EXAMPLE
    for verdict in verdicts.values():
        validator("scored.v1.schema.json").validate(verdict)
    anomaly = json.loads(alert.value())
    validator("anomaly.v1.schema.json").validate(anomaly)
    assert anomaly["event_id"] == verdicts["odd"]["event_id"]
    assert anomaly["error"] - anomaly["base_value"] == pytest.approx(
        sum(part["contribution"] for part in anomaly["contributions"]), abs=1e-4
    )
    assert dict(alert.headers())["ce_type"] == b"co.vigia.declaration.anomaly.v1"
    of_dataset("exportaciones").validate(anomaly["declaration"])


def test_each_unusable_message_becomes_a_dead_letter_and_the_next_one_is_scored(deploy: Callable[..., Deployment]) -> None:
    here = deploy()
    good = rows(len(GARBAGE))
    with here.worker() as worker:
        here.publish(value for pair in zip(GARBAGE, good, strict=True) for value in pair)
        letters = here.wait_for(here.topics.dead_letter, len(GARBAGE))
        scored = here.wait_for(here.topics.scored, len(good))
        assert worker.metric("vigia_declarations_rejected_total") == len(GARBAGE)
    assert verdict_ids(scored) == sorted(row["declaration_id"] for row in good)
    found = {letter.value() or b"": dict(letter.headers()) for letter in letters}
    assert len(letters) == len(GARBAGE)
    assert set(found) == {value or b"" for value in GARBAGE}, "the original bytes, untouched"
    for value, (code, field) in GARBAGE.items():
        headers = found[value or b""]
        assert (headers["vigia.code"], headers["vigia.field"]) == (code.encode(), field.encode())
        assert headers["__connect.errors.topic"] == here.input.encode()
        assert headers["__connect.errors.exception.message"]


def test_traceparent_is_carried_through(deploy: Callable[..., Deployment]) -> None:
    from confluent_kafka import Producer

    here = deploy()
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with here.worker():
        producer = Producer(here.settings.client())
        producer.produce(here.input, json.dumps(SEED_EXAMPLE), headers={"traceparent": trace})
        producer.flush()
        (scored,) = here.wait_for(here.topics.scored, 1)
    assert dict(scored.headers())["traceparent"] == trace


def test_a_worker_that_is_killed_again_and_again_judges_everything_once(deploy: Callable[..., Deployment]) -> None:
    here = deploy()
    declarations = rows(16_000)
    with here.worker() as worker:
        worker.wait_until_ready()
        for killing in range(5):
            here.publish(declarations[killing * 3_000 : (killing + 1) * 3_000], rate=2_000)
            worker.kill()
            worker.start()
        here.publish(declarations[15_000:])
        scored = here.wait_for(here.topics.scored, len(declarations))
    assert verdict_ids(scored) == sorted(row["declaration_id"] for row in declarations)


def test_two_workers_share_the_partitions_and_neither_loses_nor_repeats_when_one_leaves(deploy: Callable[..., Deployment]) -> None:
    here = deploy()
    declarations = rows(12_000)
    with here.worker("one") as one, here.worker("two") as two:
        one.wait_until_ready()
        here.publish(declarations[:4_000], rate=4_000)
        two.wait_until_ready()
        here.publish(declarations[4_000:8_000], rate=4_000)
        assert one.stop() == 0
        here.publish(declarations[8_000:])
        scored = here.wait_for(here.topics.scored, len(declarations))
        assert two.metric("vigia_declarations_scored_total") > 0
    assert verdict_ids(scored) == sorted(row["declaration_id"] for row in declarations)


def test_a_worker_stops_gracefully_and_its_successor_goes_on_where_it_was(deploy: Callable[..., Deployment]) -> None:
    here = deploy()
    declarations = rows(6_000)
    with here.worker() as worker:
        worker.wait_until_ready()
        here.publish(declarations[:3_000])
        assert worker.stop() == 0
        worker.start()
        here.publish(declarations[3_000:])
        scored = here.wait_for(here.topics.scored, len(declarations))
    assert verdict_ids(scored) == sorted(row["declaration_id"] for row in declarations)


def test_without_a_model_a_worker_is_not_ready_says_why_and_consumes_nothing(kafka: str, tmp_path: Path) -> None:
    here = Deployment(kafka, tmp_path)
    here.publish([SEED_EXAMPLE])
    with here.worker() as worker:
        until(lambda: "registry" in str(worker.readiness()[1].get("waiting_for")), lambda: f"{worker.readiness()} {worker.tail()}")
        assert worker.readiness()[0] == 503
        assert worker.metric("vigia_batches_total") == 0
    assert here.read(here.topics.scored) == []


def test_without_a_broker_a_worker_lives_and_says_that_it_waits_for_it(deploy: Callable[..., Deployment]) -> None:
    here = deploy()
    here.environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:9"
    with here.worker() as worker:
        until(lambda: "Kafka at 127.0.0.1:9" in str(worker.readiness()[1].get("waiting_for")), worker.tail)
        assert worker.readiness()[0] == 503
        assert worker.stop() == 0


def test_when_nearly_everything_is_rejected_the_worker_stops_and_leaves_the_topic_alone(deploy: Callable[..., Deployment]) -> None:
    here = deploy(REJECTED_WINDOW="200")
    here.publish([b"<xml/>"] * 5_000)
    with here.worker() as worker:
        assert worker.process.wait(60) == 78
        assert "were rejected" in worker.tail()
        assert "MAX_REJECTED_SHARE" in worker.tail()
    assert len(here.read(here.topics.dead_letter)) < 5_000
    here.environment["MAX_REJECTED_SHARE"] = "1"
    with here.worker():
        assert len(here.wait_for(here.topics.dead_letter, 5_000)) == 5_000, "nothing was lost, and nothing came twice"
