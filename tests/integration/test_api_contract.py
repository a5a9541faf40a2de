"""Thousands of requests, made from the API's OpenAPI document, get the answers that it announces. Every server is real."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graph.settings import Neo4jSettings
from tests.learning import Learning
from tests.serving import cached, serving

CONFIG = Path(__file__).parents[1] / "schemathesis.toml"
KEY = "llave-de-pruebas-0123"
EXAMPLES, SEED = 25, 1
"""The same requests each time, so that a failure is one of the change that is tested. Other seeds are worth a try by hand."""


@pytest.fixture(scope="module")
def api(
    learning: Learning, kafka: str, neo4j_settings: Neo4jSettings, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    environment = {
        "RAW_DATABASE_URL": learning.url(learning.raw),
        "METADATA_DATABASE_URL": learning.url(learning.metadata),
        "MLFLOW_TRACKING_URI": learning.mlflow,
        "PREFECT_API_URL": learning.prefect,
        "NEO4J_URI": neo4j_settings.uri,
        "NEO4J_PASSWORD": neo4j_settings.password.get_secret_value(),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "API_KEYS": json.dumps([{"name": "pruebas", "role": "admin", "key": KEY}]),
        "API_RATE_LIMIT": "",
    }
    with serving(cached(trained, tmp_path_factory.mktemp("state")), **environment) as client:
        yield client


def test_no_request_gets_an_answer_that_the_openapi_does_not_announce(api, tmp_path):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", str(api.base_url.join("/openapi.json"))]
    options = ["-H", f"X-API-Key: {KEY}", "--max-examples", str(EXAMPLES), "--seed", str(SEED), "--no-color"]
    found = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr


def test_every_part_is_up_in_the_eyes_of_the_api(api):
    parts = api.get("/parts", headers={"X-API-Key": KEY}).json()["parts"]
    assert {part["name"] for part in parts} == {"raw_database", "metadata_database", "neo4j", "kafka", "registry", "prefect"}
    assert [part for part in parts if not part["up"]] == []


def test_every_route_but_those_of_health_wants_a_key_before_it_looks_at_anything(api):
    document = api.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answer = api.request(method, path.replace("{", "x").replace("}", "x"), content=b"no JSON")
            if "health" in operation["tags"]:
                assert answer.status_code == 200, path
            else:
                assert answer.status_code == 401, path
                assert operation["security"], path


def test_a_model_that_mlflow_does_not_know_has_no_card_and_no_versions(api):
    headers = {"X-API-Key": KEY}
    assert api.get("/models/exportaciones/versions", headers=headers).json() == {"versions": []}
    card = api.get("/models/exportaciones", headers=headers).json()
    assert (card["version"], card["card"], card["metrics"]) == ("test", None, {})
    assert api.post("/models/exportaciones/retrain", headers=headers).json()["code"] == "no_deployment"
    assert api.get("/runs/36620f2c-e9f9-5ee0-ac52-4f5ce7bc175b", headers=headers).json()["code"] == "unknown_run"
    assert api.get("/models/nada", headers=headers).status_code == 404
