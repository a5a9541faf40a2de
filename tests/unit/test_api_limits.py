"""Who may ask the API what, how much and how often; and what it answers while its servers are down."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY

from api.__main__ import build
from api.settings import ApiSettings
from tests.http import running
from tests.serving import NOWHERE, cached, serving

EXAMPLE = {"empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
KEYS = {"reader": "lectora-0123456789", "analyst": "analista-0123456789", "admin": "admin-0123456789-x"}
CONFIGURED = json.dumps(
    [
        {"name": "tablero", "role": "read", "key": KEYS["reader"]},
        {"name": "ana", "role": "analyst", "key": "sha256:" + hashlib.sha256(KEYS["analyst"].encode()).hexdigest()},
        {"name": "jefe", "role": "admin", "key": KEYS["admin"]},
    ]
)
ALERT = "/alerts/36620f2c-e9f9-5ee0-ac52-4f5ce7bc175b/feedback"


@pytest.fixture(scope="module")
def state(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cached(trained, tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def open_api(state: Path) -> Iterator[httpx.Client]:
    with serving(state) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(state: Path) -> Iterator[httpx.Client]:
    with serving(state, API_KEYS=CONFIGURED, API_RATE_LIMIT="30/minute") as client:
        yield client


def key(name: str) -> dict[str, str]:
    return {"X-API-Key": KEYS[name]}


def test_without_keys_everybody_may_do_everything(open_api):
    assert open_api.get("/me").json() == {"name": None, "role": "admin", "keys_required": False}
    assert open_api.post("/predict", json=EXAMPLE).status_code == 200


def test_with_keys_nobody_asks_without_one(guarded):
    for headers, code in (({}, "key_needed"), ({"X-API-Key": "no-es-una-clave"}, "unknown_key")):
        answer = guarded.post("/predict", json=EXAMPLE, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["www-authenticate"]


def test_health_and_metrics_need_no_key(guarded):
    for path in ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json"):
        assert guarded.get(path).status_code == 200, path


def test_a_key_may_come_as_a_bearer_token_and_be_configured_by_its_digest(guarded):
    answer = guarded.get("/me", headers={"Authorization": f"Bearer {KEYS['analyst']}"})
    assert answer.json() == {"name": "ana", "role": "analyst", "keys_required": True}


@pytest.mark.parametrize(
    ("who", "path", "body", "allowed"),
    [
        ("reader", ALERT, {"verdict": "dismissed"}, False),
        ("analyst", ALERT, {"verdict": "dismissed"}, True),
        ("analyst", "/models/exportaciones/retrain", None, False),
        ("admin", "/models/exportaciones/retrain", None, True),
    ],
)
def test_a_role_may_do_what_it_is_for(guarded, who, path, body, allowed):
    answer = guarded.post(path, json=body, headers=key(who))
    assert answer.status_code == (503 if allowed else 403)  # allowed, it gets as far as the server that is down
    assert (answer.json()["code"] == "role_needed") is not allowed


def test_a_key_makes_only_so_many_requests_and_hears_when_it_may_again(state):
    with serving(state, API_KEYS=CONFIGURED, API_RATE_LIMIT="5/minute") as client:
        answers = [client.get("/me", headers=key("reader")) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert client.get("/me", headers=key("admin")).status_code == 200  # another's are its own
        assert client.get("/livez").status_code == 200


def test_a_request_that_is_too_large_is_refused_before_it_is_read(state):
    with serving(state, API_MAX_BODY_BYTES="2048") as client:
        answer = client.post("/predict", content=b" " * 4_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        pieces = iter([b"[" + b" " * 1_500, b" " * 1_500])
        answer = client.post("/predict/batch", content=pieces, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert client.post("/predict", json=EXAMPLE).status_code == 200


def test_a_caller_who_sends_too_slowly_is_answered_all_the_same(state):
    with serving(state, API_TIMEOUT_SECONDS="0.5") as client:
        host, port = client.base_url.host, client.base_url.port
        with socket.create_connection((host, port), timeout=10) as slow:
            slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            began = time.monotonic()
            answer = slow.recv(65_536).decode()
        assert answer.startswith("HTTP/1.1 504")
        assert "took_too_long" in answer
        assert time.monotonic() - began >= 0.4


def test_browsers_of_other_pages_may_call_only_when_they_are_named(state, open_api):
    asked = {"Origin": "https://tablero.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in open_api.options("/predict", headers=asked).headers
    with serving(state, API_CORS_ORIGINS='["https://tablero.example"]') as client:
        assert client.options("/predict", headers=asked).headers["access-control-allow-origin"] == "https://tablero.example"
        assert "access-control-allow-origin" not in client.options("/predict", headers={**asked, "Origin": "https://otra.example"}).headers


def test_every_answer_carries_the_headers_that_browsers_heed(open_api):
    for answer in (open_api.get("/livez"), open_api.get("/no-such-thing"), open_api.post("/predict", json=EXAMPLE)):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cache-control"] == "no-store"


def test_the_pages_of_docs_come_whole_from_here(open_api):
    page = open_api.get("/docs")
    assert "'self'" in page.headers["content-security-policy"]
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert named
    assert all(address.startswith("/") and open_api.get(address).status_code == 200 for address in named)


def test_servers_that_are_down_are_named_and_predictions_go_on(open_api):
    for path, code in (
        ("/alerts", "raw_database_unavailable"),
        ("/models/exportaciones/drift", "metadata_database_unavailable"),
        ("/graph/empresa/ABC", "neo4j_unavailable"),
        ("/models/exportaciones", "registry"),
        ("/runs/36620f2c-e9f9-5ee0-ac52-4f5ce7bc175b", "prefect_unavailable"),
    ):
        answer = open_api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
        assert answer.headers["retry-after"]
        assert "secreto" not in answer.text
    down = {part["name"] for part in open_api.get("/parts").json()["parts"] if not part["up"]}
    assert down == {"raw_database", "metadata_database", "neo4j", "kafka", "registry", "prefect"}
    assert open_api.post("/predict", json=EXAMPLE).status_code == 200


def test_without_any_model_it_is_not_ready_and_says_what_is_missing(tmp_path):
    with serving(tmp_path / "state") as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "127.0.0.1:9" in answer.json()["waiting_for"][0] or "looked for" in answer.json()["waiting_for"][0]
        refused = client.post("/predict", json=EXAMPLE)
        assert (refused.status_code, refused.json()["code"]) == (503, "no_model")
        assert client.get("/models").json()["models"][0]["problem"]
        assert client.get("/livez").status_code == 200


def test_a_fault_of_the_apis_own_is_a_problem_too_and_tells_nothing_of_its_inside(state, monkeypatch):
    for name, value in {**NOWHERE, "VIGIA_STATE_DIR": str(state)}.items():
        monkeypatch.setenv(name, value)
    app = build(ApiSettings())  # type: ignore[call-arg]  # from the environment
    app.state.models = None
    with running(app) as client:
        answer = client.get("/models", headers={"Accept-Language": "en"})
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "NoneType" not in answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert 'route="/models",status="500"' in client.get("/metrics").text


@pytest.mark.parametrize(("process", "setting"), [(("api",), "API_DATASETS"), (("stream", "score"), "DATASETS")])
def test_a_dataset_that_there_is_not_stops_the_boot_with_the_setting_s_name(process, setting):
    environment = {**os.environ, **NOWHERE, setting: '["importaciones"]'}
    ended = subprocess.run([sys.executable, "-m", *process], env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 78
    told = json.loads(ended.stdout.splitlines()[-1])["message"]
    assert setting in told
    assert "importaciones" in told
    assert "exportaciones" in told


def test_each_declaration_that_is_refused_is_counted_by_why(open_api):
    def refused() -> float:
        return REGISTRY.get_sample_value("vigia_api_declarations_rejected_total", {"code": "bad_format"}) or 0

    before = refused()
    for path in ("/predict", "/explain"):
        assert open_api.post(path, json={**EXAMPLE, "subpartida": "café"}).status_code == 422
    assert open_api.post("/predict/batch", json=[EXAMPLE, {**EXAMPLE, "subpartida": "café"}]).status_code == 200
    assert refused() - before == 3


def test_metrics_count_by_route_as_it_is_written_in_the_code(open_api):
    open_api.get("/alerts/36620f2c-e9f9-5ee0-ac52-4f5ce7bc175b")
    open_api.get("/inventada/por/alguien")
    open_api.request("PROPFIND", "/predict")
    told = open_api.get("/metrics").text
    assert 'vigia_api_requests_total{method="GET",route="/alerts/{event_id}",status="503"}' in told
    assert "inventada" not in told
    assert "PROPFIND" not in told
    assert re.search(r'vigia_api_requests_total{method="unknown",route="/predict",status="405"} [1-9]', told)
    assert re.search(r'vigia_api_predictions_total{anomaly="(true|false)",dataset="exportaciones"} [1-9]', told)
