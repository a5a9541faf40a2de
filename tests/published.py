"""The contract's published files, as an outsider reads them: schemas, examples, strict JSON."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import schemas

ROOT = Path(schemas.__file__).parent
KINDS = ("declaration", "scored", "anomaly", "feedback", "dead-letter")


@cache
def schema(kind: str) -> dict[str, Any]:
    return json.loads((ROOT / f"{kind}.v1.schema.json").read_text("utf-8"))


@cache
def registry() -> Registry:
    """Every schema under its own file name: what relative references between the files mean."""
    return Registry().with_resources((f"{kind}.v1.schema.json", Resource.from_contents(schema(kind))) for kind in KINDS)


@cache
def validator(reference: str) -> Draft202012Validator:
    """Checks values against a schema file, or against a part of it, as in `declaration.v1.schema.json#/$defs/amount`."""
    return Draft202012Validator({"$ref": reference}, registry=registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def of_dataset(name: str) -> Draft202012Validator:
    """Checks declarations of one dataset."""
    return validator(f"declaration.v1.schema.json#/$defs/{name}")


def examples(kind: str, sort: str) -> list[Path]:
    return sorted((ROOT / "examples" / kind / sort).rglob("*.json"))


def example_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def reason(path: Path) -> tuple[str, str | None]:
    """The code and the field in an invalid declaration's file name: `negative-weight.out_of_range.peso_neto_kg.json`."""
    _, code, *field = path.name.removesuffix(".json").split(".")
    return code, field[0] if field else None


def strict_json(raw: bytes) -> Any:
    """The document, as a reader sees it that takes RFC 8259 at its word; raises ValueError.

    UTF-8 without a byte order mark, no NaN, no surrogate without its other half, no number beyond 64-bit floats.
    """
    document = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite, parse_int=_whole)
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{digits[:20]} is no 64-bit float")
    return value


def _whole(digits: str) -> int:
    _finite(digits)
    return int(digits)
