"""What Vigía publishes: the scored event, the anomaly, what analysts say of it, and the headers that these carry."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

Severity = Literal["low", "medium", "high", "critical"]

Judgement = Literal["confirmed", "dismissed"]
"""What an analyst makes of an alert: it is worth pursuing, or there is nothing to it."""

NAMESPACE = uuid.UUID("7f6f3f0e-6a0b-5c53-9f1a-6d1f6e0f5a11")
"""The uuid5 namespace of event ids. It is part of the contract: never change it."""

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}

CE_TYPES = {
    "scored": "co.vigia.declaration.scored.v1",
    "anomaly": "co.vigia.declaration.anomaly.v1",
    "feedback": "co.vigia.anomaly.feedback.v1",
}
"""The CloudEvents type of each kind of event. Its source is `/vigia/` and the kind: a verdict and its alert share an id."""


def event_id(declaration_id: str, dataset: str, model_version: str) -> str:
    """The id of the verdict that this model version has on this declaration: the same whenever it is computed."""
    digest = hashlib.sha1(NAMESPACE.bytes + f"{dataset}\x1f{model_version}\x1f{declaration_id}".encode(), usedforsecurity=False).hexdigest()
    # What `uuid.uuid5` does, at a third of its cost: it is computed for every verdict.
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"


def feedback_id(event_id: str, who: str, verdict: Judgement, note: str, given_at: str) -> str:
    """The id of what somebody said of an alert at a moment: sent twice, it is the same."""
    return str(uuid.uuid5(NAMESPACE, f"{event_id}\x1f{who}\x1f{verdict}\x1f{note}\x1f{given_at}"))


def cloud_event_headers(kind: str, identifier: str, time: str) -> list[tuple[str, str | bytes | None]]:
    """The CloudEvents headers of an event, one of `CE_TYPES`: its id, and when it came about (RFC 3339)."""
    return [
        ("ce_specversion", "1.0"),
        ("ce_id", identifier),
        ("ce_type", CE_TYPES[kind]),
        ("ce_source", f"/vigia/{kind}"),
        ("ce_time", time),
        ("content-type", "application/json"),
    ]


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


MAX_NOTE, MAX_WHO = 2_000, 64
"""Characters of a note, and of a name."""

_Identifier = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]


class FeedbackV1(msgspec.Struct, frozen=True, kw_only=True):
    """What an analyst says of an alert. Of one alert the last holds: by `given_at`, then by `feedback_id`."""

    feedback_id: _Identifier
    event_id: _Identifier
    declaration_id: str
    dataset: str
    verdict: Judgement
    note: Annotated[str, msgspec.Meta(max_length=MAX_NOTE)]
    who: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_WHO)]
    given_at: str

    def __post_init__(self) -> None:
        """Refuses a moment that is none, or none in particular: what came last could not be told."""
        moment = datetime.fromisoformat(self.given_at)
        if moment.utcoffset() is None or not 1 < moment.year < 9999:
            raise ValueError(f"given_at is {self.given_at}: it must be a moment with its offset, as 2025-09-30T13:15:00.250+00:00")


class FeedbackRecord(NamedTuple):
    """What an analyst said with its place in `feedback`, as the graph writer receives it."""

    topic: str
    partition: int
    offset: int
    feedback: FeedbackV1


class ScoredRecord(NamedTuple):
    """A verdict with its place in `declarations.scored`, as the sinks receive it."""

    topic: str
    partition: int
    offset: int
    verdict: ScoredV1
