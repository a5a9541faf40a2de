"""Prometheus on the repository's own configuration sees every part, evaluates every rule, and says what is wrong when something is."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer

from local import state
from local.monitoring import SCRAPED
from tests.drawn import draw
from tests.prometheus import SELECTOR, Prometheus, asked_by_panels, filled, rules
from tests.whole import Whole
from tests.workers import until

SCRAPE_SECONDS = 15

UNHEARD_OF = {
    'vigia_api_requests_total{route!~"/livez|/readyz|/metrics",status=~"5.."}': "a sound stack answers no request with an error",
    'vigia:service_down{service=~"flows|prefect"}': "neither of them is stopped here",
}
"""What rules look at and a stack with one stopped worker need not have; the rules' own tests do."""


@pytest.fixture(scope="module")
def prometheus(whole: Whole) -> Prometheus:
    return Prometheus(whole.address("prometheus_port"))


@pytest.fixture(scope="module")
def began(whole: Whole, prometheus: Prometheus) -> float:
    """When something of everything that is measured had begun to happen: declarations, alerts, garbage, requests good and bad."""
    at = time.time()
    producer = Producer({"bootstrap.servers": whole.kafka, "log_level": 0})
    until(lambda: not missing(prometheus), lambda: f"not scraped: {missing(prometheus)}")
    with httpx.Client(base_url=whole.address("api_port"), timeout=30) as api:
        for _ in range(6):
            whole.publish(400, rate=200)
            whole.inject(valor_fob_usd=9e9, peso_neto_kg=0.001)
            producer.produce("declarations.exportaciones", b"no JSON")
            producer.flush()
            asked = {"empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
            for dataset in ("exportaciones", "sustancias_controladas"):
                api.post("/predict", json={**asked, "dataset": dataset}).raise_for_status()
            api.post("/explain", json=asked).raise_for_status()
            assert api.post("/predict", json={"empresa": ""}).status_code == 422
            assert api.post("/predict/batch", json=[asked, {"empresa": ""}]).status_code == 200
            for alert in api.get("/alerts").raise_for_status().json()["alerts"][:1]:
                api.post(f"/alerts/{alert['event_id']}/feedback", json={"verdict": "dismissed", "who": "ana"}).raise_for_status()
            httpx.get(whole.address("ui_port"), timeout=30)
            time.sleep(SCRAPE_SECONDS)  # so that each round is in a scrape of its own
    return at


def missing(prometheus: Prometheus) -> dict[str, str]:
    found = prometheus.targets()
    return {service: found.get(service, "no target") for service in SCRAPED if found.get(service) != "up"}


def waiting(prometheus: Prometheus) -> dict[str, float]:
    """By service, how many messages it says are not handled yet."""
    found = {each["metric"]["service"]: float(each["value"][1]) for each in prometheus.now("vigia:lag_messages:sum")}
    assert found.keys() == {"score", "graph", "archive"}
    return {service: count for service, count in found.items() if count}


@contextmanager
def stopped_archive(whole: Whole) -> Iterator[None]:
    """The archive's process is held, as a hang or a lost machine would; it goes on afterwards."""
    status = state.read(whole.stack.data)
    assert status
    pid = status.parts["archive"].pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.timeout(600)
def test_every_target_is_up_and_every_rule_is_loaded_and_sound(whole: Whole, prometheus: Prometheus, began: float) -> None:
    assert not missing(prometheus)
    assert set(prometheus.targets()) == set(SCRAPED)
    loaded = prometheus.rules()
    assert sorted(rule["name"] for rule in loaded) == sorted(rule.get("alert") or rule["record"] for rule in rules())
    assert not [(rule["name"], rule["lastError"]) for rule in loaded if rule["health"] != "ok"]
    told = httpx.get(f"{whole.address('alertmanager_port')}/api/v2/status").raise_for_status().json()
    assert "operators" in told["config"]["original"]
    assert "VigiaServiceDown" not in {name for name, _ in prometheus.firing()}


@pytest.mark.timeout(600)
def test_a_worker_that_is_stopped_fires_its_alert_and_no_other_and_it_ends_when_the_worker_goes_on(
    whole: Whole, prometheus: Prometheus, began: float
) -> None:
    before = prometheus.firing()  # what earlier tests may have left
    wanted = {("VigiaServiceDown", "archive")}

    def notified() -> set[tuple[str, str]]:
        alerts = httpx.get(f"{whole.address('alertmanager_port')}/api/v2/alerts").raise_for_status().json()
        return {(each["labels"]["alertname"], each["labels"]["service"]) for each in alerts}

    with stopped_archive(whole):
        until(lambda: prometheus.firing() >= wanted, lambda: f"{prometheus.firing()} fire, {prometheus.targets()}", patience=240)
        assert prometheus.firing() - before == wanted
        until(lambda: notified() - before == wanted, lambda: f"Alertmanager has {notified()}")
    until(lambda: not prometheus.firing() & wanted, lambda: f"{prometheus.firing()} still fire", patience=120)


@pytest.mark.timeout(600)
def test_every_query_of_every_dashboard_and_rule_finds_something(prometheus: Prometheus, began: float) -> None:
    until(lambda: not waiting(prometheus), lambda: f"{waiting(prometheus)} wait, and nothing comes")
    now = time.time()
    empty = [asked for asked in asked_by_panels() if not prometheus.tells(filled(asked.expression), began, now)]
    assert not empty, json.dumps([[each.dashboard, each.panel, each.expression] for each in empty], ensure_ascii=False, indent=1)
    selectors = {found for rule in rules() for found in SELECTOR.findall(filled(rule["expr"]))}
    assert len(selectors) > 40
    unknown = {selector for selector in selectors if not prometheus.tells(selector, began, now)}
    assert unknown <= UNHEARD_OF.keys()  # earlier tests may have had errors
    if pictures := os.environ.get("SCREENSHOTS"):
        draw(prometheus, began, now, Path(pictures))
