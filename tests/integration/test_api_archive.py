"""Alerts through the API, as a real PostgreSQL has them; what analysts say of them, as a real Kafka gets it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest
from pydantic import SecretStr

from adapters import bundle
from adapters.kafka import TopicSettings
from core.scoring import Scorer
from schemas.declaration import Parser
from schemas.events import AnomalyV1, FeedbackV1, ScoredRecord
from stream.archive import Archive
from stream.decide import Lane, decide
from tests import declarations, fakes
from tests.declarations import SPEC
from tests.proxy import Proxy
from tests.serving import VERSION, cached, serving
from tests.stack import unique
from tests.workers import read_committed, until

ODD = {"valor_fob_usd": 9e8, "peso_neto_kg": 0.5}


@dataclass
class Archived:
    """A raw database of this module's own with a day's verdicts in it."""

    url: SecretStr
    alerts: list[AnomalyV1]
    empresa: str

    def run(self, query: str) -> list[tuple]:
        with psycopg.connect(self.url.get_secret_value(), autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def archived(raw_database_url: SecretStr, trained: Path) -> Archived:
    address, name = raw_database_url.get_secret_value(), unique("api")
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    url = SecretStr(address.rpartition("/")[0] + f"/{name}")
    rows = declarations.rows(300, seed=21)
    odd = [{**row, **ODD, "declaration_id": f"rara-{at}"} for at, row in enumerate(rows[:25])]
    odd[0] |= {"empresa": "CAFÉ / Ñandú & Cía.", "puerto": "LETICIA"}
    alerts = archive(url, bundle.load(trained, version=VERSION), rows + odd)
    return Archived(url, alerts, odd[0]["empresa"])


def archive(url: SecretStr, scorer: Scorer, rows: list[dict]) -> list[AnomalyV1]:
    """Has the archive store the stream's verdicts on these, a minute apart; returns the alerts, the newest first."""
    topics = TopicSettings()
    topic = topics.declarations[SPEC.name]
    store = Archive(url)
    store.open()
    alerts: list[AnomalyV1] = []
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=len(rows))
    for at, row in enumerate(rows):
        message = fakes.Message(topic, at, json.dumps(row).encode())
        outcome = decide([message], {topic: Lane(Parser(SPEC), scorer)}, topics, first + timedelta(minutes=at))
        store.apply([ScoredRecord(topics.scored, 0, at, verdict) for verdict in outcome.verdicts])
        alerts += outcome.anomalies
    store.close()
    return alerts[::-1]


@pytest.fixture(scope="module")
def api(archived: Archived, trained: Path, tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Iterator[httpx.Client]:
    state = cached(trained, tmp_path_factory.mktemp("state"))
    address = {"RAW_DATABASE_URL": archived.url.get_secret_value(), "KAFKA_BOOTSTRAP_SERVERS": kafka}
    with serving(state, **address) as client:
        yield client


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [alert["event_id"] for alert in answer.json()["alerts"]]


@pytest.mark.parametrize("sort", ["time", "score"])
def test_pages_bring_every_alert_once_and_in_order(api, archived, sort):
    found, cursor = [], None
    while True:
        answer = api.get("/alerts", params={"limit": 7, "sort": sort, **({"cursor": cursor} if cursor else {})})
        found += ids(answer)
        cursor = answer.json()["next"]
        if cursor is None:
            break
    expected = archived.alerts if sort == "time" else sorted(archived.alerts, key=lambda each: (each.score, each.event_id), reverse=True)
    assert found == [alert.event_id for alert in expected]


def test_filters_leave_what_they_name(api, archived):
    some = archived.alerts[3]
    cases = {
        "empresa": (archived.empresa, lambda each: each.empresa == archived.empresa),
        "subpartida": (some.subpartida[:4], lambda each: each.subpartida.startswith(some.subpartida[:4])),
        "puerto": ("LETICIA", lambda each: each.puerto == "LETICIA"),
        "severity": (["high", "critical"], lambda each: each.severity in ("high", "critical")),
        "min_score": (some.score, lambda each: each.score >= some.score),
        "since": (some.detected_at, lambda each: each.detected_at >= some.detected_at),
        "until": (some.detected_at, lambda each: each.detected_at < some.detected_at),
        "dataset": ("exportaciones", lambda each: each.dataset == "exportaciones"),
    }
    for name, (value, holds) in cases.items():
        found = ids(api.get("/alerts", params={name: value, "limit": 500}))
        assert found == [each.event_id for each in archived.alerts if holds(each)], name


def test_a_cursor_that_is_none_or_of_another_order_is_refused(api):
    other = api.get("/alerts", params={"limit": 1, "sort": "score"}).json()["next"]
    for cursor in ("ñ", "bm8=", other):
        answer = api.get("/alerts", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (404, "bad_cursor")


def test_a_parameter_that_is_given_twice_is_refused_and_severities_may_be_several(api):
    answer = api.get("/alerts", params={"limit": ["1", "2"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "repeated_parameter")
    assert api.get("/alerts", params={"severity": ["high", "critical"]}).status_code == 200


def test_an_alert_opens_with_its_declaration_as_it_was_received(api, archived):
    alert = next(each for each in archived.alerts if each.empresa == archived.empresa)
    found = api.get(f"/alerts/{alert.event_id}").json()
    assert found["declaration"] == json.loads(bytes(alert.declaration))
    assert (found["error"], found["score"], found["severity"]) == (alert.error, alert.score, alert.severity)
    assert found["source"] == {"topic": alert.source.topic, "partition": 0, "offset": alert.source.offset}
    assert (found["status"], found["feedback"]) == ("open", [])
    assert found["valor_fob_usd"] == ODD["valor_fob_usd"]


def test_its_explanation_is_the_one_that_was_published(api, archived):
    alert = archived.alerts[0]
    found = api.get(f"/alerts/{alert.event_id}/explanation").json()
    assert found["contributions"] == list(msgspec.to_builtins(alert.contributions))
    assert (found["base_value"], found["error"], found["event_id"]) == (alert.base_value, alert.error, alert.event_id)


def test_what_there_is_not_is_not_found(api):
    for path in ("/alerts/36620f2c-e9f9-5ee0-ac52-4f5ce7bc175b", "/alerts/36620f2c-e9f9-5ee0-ac52-4f5ce7bc175b/explanation"):
        assert api.get(path).json()["code"] == "unknown_alert"
    assert api.get("/alerts/no-es-un-id").status_code == 422


def test_a_companys_history_counts_its_declarations_by_month(api, archived):
    alert = archived.alerts[0]
    answer = api.get(f"/empresas/{alert.empresa}/history")
    found = answer.json()
    ((declarations_, alerts),) = archived.run(
        f"SELECT count(*), count(*) FILTER (WHERE anomaly) FROM verdicts WHERE empresa = '{alert.empresa}'"
    )
    assert (found["declarations"], found["alerts"]) == (declarations_, alerts)
    assert sum(month["declarations"] for month in found["months"]) == declarations_
    assert found["recent"][0]["event_id"] == alert.event_id
    odd = api.get("/empresas/CAFÉ %2F Ñandú & Cía./history").json()
    assert (odd["empresa"], odd["declarations"]) == (archived.empresa, 1)
    assert api.get("/empresas/NADIE/history").json()["declarations"] == 0


def test_the_summary_adds_up(api, archived):
    found = api.get("/summary", params={"hours": 24}).json()
    assert (found["declarations"], found["alerts"]) == (325, len(archived.alerts))
    assert found["alert_rate"] == pytest.approx(len(archived.alerts) / 325)
    assert sum(point["declarations"] for point in found["traffic"]) == 325
    assert len(found["traffic"]) <= 60
    assert found["capitulos"][0]["title"]
    assert sum(top["declarations"] for top in found["puertos"]) <= 325


def test_influence_explains_the_latest_with_the_model_in_production(api, archived):
    found = api.get("/models/exportaciones/influence", params={"of": "alerts", "sample": 5}).json()
    assert [row["event_id"] for row in found["rows"]] == [alert.event_id for alert in archived.alerts[:5]]
    sizes = [each["mean_absolute"] for each in found["importance"]]
    assert sizes == sorted(sizes, reverse=True)
    assert found["importance"][0]["field"] in ODD


def test_what_an_analyst_says_is_stored_listed_and_published_and_the_last_word_holds(api, archived, kafka):
    alert = archived.alerts[-1]
    said = [
        api.post(f"/alerts/{alert.event_id}/feedback", json={"verdict": verdict, "note": "precio «raro»", "who": "ana"})
        for verdict in ("confirmed", "dismissed")
    ]
    assert [answer.status_code for answer in said] == [201, 201]
    assert [each["verdict"] for each in api.get(f"/alerts/{alert.event_id}").json()["feedback"]] == ["dismissed", "confirmed"]
    assert ids(api.get("/alerts", params={"status": "dismissed"})) == [alert.event_id]
    assert alert.event_id not in ids(api.get("/alerts", params={"status": "open", "limit": 500}))
    assert api.get("/summary").json()["dismissed"] == 1

    until(lambda: not archived.run("SELECT 1 FROM feedback WHERE published_at IS NULL"), lambda: "feedback was not published")
    published = [message for message in read_committed(kafka, "feedback") if message.key() == alert.event_id.encode()]
    events = [msgspec.json.decode(message.value(), type=FeedbackV1) for message in published]
    assert [(event.verdict, event.who, event.note) for event in events] == [
        ("confirmed", "ana", "precio «raro»"),
        ("dismissed", "ana", "precio «raro»"),
    ]
    assert dict(published[0].headers())["ce_id"] == events[0].feedback_id.encode()
    exported = [msgspec.json.decode(line, type=FeedbackV1) for line in api.get("/feedback").text.splitlines()]
    assert [each for each in exported if each.event_id == alert.event_id] == events


def test_feedback_needs_a_name_and_a_verdict_that_there_is(api, archived):
    path = f"/alerts/{archived.alerts[5].event_id}/feedback"
    for body, code in (
        ({"verdict": "dismissed"}, "who_needed"),
        ({"verdict": "fraude", "who": "ana"}, "invalid_request"),
        ({"verdict": "dismissed", "who": "ana", "note": "x" * 2_001}, "invalid_request"),
        ({"verdict": "dismissed", "who": " "}, "invalid_request"),
    ):
        answer = api.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert api.get(f"/alerts/{archived.alerts[5].event_id}").json()["feedback"] == []


def test_while_kafka_is_down_feedback_waits_in_the_database(archived, trained, tmp_path, kafka):
    host, _, port = kafka.partition(":")
    topic = unique("feedback")
    with Proxy(host, int(port)) as proxy:
        proxy.cut()
        environment = {
            "RAW_DATABASE_URL": archived.url.get_secret_value(),
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{proxy.port}",
            "KAFKA_TOPIC_FEEDBACK": topic,
        }
        with serving(cached(trained, tmp_path / "state"), **environment) as client:
            alert = archived.alerts[7]
            answer = client.post(f"/alerts/{alert.event_id}/feedback", json={"verdict": "confirmed", "who": "luis"})
            assert answer.status_code == 201
            assert client.get(f"/alerts/{alert.event_id}").json()["status"] == "confirmed"
            assert archived.run("SELECT count(*) FROM feedback WHERE published_at IS NULL") == [(1,)]


def test_the_next_process_publishes_what_the_last_one_could_not(archived, trained, tmp_path, kafka):
    topic = unique("feedback")
    archived.run("UPDATE feedback SET published_at = NULL WHERE who = 'luis'")
    environment = {"RAW_DATABASE_URL": archived.url.get_secret_value(), "KAFKA_BOOTSTRAP_SERVERS": kafka, "KAFKA_TOPIC_FEEDBACK": topic}
    with serving(cached(trained, tmp_path / "state"), **environment):
        until(lambda: not archived.run("SELECT 1 FROM feedback WHERE published_at IS NULL"), lambda: "feedback was not published")
    assert [msgspec.json.decode(message.value())["who"] for message in read_committed(kafka, topic)] == ["luis"]


def test_a_database_that_comes_back_is_used_again(archived, trained, tmp_path, kafka):
    known = psycopg.conninfo.conninfo_to_dict(archived.url.get_secret_value())
    with Proxy(known["host"], int(known["port"])) as proxy:
        through = psycopg.conninfo.make_conninfo(**{**known, "port": str(proxy.port)})
        with serving(cached(trained, tmp_path / "state"), RAW_DATABASE_URL=through, KAFKA_BOOTSTRAP_SERVERS=kafka) as client:
            assert client.get("/alerts").status_code == 200
            proxy.cut()
            assert client.get("/alerts").json()["code"] == "raw_database_unavailable"
            proxy.mend()
            until(lambda: client.get("/alerts").status_code == 200, lambda: client.get("/alerts").text)
