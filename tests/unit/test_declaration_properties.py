"""Whatever bytes come: a Declaration or a Rejected. What is accepted is strict JSON, and has one meaning."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import datasets
from schemas.checks import Rejection, check, normalise_place
from schemas.declaration import Declaration, Parser, Rejected
from tests.published import examples, of_dataset, strict_json

SPECS = {spec.name: spec for spec in datasets.load_all()}
PARSERS = {name: Parser(spec) for name, spec in SPECS.items()}
DATASET = st.sampled_from(sorted(SPECS))
EXAMPLES = [path.read_bytes() for sort in ("valid", "invalid") for path in examples("declaration", sort)]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
plausible = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "ABC", "090111", "0901119000", "CO", "co", "2025-09-30", "2025-09-30T08:15:00Z", "2025-02-29", "\x00", "\ud800", "ﷺ"]
    ),
    st.sampled_from([0, -0.0, 1, 100, 100.5, -1, 1e308, float("inf"), float("nan"), 10**400, True]),
    st.text(max_size=70),
    st.dates().map(str),
    st.builds("{}T{:%H:%M:%S}{}".format, st.dates(), st.times(), st.sampled_from(["Z", "-05:00", "+14:00", ""])),
    st.floats(min_value=0, allow_infinity=False),
)
NAMES = sorted({field.name for spec in SPECS.values() for field in spec.fields} | {"dataset"})


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Objects around the contract's fields: mostly acceptable, with anything in some places."""
    document: dict[str, Any] = {"declaration_id": "1", "empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
    document |= draw(st.dictionaries(st.sampled_from(NAMES), plausible, max_size=5))
    document |= draw(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), anything, max_size=1))
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=1)):
        document.pop(name, None)
    return document


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """An example with some bytes replaced, removed or put in."""
    raw = bytearray(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b"{", b"1e9", b"\\ud83d", b"\\u0000", b"\xff"])
        )
    return bytes(raw)


def written(document: object) -> bytes:
    return json.dumps(document).encode("utf-8")


def texts(value: object) -> list[str]:
    """Every text in a document, names included."""
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in texts(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def parsed(dataset: str, raw: bytes) -> Declaration | Rejected:
    """What the parser says, after checking what holds for everything that it says."""
    outcome = PARSERS[dataset].parse(raw)
    assert isinstance(outcome, Declaration | Rejected)
    if isinstance(outcome, Rejected):
        outcome.message.encode("utf-8")
        assert outcome.field is None or outcome.field in NAMES
    else:
        document = strict_json(raw)
        assert of_dataset(dataset).is_valid(document)
        assert not any("\x00" in text for text in texts(document)), "PostgreSQL's jsonb has no NUL"
        msgspec.json.decode(msgspec.json.encode({"declaration": msgspec.Raw(raw)}))
    return outcome


@given(dataset=DATASET, raw=st.binary(max_size=300))
def test_any_bytes_are_a_declaration_or_rejected(dataset: str, raw: bytes) -> None:
    parsed(dataset, raw)


@given(dataset=DATASET, document=anything)
def test_any_json_is_a_declaration_or_rejected(dataset: str, document: object) -> None:
    parsed(dataset, written(document))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=DATASET, raw=mutations())
def test_any_broken_example_is_a_declaration_or_rejected(dataset: str, raw: bytes) -> None:
    parsed(dataset, raw)


def slowly(dataset: str, document: dict[str, Any]) -> dict[str, Any] | tuple[str, str | None]:
    """What the contract says of a document, field by field: the normalised values, or the first fault."""
    spec = SPECS[dataset]
    try:
        values = {field.name: check(field, document.get(field.name)) for field in spec.fields}
    except Rejection as why:
        return why.code, why.field
    if not isinstance(document.get("dataset"), str | None):
        return "wrong_type", "dataset"
    return ("wrong_dataset", "dataset") if document.get("dataset") not in (None, dataset) else values


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=DATASET, document=documents())
def test_the_fast_road_and_the_slow_one_agree_on_acceptance_and_values(dataset: str, document: dict[str, Any]) -> None:
    raw = written(document)
    outcome, expected = parsed(dataset, raw), slowly(dataset, json.loads(raw))
    if isinstance(outcome, Declaration):
        assert expected == {field.name: getattr(outcome, field.name) for field in SPECS[dataset].fields}
    elif isinstance(expected, dict):
        unknown = {name: value for name, value in document.items() if name not in expected}
        assert (outcome.field, outcome.code in ("bad_character", "not_finite", "not_json")) == (None, True), outcome
        assert unknown, "only an unknown field can still be at fault"


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=DATASET, document=documents())
def test_the_schema_and_the_parser_agree(dataset: str, document: dict[str, Any]) -> None:
    raw = written(document)
    outcome = parsed(dataset, raw)
    try:
        valid = of_dataset(dataset).is_valid(strict_json(raw))
    except ValueError:
        valid = False
    beyond_schema = isinstance(outcome, Rejected) and (
        outcome.field == "puerto" or (outcome.code, outcome.field) in [("bad_character", None), ("too_deep", None)]
    )
    assert valid == isinstance(outcome, Declaration) or beyond_schema, outcome


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=DATASET, document=documents())
def test_parsing_what_was_parsed_changes_nothing(dataset: str, document: dict[str, Any]) -> None:
    first = parsed(dataset, written(document))
    if isinstance(first, Declaration):
        assert PARSERS[dataset].parse(msgspec.json.encode(first)) == first


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=DATASET, document=documents())
def test_a_row_with_the_same_content_is_the_same_declaration(dataset: str, document: dict[str, Any]) -> None:
    document.pop("dataset", None)
    first = parsed(dataset, written(document))
    if not isinstance(first, Declaration):
        return
    plain = msgspec.structs.asdict(first)
    plain["declaration_id"] = first.declaration_id.strip()  # a table's cell has no outer spaces
    expected = msgspec.structs.replace(first, declaration_id=plain["declaration_id"])
    assert PARSERS[dataset].from_row(plain) == expected
    texts = {name: "" if value is None else str(value) for name, value in plain.items()}
    assert PARSERS[dataset].from_row(texts) == expected


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=DATASET, row=st.dictionaries(st.sampled_from(NAMES), plausible | anything | st.decimals(), max_size=12))
def test_any_row_is_a_declaration_or_rejected(dataset: str, row: dict[str, Any]) -> None:
    assert isinstance(PARSERS[dataset].from_row(row), Declaration | Rejected)


@given(name=st.text())
def test_normalising_a_place_twice_is_normalising_it_once(name: str) -> None:
    assert normalise_place(normalise_place(name)) == normalise_place(name)


@pytest.mark.parametrize("dataset", sorted(SPECS))
def test_every_valid_example_survives_parse_encode_parse(dataset: str) -> None:
    for path in examples("declaration", "valid"):
        if path.parent.name == dataset:
            first = PARSERS[dataset].parse(path.read_bytes())
            assert PARSERS[dataset].parse(msgspec.json.encode(first)) == first
