"""How the screen writes numbers, names, addresses and files, and what it makes of the gate's and the watch's sentences."""

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import FastAPI, Response
from pydantic import ValidationError

from core import gate
from local.ports import free_ports
from tests.fake_world import ODD_NAME, neighbourhood
from tests.http import running
from tests.workers import until
from ui import export, links, pieces, told, words
from ui.client import Api, Trouble
from ui.settings import UiSettings

GOOD = gate.Measures(
    rows=3000, roc_auc=0.99, average_precision=0.9, alert_rate=0.01, recent=2000, recent_alert_rate=0.01, latency_ms=8.0, parity=1e-6
)


@pytest.fixture(params=["es", "en"])
def spoken(request, monkeypatch) -> str:
    monkeypatch.setattr(words, "language", lambda: request.param)
    return request.param


def test_numbers_money_and_dates_are_written_as_where_they_are_read(spoken):
    spanish = spoken == "es"
    assert words.whole(1234567) == ("1.234.567" if spanish else "1,234,567")
    assert words.decimal(2.5) == ("2,50" if spanish else "2.50")
    assert words.amount(16386.04, "USD") == ("16.386 USD" if spanish else "16,386 USD")
    assert words.amount(0.0004, "kg") == ("0,0004 kg" if spanish else "0.0004 kg")
    assert words.percent(0.0113, 2) == ("1,13\u00a0%" if spanish else "1.13\u00a0%")
    assert words.signed(-1.5) == ("−1,50" if spanish else "−1.50")
    assert words.day("2026-01-31") == ("31 ene 2026" if spanish else "31 Jan 2026")
    assert words.month("2026-01") == ("ene 2026" if spanish else "Jan 2026")
    assert words.moment("2026-01-31T03:00:00Z", "America/Bogota") == ("30 ene 2026, 22:00" if spanish else "30 Jan 2026, 22:00")
    assert words.rarity(3) == (
        "una de cada 1.000 declaraciones normales se ve así de extraña" if spanish else "one normal declaration in 1,000 looks this strange"
    )


def reasons() -> set[str]:
    """Everything that the gate says, from figures that make it say so."""
    bad = replace(GOOD, roc_auc=float("nan"), average_precision=0.01, latency_ms=1e6, parity=0.5, alert_rate=0.5, recent_alert_rate=0.0)
    same, better, worse = (
        gate.Against((0.0, 0.01), (0.0, 0.01)),
        gate.Against((0.2, 0.01), (0.1, 0.01)),
        gate.Against((-0.2, 0.01), (-0.1, 0.01)),
    )
    verdicts = [
        gate.decide(GOOD, None, None),
        gate.decide(bad, None, None),
        gate.decide(replace(bad, alert_rate=0.0, recent_alert_rate=0.5), None, None),
        *(gate.decide(GOOD, GOOD, against) for against in (same, better, worse)),
        gate.decide(replace(GOOD, latency_ms=50.0), GOOD, same),
    ]
    return {reason for verdict in verdicts for reason in verdict.reasons}


def test_every_reason_of_the_gate_has_its_spanish(monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "es")
    found = {reason: told.reason(reason) for reason in reasons()}
    assert len(found) > 12
    assert [reason for reason, spanish in found.items() if spanish == reason] == []
    english = re.compile(r"\b(the|of|that|average|precision|raise|below|budget|takes|than|real|untouched|floor)\b")
    assert [spanish for spanish in found.values() if english.search(spanish)] == []
    assert told.reason("average precision 0.891 -> 0.972 (+0.075 ± 0.032)") == "precisión media: 0,891 → 0,972 (+0,075 ± 0,032)"
    assert told.reason("0.76% of untouched declarations raise an alert (budget 1.00%)") == (
        "el 0,76\u00a0% de las declaraciones sin alterar produce una alerta (presupuesto: 1,00\u00a0%)"
    )
    assert told.reason("the bundle has no golden vectors") == "the bundle has no golden vectors"


def test_what_a_declaration_holds_stays_text_inside_markdown_and_cypher(monkeypatch):
    assert re.sub(r"\\(.)", r"\1", pieces.plain(ODD_NAME)) == ODD_NAME
    assert not re.search(r"(?<!\\)[*<\[$`_]", pieces.plain(ODD_NAME))
    name = 'O\'Higgins\\ "x" }) DETACH DELETE n //'
    address = urlsplit(links.company(name))
    assert (address.netloc, address.path) == ("127.0.0.1:7474", "/browser/")
    (query,) = parse_qs(address.query)["arg"]
    text = re.search(r"\{id: '((?:[^'\\]|\\.)*)'\}\)-\[r:DECLARA\]", query)
    assert text is not None, query
    assert re.sub(r"\\(.)", r"\1", text[1]) == name
    assert "event_id: '1'" in parse_qs(urlsplit(links.anomaly("1")).query)["arg"][0]


def test_a_neighbourhood_is_exported_whole():
    found = neighbourhood("empresa", ODD_NAME)
    assert json.loads(export.as_json(found)) == found
    rows = list(csv.DictReader(io.StringIO(export.as_csv(found))))
    assert [row["source"] for row in rows] == [edge["source"] for edge in found["edges"]]
    assert rows[0]["declaraciones"] == "9"
    root = ElementTree.fromstring(export.as_graphml(found))
    space = {"g": export.GRAPHML}
    assert [node.get("id") for node in root.findall(".//g:node", space)] == [node["id"] for node in found["nodes"]]
    keys = {key.get("id"): key.get("attr.name") for key in root.findall("g:key", space)}
    first = root.find(".//g:node", space)
    assert first is not None
    assert {keys[data.get("key")]: data.text for data in first.findall("g:data", space)}["name"] == ODD_NAME


@pytest.mark.parametrize(
    ("status", "body"), [(200, "<html>"), (200, "[]"), (502, "Bad gateway"), (404, '{"detail":"Not Found"}'), (500, "null")]
)
def test_what_did_not_come_from_the_api_is_told_from_what_did(status, body):
    app = FastAPI()

    @app.get("/{path:path}")
    def odd(path: str) -> Response:
        return Response(body, status)

    with running(app) as client, pytest.raises(Trouble) as caught:
        Api(UiSettings(api_url=str(client.base_url)), "es").me()
    assert caught.value.code == "api_odd"


def test_an_api_that_does_not_answer_in_time_is_told_from_one_that_is_down():
    app = FastAPI()

    @app.get("/me")
    async def slow() -> None:
        await asyncio.sleep(2)

    with running(app) as client, pytest.raises(Trouble) as caught:
        Api(UiSettings(api_url=str(client.base_url), UI_API_TIMEOUT_SECONDS=0.2), "es").me()
    assert caught.value.code == "api_slow"
    with pytest.raises(Trouble) as caught:
        Api(UiSettings(api_url="http://127.0.0.1:9"), "es").me()
    assert caught.value.code == "api_down"


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://a b", "http://h:99999", "http://h:x", "http://[::1", ""]
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValidationError, match="is no address"):
        UiSettings(api_url=address)


def test_an_address_may_have_a_path_and_any_port():
    assert UiSettings(api_url="https://vigia.example:8443/api").api_url == "https://vigia.example:8443/api"


@pytest.mark.parametrize(("name", "value"), [("API_URL", "nowhere"), ("UI_PORT", "0"), ("UI_TIMEZONE", "Bogotá")])
def test_a_wrong_setting_stops_the_boot_with_its_name(name, value):
    run = subprocess.run([sys.executable, "-m", "ui"], env={**os.environ, name: value}, capture_output=True, text=True, timeout=60)
    assert run.returncode == 78
    assert f"the setting {name}" in run.stdout + run.stderr
    assert "Traceback" not in run.stderr


def test_the_screen_starts_on_its_port_and_tells_its_health():
    port = free_ports()["ui_port"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ui"], env={**os.environ, "UI_PORT": str(port)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:

        def healthy() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                    return answer.read() == b"ok"
            except OSError:
                return False

        until(lambda: healthy() or process.poll() is not None, lambda: "the screen did not start")
        page = httpx.get(f"http://127.0.0.1:{port}/alertas", timeout=10)
        assert page.status_code == 200
        assert set(re.findall(r"(?:src|href)=\"(https?://[^\"]+)", page.text)) == set()  # nothing from elsewhere
    finally:
        process.terminate()
        process.wait(20)
