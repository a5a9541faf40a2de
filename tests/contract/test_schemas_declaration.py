"""The published declaration schema, its examples, the dataset specifications and the parser say the same."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from schemas import checks, datasets, unknown
from schemas.declaration import MAX_BYTES, Declaration, Parser, Rejected
from tests.published import KINDS, example_id, examples, of_dataset, reason, schema, strict_json, validator

SPECS = {spec.name: spec for spec in datasets.load_all()}
PARSERS = {name: Parser(spec) for name, spec in SPECS.items()}
UNSAYABLE = {"nul-in-unknown-field"}
"""What the contract refuses in words, because JSON Schema cannot look into whatever unknown fields hold."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_file_is_a_json_schema(kind: str) -> None:
    Draft202012Validator.check_schema(schema(kind))
    assert schema(kind)["$id"] == f"{kind}.v1.schema.json"


@pytest.mark.parametrize("path", examples("declaration", "valid"), ids=example_id)
def test_a_valid_example_is_accepted_by_schema_and_parser(path: Path) -> None:
    raw, dataset = path.read_bytes(), path.parent.name
    document = strict_json(raw)
    of_dataset(dataset).validate(document)
    validator("declaration.v1.schema.json").validate(document)
    parsed = PARSERS[dataset].parse(raw)
    assert isinstance(parsed, Declaration), parsed


@pytest.mark.parametrize("path", examples("declaration", "invalid"), ids=example_id)
def test_an_invalid_example_is_refused_for_the_reason_in_its_name(path: Path) -> None:
    raw, dataset = path.read_bytes(), path.parent.name
    parsed = PARSERS[dataset].parse(raw)
    assert isinstance(parsed, Rejected), parsed
    assert (parsed.code, parsed.field) == reason(path)
    assert parsed.message.isprintable()
    assert len(parsed.message.encode()) < 500, "a header, and a line in a log"


@pytest.mark.parametrize("path", examples("declaration", "invalid"), ids=example_id)
def test_an_invalid_example_is_refused_by_the_schema_or_is_not_even_json(path: Path) -> None:
    try:
        document = strict_json(path.read_bytes())
    except ValueError:
        return
    assert of_dataset(path.parent.name).is_valid(document) == (path.name.split(".")[0] in UNSAYABLE)


def test_there_are_valid_and_invalid_examples_of_every_dataset_and_every_code_of_every_file() -> None:
    for sort in ("valid", "invalid"):
        assert {path.parent.name for path in examples("declaration", sort)} == set(SPECS)
    shown = {reason(path)[0] for path in examples("declaration", "invalid")}
    assert shown == set(get_args(checks.Code)) - {"too_large", "too_deep"}, "the two that would be megabytes or unreadable"


def test_the_minimal_example_is_the_one_that_the_documentation_shows() -> None:
    minimal = {"declaration_id": "1", "empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
    assert minimal in schema("declaration")["examples"]
    assert minimal in [json.loads(path.read_bytes()) for path in examples("declaration", "valid")]


@pytest.mark.parametrize("document", schema("declaration")["examples"])
def test_the_examples_inside_the_schema_are_valid(document: object) -> None:
    validator("declaration.v1.schema.json").validate(document)


def properties(dataset: str) -> dict[str, dict]:
    """The fields that the schema describes for a dataset, without `dataset` itself."""
    definitions = schema("declaration")["$defs"]
    described = definitions["declaration"]["properties"] | definitions[dataset]["properties"]
    return {name: field for name, field in described.items() if name != "dataset"}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_schema_and_specification_describe_the_same_fields(spec: datasets.DatasetSpec) -> None:
    described = properties(spec.name)
    assert set(described) == {field.name for field in spec.fields}
    assert schema("declaration")["$defs"]["declaration"]["required"] == [field.name for field in spec.fields if field.required]
    definition = {"amount": "amount", "percent": "percent", "country": "country", "date": "date"}
    for field in spec.fields:
        published = described[field.name]
        if field.kind != "tariff":
            expected = definition.get(field.kind, "required_text" if field.required else "optional_text")
            assert published["$ref"] == f"#/$defs/{expected}", field.name
        assert published.get("x-unit") == field.unit, field.name
        assert published["description"], field.name
        for value in published["examples"]:
            of_dataset(spec.name).validate(
                {"declaration_id": "1", "empresa": "A", "subpartida": "110100", "puerto": "A", field.name: value}
            )


def test_the_schema_has_the_datasets_that_there_are() -> None:
    listed = {entry["$ref"].removeprefix("#/$defs/") for entry in schema("declaration")["anyOf"]}
    assert listed == set(SPECS)
    for name, spec in SPECS.items():
        definition = schema("declaration")["$defs"][name]
        assert definition["properties"]["dataset"]["enum"] == [name, None]
        assert definition["title"] == spec.title
        assert f"`{spec.topic}`" in definition["description"]
    assert set(schema("scored")["$defs"]["dataset"]["enum"]) == set(SPECS)


def test_limits_and_patterns_are_the_parsers() -> None:
    definitions = schema("declaration")["$defs"]
    fields = definitions["declaration"]["properties"]
    assert definitions["required_text"]["maxLength"] == checks.MAX_REQUIRED
    assert definitions["optional_text"]["maxLength"] == checks.MAX_OPTIONAL
    assert fields["subpartida"]["pattern"] == f"^{checks.TARIFF.pattern}$"
    assert definitions["country"]["pattern"] == f"^(\\s*|{checks.COUNTRY.pattern})$"
    assert definitions["date"]["pattern"] == f"^(\\s*|{checks.DATE.pattern})$"
    control = re.compile(definitions["control_character"]["pattern"])
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert [c for c in everything if control.search(c)] == [c for c in everything if checks.CONTROL.search(c)]
    described = schema("declaration")["description"]
    assert f"{MAX_BYTES:,} bytes" in described
    assert f"{unknown.MAX_DEPTH} levels" in described
