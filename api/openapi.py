"""What OpenAPI says of requests that FastAPI does not read itself: the contract's own schemas, and the problems of every route."""

from __future__ import annotations

import json
from collections.abc import Collection
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api import answers
from api.keys import SCHEMES
from api.problems import MEDIA_TYPE, ProblemDocument

_EXAMPLE = {"empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}

DECLARATION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Declaration"}, "example": _EXAMPLE}},
    }
}

_ROWS = {"type": "array", "minItems": 1, "maxItems": 10_000, "items": {"$ref": "#/components/schemas/Row"}}
_UPLOAD = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}

BATCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _ROWS, "example": [_EXAMPLE]},
            "text/csv": {"schema": {"type": "string"}, "example": "empresa,subpartida,puerto\nABC,110100,CARTAGENA\n"},
            "multipart/form-data": {"schema": _UPLOAD, "encoding": {"file": {"contentType": "text/csv, application/json"}}},
        },
    }
}

NAMED = (ProblemDocument, answers.Prediction, answers.Explanation, answers.BatchLine, answers.Feedback)
"""What routes answer without FastAPI's knowing."""

TOLD = {
    401: "No key, or one that is not known",
    403: "The key's role may not do this",
    404: "There is no such thing",
    413: "Too large",
    415: "Not a kind of body that this takes",
    422: "The request is not right",
    429: "Too many requests for this key",
    503: "A server that this needs is down, or there is no model yet",
}


def fails(model: type[BaseModel] | None, *statuses: int, lines: bool = False) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: what it answers, if FastAPI does not know, and with which problems it may."""
    found: dict[int | str, dict[str, Any]] = {}
    if model is not None:
        kind = "application/x-ndjson" if lines else "application/json"
        found[200] = {"description": "Successful Response", "content": {kind: {"schema": _reference(model)}}}
    for status in sorted({401, 403, 429, *statuses}):
        found[status] = {"description": TOLD[status], "content": {MEDIA_TYPE: {"schema": _reference(ProblemDocument)}}}
    return found


def _only(served: list[str], schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema with the names of the datasets that are served."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_only(served, each) if each["type"] == "string" else each for each in schema["anyOf"]]}
    return {**schema, "enum": served}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def declaration_schemas(served: Collection[str]) -> dict[str, Any]:
    """The contract's JSON Schema as components, for the datasets that are served: `Declaration` is what requests send, whose id
    may be missing."""
    text = (files("schemas") / "declaration.v1.schema.json").read_text("utf-8")
    contract = json.loads(text.replace("#/$defs/", "#/components/schemas/declaration_"))
    parts: dict[str, Any] = {f"declaration_{name}": part for name, part in contract["$defs"].items()}
    datasets = {name: part for name, part in contract["$defs"].items() if "dataset" in part.get("properties", {})}
    shared = parts.pop("declaration_declaration")
    del parts["declaration_optional_text"]["description"]
    nameless = {"anyOf": [{"$ref": "#/components/schemas/declaration_required_text"}, {"type": "null"}]}
    shared["properties"]["declaration_id"] = {
        **nameless,
        "description": "Your own id of the declaration; without one, the verdict has none.",
    }
    required = [name for name in shared["required"] if name != "declaration_id"]
    for name in datasets.keys() - served:
        del parts[f"declaration_{name}"], datasets[name]
    for name, part in datasets.items():
        fields = {**shared["properties"], **part["properties"]}
        if name != "exportaciones":
            fields["dataset"] = {**fields["dataset"], "enum": [name]}
        parts[f"declaration_{name}"] = {
            "title": part["title"],
            "description": part["description"],
            "type": "object",
            "required": [*required, *([] if name == "exportaciones" else ["dataset"])],
            "properties": fields,
            "additionalProperties": {"$ref": "#/components/schemas/declaration_unknown"},
            "propertyNames": {"$ref": "#/components/schemas/declaration_plain"},
        }
    return {
        **parts,
        "declaration_plain": {"type": "string", "pattern": "^[^\\u0000]*$"},
        "declaration_unknown": {
            "description": "A field that the contract does not know: accepted, and never scored.",
            "anyOf": [
                {"type": ["null", "boolean"]},
                {"type": "number", "minimum": -1.7976931348623157e308, "maximum": 1.7976931348623157e308},
                {"$ref": "#/components/schemas/declaration_plain"},
                {"type": "array", "items": {"$ref": "#/components/schemas/declaration_unknown"}},
                {
                    "type": "object",
                    "propertyNames": {"$ref": "#/components/schemas/declaration_plain"},
                    "additionalProperties": {"$ref": "#/components/schemas/declaration_unknown"},
                },
            ],
        },
        "Declaration": {
            "title": "Declaration",
            "description": contract["description"],
            "anyOf": [{"$ref": f"#/components/schemas/declaration_{name}"} for name in datasets],
        },
        "Row": {"description": "A declaration; whatever is none has a line in the answer that says why."},
    }


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI document."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        _, named = models_json_schema([(model, "serialization") for model in NAMED], ref_template="#/components/schemas/{model}")
        served = list(app.state.models.lanes)
        schemas.update({**named["$defs"], **declaration_schemas(served)})
        document["components"]["securitySchemes"] = SCHEMES
        for path in document["paths"].values():
            for operation in path.values():
                if "health" not in operation["tags"]:
                    operation["security"] = [{name: []} for name in SCHEMES]
                for parameter in operation.get("parameters", ()):
                    if parameter["name"] == "dataset":
                        parameter["schema"] = _only(served, parameter["schema"])
        app.openapi_schema = document
    return app.openapi_schema
