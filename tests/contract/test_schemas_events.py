"""What the worker publishes is what the schema files say: names, types, examples, and events that were really made."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
import pytest

from adapters.kafka import TopicSettings
from schemas import checks, datasets
from schemas.declaration import Parser
from schemas.events import (
    MAX_NOTE,
    MAX_WHO,
    NAMESPACE,
    AnomalyV1,
    Contribution,
    FeedbackV1,
    Judgement,
    Model,
    ScoredV1,
    Severity,
    Source,
    event_id,
    feedback_id,
)
from stream.decide import Lane, Outcome, decide
from tests.fakes import FakeScorer, Message
from tests.published import example_id, examples, schema, strict_json, validator

STRUCTS = {"scored": ScoredV1, "anomaly": AnomalyV1, "feedback": FeedbackV1}
NOW = datetime(2025, 9, 30, 13, 15, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["scored", "anomaly", "feedback", "dead-letter"])
def test_valid_examples_are_valid(kind: str) -> None:
    found = examples(kind, "valid")
    assert found
    for path in [*found]:
        validator(f"{kind}.v1.schema.json").validate(strict_json(path.read_bytes()))
    for document in schema(kind)["examples"]:
        validator(f"{kind}.v1.schema.json").validate(document)


@pytest.mark.parametrize("kind", ["scored", "anomaly", "feedback", "dead-letter"])
def test_invalid_examples_are_refused(kind: str) -> None:
    found = examples(kind, "invalid")
    assert found
    accepted = [path.name for path in found if validator(f"{kind}.v1.schema.json").is_valid(strict_json(path.read_bytes()))]
    assert accepted == []


@pytest.mark.parametrize("kind", STRUCTS)
def test_a_consumer_decodes_every_valid_example_into_the_struct_and_back(kind: str) -> None:
    for path in examples(kind, "valid"):
        event = msgspec.json.decode(path.read_bytes(), type=STRUCTS[kind])
        assert json.loads(msgspec.json.encode(event)) == json.loads(path.read_bytes())


@pytest.mark.parametrize("path", examples("anomaly", "valid"), ids=example_id)
def test_the_contributions_of_an_example_sum_to_its_error(path: Path) -> None:
    alert = json.loads(path.read_bytes())
    contributions = [part["contribution"] for part in alert["contributions"]]
    assert alert["base_value"] + sum(contributions) == pytest.approx(alert["error"])
    assert contributions == sorted(contributions, key=lambda each: -abs(each))


@pytest.mark.parametrize("kind", ["scored", "anomaly"])
def test_the_ids_in_the_examples_are_the_ones_that_the_worker_derives(kind: str) -> None:
    documents = [json.loads(path.read_bytes()) for path in examples(kind, "valid")] + schema(kind)["examples"]
    for event in documents:
        assert event["event_id"] == event_id(event["declaration_id"], event["dataset"], event["model"]["version"])


def test_the_ids_of_feedback_in_the_examples_are_derived_from_what_was_said_of_which_alert_by_whom_and_when() -> None:
    for said in [json.loads(path.read_bytes()) for path in examples("feedback", "valid")] + schema("feedback")["examples"]:
        parts = [said[name] for name in ("event_id", "who", "verdict", "note", "given_at")]
        assert said["feedback_id"] == feedback_id(*parts) == str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))


@pytest.mark.parametrize(
    "name", ["note-too-long", "name-too-long", "nobody-says-it", "unknown-verdict", "given-at-a-day", "event-id-not-a-uuid"]
)
def test_who_decodes_feedback_into_the_struct_is_spared_what_no_reader_could_use(name: str) -> None:
    (path,) = [path for path in examples("feedback", "invalid") if path.stem == name]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(path.read_bytes(), type=FeedbackV1)


def resolved(reference: dict[str, Any]) -> dict[str, Any]:
    """A property's own schema, with everything that it refers to beneath it."""
    if "$ref" in reference:
        file, _, pointer = reference["$ref"].partition("#/$defs/")
        kind = file.removesuffix(".v1.schema.json")
        target = schema(kind)["$defs"][pointer] if pointer else schema(kind)
        return {**resolved(target), **reference}
    if "anyOf" in reference and {"type": "null"} in reference["anyOf"]:
        inner = resolved(next(each for each in reference["anyOf"] if each != {"type": "null"}))
        return {**inner, "type": [inner["type"], "null"]}
    return reference


JSON_TYPES = {
    str: "string",
    float: "number",
    int: "integer",
    bool: "boolean",
    Model: "object",
    Source: "object",
    Severity: "string",
    Severity | None: ["string", "null"],
    Judgement: "string",
    str | float | None: ["string", "number", "null"],
    tuple[Contribution, ...]: "array",
}


@pytest.mark.parametrize(
    ("struct", "published"),
    [
        (ScoredV1, schema("scored")),
        (AnomalyV1, schema("anomaly")),
        (FeedbackV1, schema("feedback")),
        (Model, schema("scored")["$defs"]["model"]),
        (Source, schema("scored")["$defs"]["source"]),
        (Contribution, schema("anomaly")["$defs"]["contribution"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_struct_and_schema_have_the_same_fields_types_and_required_ones(struct: type, published: dict[str, Any]) -> None:
    fields = {field.name: bare(field.type) for field in msgspec.structs.fields(struct)}
    assert list(published["properties"]) == list(fields)
    assert published["required"] == list(fields), "the worker writes every field of an event"
    for name, kind in fields.items():
        if kind in JSON_TYPES:
            described = resolved(qualified(published["properties"][name], struct))
            assert described["type"] == JSON_TYPES[kind], name
        else:
            assert name in ("declaration", "expected")


def bare(kind: Any) -> Any:
    """A type without the limits that are annotated."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def qualified(reference: dict[str, Any], struct: type) -> dict[str, Any]:
    """References inside a file, as another file would write them."""
    file = "anomaly.v1.schema.json" if struct in (AnomalyV1, Contribution) else "scored.v1.schema.json"
    return json.loads(json.dumps(reference).replace('"#/$defs', f'"{file}#/$defs'))


def test_severities_codes_and_judgements_are_listed_in_full() -> None:
    assert schema("scored")["$defs"]["severity"]["enum"] == list(get_args(Severity))
    assert schema("feedback")["properties"]["verdict"]["enum"] == list(get_args(Judgement))
    codes = schema("dead-letter")["properties"]["vigia.code"]["oneOf"]
    assert [each["const"] for each in codes] == list(get_args(checks.Code))
    assert all(each["description"] for each in codes)


def test_the_limits_of_a_note_and_of_a_name_are_the_published_ones() -> None:
    published = schema("feedback")["properties"]
    assert published["note"]["maxLength"] == MAX_NOTE
    assert (published["who"]["minLength"], published["who"]["maxLength"]) == (1, MAX_WHO)


def judged(dataset: str, *values: bytes | None) -> Outcome:
    spec = datasets.load(dataset)
    traced = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("ce_id", b"\xff\xfe")]
    messages = [Message(spec.topic, offset, value, key=b"k", headers=traced) for offset, value in enumerate(values)]
    return decide(messages, {spec.topic: Lane(Parser(spec), FakeScorer(spec))}, TopicSettings(), NOW)


@pytest.mark.parametrize("dataset", datasets.names())
def test_every_published_event_validates_against_its_schema(dataset: str) -> None:
    values = [path.read_bytes() for path in examples("declaration", "valid") if path.parent.name == dataset]
    outcome = judged(dataset, *values)
    assert len(outcome.verdicts) == len(values)
    assert len(outcome.anomalies) == len(values), "FakeScorer finds everything odd"
    for message in outcome.outgoing:
        kind = {"declarations.scored": "scored", "anomalies": "anomaly"}[message.topic]
        event = strict_json(message.value or b"")
        validator(f"{kind}.v1.schema.json").validate(event)
        assert event["declaration"] == json.loads(values[event["source"]["offset"]])


def test_every_invalid_example_becomes_a_dead_letter_with_its_bytes_and_the_published_headers() -> None:
    for dataset in datasets.names():
        values = [path.read_bytes() or None for path in examples("declaration", "invalid") if path.parent.name == dataset]
        outcome = judged(dataset, *values)
        assert [message.value for message in outcome.outgoing] == values
        for message in outcome.outgoing:
            headers = {name: value if isinstance(value, str) else None for name, value in message.headers}
            validator("dead-letter.v1.schema.json").validate(headers)
            assert ("ce_id", b"\xff\xfe") in message.headers, "headers that came along stay as they were"


def test_an_event_id_is_the_uuid5_of_dataset_version_and_declaration() -> None:
    for declaration_id in ("1", "2026-ñ", "x" * 64):
        assert event_id(declaration_id, "exportaciones", "3") == str(uuid.uuid5(NAMESPACE, f"exportaciones\x1f3\x1f{declaration_id}"))
