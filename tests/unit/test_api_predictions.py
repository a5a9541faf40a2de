"""What the API says of declarations: the stream's verdict, to the last digit, and why a request is refused."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from adapters import bundle
from adapters.kafka import TopicSettings
from core.scoring import Scorer
from schemas.declaration import Parser
from stream.decide import Lane, decide
from tests import declarations
from tests.declarations import SPEC
from tests.fakes import Message
from tests.serving import VERSION, cached, serving

EXAMPLE = {"empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples" / "declaration"
REFUSED = sorted(
    path
    for path in EXAMPLES.glob("invalid/exportaciones/*.json")
    # A request needs no id, and chooses its dataset by naming it.
    if not path.stem.endswith(("missing_field.declaration_id", "wrong_dataset.dataset"))
)
STRANGE = {**declarations.rows(1, seed=5)[0], "declaration_id": "raro", "valor_fob_usd": 9e9, "peso_neto_kg": 0.5}


@pytest.fixture(scope="module")
def api(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(cached(trained, tmp_path_factory.mktemp("state"))) as client:
        yield client


@pytest.fixture(scope="module")
def scorer(trained: Path) -> Scorer:
    return bundle.load(trained, version=VERSION)


def on_the_stream(scorer: Scorer, *rows: dict[str, object]):
    """What the scoring worker publishes for these declarations."""
    topics = TopicSettings()
    messages = [Message(topics.declarations[SPEC.name], at, json.dumps(row).encode()) for at, row in enumerate(rows)]
    return decide(messages, {topics.declarations[SPEC.name]: Lane(Parser(SPEC), scorer)}, topics, datetime.now(UTC))


def test_three_fields_are_enough_for_a_verdict(api):
    answer = api.post("/predict", json=EXAMPLE)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["declaration_id"] is found["event_id"] is None
    assert found["dataset"] == "exportaciones"
    assert found["model"] == {"name": SPEC.model, "version": VERSION}
    assert found["anomaly"] is (found["score"] >= found["threshold"])


def test_the_verdict_is_the_streams_to_the_last_digit(api, scorer):
    rows = [*declarations.rows(60, seed=11), STRANGE]
    verdicts = on_the_stream(scorer, *rows).verdicts
    with ThreadPoolExecutor(16) as callers:  # so that some are scored together, and some alone
        answers = [answer.json() for answer in callers.map(lambda row: api.post("/predict", json=row), rows)]
    for name in ("event_id", "declaration_id", "error", "score", "threshold", "anomaly", "severity"):
        assert [answer[name] for answer in answers] == [getattr(verdict, name) for verdict in verdicts]
    assert any(answer["anomaly"] for answer in answers)


def test_the_explanation_is_the_alerts_to_the_last_digit(api, scorer):
    (alert,) = on_the_stream(scorer, STRANGE).anomalies
    found = api.post("/explain", json=STRANGE).json()
    assert found["base_value"] == alert.base_value
    assert found["contributions"] == list(msgspec.to_builtins(alert.contributions))
    assert sum(each["contribution"] for each in found["contributions"]) == pytest.approx(found["error"] - found["base_value"])


def test_an_explanation_says_what_would_be_normal(api):
    found = api.post("/explain", json=STRANGE).json()["normal_with"]
    changed = {**STRANGE, **{each["field"]: each["to"] for each in found["changes"]}}
    assert all(each["from"] == STRANGE[each["field"]] for each in found["changes"])
    again = api.post("/predict", json=changed).json()
    assert again["score"] == found["score"]
    assert again["anomaly"] is not found["normal"]
    assert api.post("/explain", json=declarations.rows(1)[0]).json()["normal_with"] is None


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("valid/exportaciones/*.json")), ids=lambda path: path.stem)
def test_what_the_contract_accepts_gets_a_verdict(api, example):
    answer = api.post("/predict", content=example.read_bytes())
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("example", REFUSED, ids=lambda path: path.stem)
def test_what_the_contract_refuses_is_a_problem_with_its_code_and_field(api, example):
    _, code, *field = example.stem.split(".")
    answer = api.post("/predict", content=example.read_bytes())
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json().get("field")) == (code, field[0] if field else None)
    assert answer.json()["detail"]


def test_a_problem_is_told_in_the_callers_language(api):
    wrong = {**EXAMPLE, "subpartida": "11"}
    spanish, english = (api.post("/predict", json=wrong, headers=headers) for headers in ({}, {"Accept-Language": "en-GB,es;q=0.5"}))
    assert spanish.json()["detail"] == "subpartida debe tener de 6 a 10 dígitos y nada más, como 0901119000"
    assert english.json()["detail"].startswith("subpartida is '11': it must have 6 to 10 digits")
    assert (spanish.headers["content-language"], english.headers["content-language"]) == ("es", "en")


def test_an_unknown_dataset_is_named_with_those_there_are(api):
    answer = api.post("/predict", json={**EXAMPLE, "dataset": "importaciones"}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "unknown_dataset"
    assert "exportaciones" in answer.json()["detail"]


def test_a_json_batch_has_a_line_a_row_in_order(api):
    rows = [*declarations.rows(1_200, seed=3), {"empresa": "x"}, EXAMPLE]
    answer = api.post("/predict/batch", json=rows)
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["row"] for line in lines] == list(range(1, len(rows) + 1))
    assert lines[-2]["rejected"]["code"] == "missing_field"
    alone = api.post("/predict", json=rows[700]).json()
    assert {name: value for name, value in lines[700].items() if name != "row"} == alone
    assert lines[-1]["declaration_id"] is None


@pytest.mark.parametrize("way", ["body", "upload"])
def test_a_csv_table_is_a_batch_too(api, way):
    rows = [
        "declaration_id,empresa,subpartida,puerto,valor_fob_usd",
        "1,ABC,110100,CARTAGENA,150",
        "2,ABC,11,CARTAGENA,150",
        ",ABC,110100,X,1",
    ]
    text = "\n".join(rows)
    if way == "body":
        answer = api.post("/predict/batch", content=text, headers={"Content-Type": "text/csv; charset=utf-8"})
    else:
        answer = api.post("/predict/batch", files={"file": ("tabla.csv", text)})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line.get("score") is not None for line in lines] == [True, False, False]
    assert [line.get("rejected", {}).get("field") for line in lines] == [None, "subpartida", "declaration_id"]
    same = {"declaration_id": "1", "empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA", "valor_fob_usd": 150}
    assert lines[0]["score"] == api.post("/predict", json=same).json()["score"]


def test_a_csv_table_without_ids_gets_verdicts_without_ids(api):
    answer = api.post("/predict/batch", files={"file": ("tabla.csv", "empresa,subpartida,puerto\nABC,110100,CARTAGENA\n")})
    (line,) = [json.loads(line) for line in answer.text.splitlines()]
    assert line["declaration_id"] is line["event_id"] is None


@pytest.mark.parametrize(
    ("status", "code", "request_"),
    [
        (413, "too_many_rows", {"json": [EXAMPLE] * 10_001}),
        (422, "no_rows", {"json": []}),
        (422, "not_an_array", {"json": {"rows": []}}),
        (422, "empty_value", {"content": b""}),
        (415, "unsupported_media_type", {"content": b"x", "headers": {"Content-Type": "application/xml"}}),
        (422, "bad_table", {"files": {"file": ("t.csv", "empresa;subpartida;puerto\na;b;c\n")}}),
        (422, "no_file", {"files": {"tabla": ("t.csv", "empresa,subpartida,puerto\n")}}),
    ],
)
def test_a_batch_that_is_none_says_why(api, status, code, request_):
    answer = api.post("/predict/batch", **request_)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "/tmp" not in answer.text
