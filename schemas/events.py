"""What Vigía publishes: the scored event, the anomaly, and the headers of a dead letter."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

Severity = Literal["low", "medium", "high", "critical"]

NAMESPACE = uuid.UUID("7f6f3f0e-6a0b-5c53-9f1a-6d1f6e0f5a11")
"""The uuid5 namespace of event ids. It is part of the contract: never change it."""

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}

CE_TYPES = {
    "scored": "co.vigia.declaration.scored.v1",
    "anomaly": "co.vigia.declaration.anomaly.v1",
}
"""The CloudEvents type of each kind of event. Its source is `/vigia/` and the kind: a verdict and its alert share an id."""


def event_id(declaration_id: str, dataset: str, model_version: str) -> str:
    """The id of the verdict that this model version has on this declaration: the same whenever it is computed."""
    digest = hashlib.sha1(NAMESPACE.bytes + f"{dataset}\x1f{model_version}\x1f{declaration_id}".encode(), usedforsecurity=False).hexdigest()
    # What `uuid.uuid5` does, at a third of its cost: it is computed for every verdict.
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"


class Model(msgspec.Struct, frozen=True):
    """Which model spoke: its name and version in the registry."""

    name: str
    version: str


class Source(msgspec.Struct, frozen=True):
    """Where the declaration was read."""

    topic: str
    partition: int
    offset: int


class ScoredV1(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one declaration. `declaration` holds the JSON text exactly as it was received."""

    event_id: str
    declaration_id: str
    dataset: str
    scored_at: str
    empresa: str
    subpartida: str
    puerto: str
    error: float
    score: float
    threshold: float
    anomaly: bool
    severity: Severity | None = None
    model: Model
    source: Source
    declaration: msgspec.Raw


class Contribution(msgspec.Struct, frozen=True):
    """A field's Shapley value of the error, and what the model would have found normal there.

    `expected` is `{"values": [{"value", "probability"}, ...]}` for codes and names, most probable first, and
    `{"value", "low", "high"}` for amounts, in the field's unit.
    """

    field: str
    value: str | float | None
    contribution: float
    expected: Mapping[str, Any]


class AnomalyV1(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, self-contained: the contributions sum to `error - base_value`."""

    event_id: str
    declaration_id: str
    dataset: str
    detected_at: str
    empresa: str
    subpartida: str
    puerto: str
    error: float
    score: float
    threshold: float
    severity: Severity
    model: Model
    base_value: float
    contributions: tuple[Contribution, ...]
    source: Source
    declaration: msgspec.Raw


class ScoredRecord(NamedTuple):
    """A verdict with its place in `declarations.scored`, as the sinks receive it."""

    topic: str
    partition: int
    offset: int
    verdict: ScoredV1
