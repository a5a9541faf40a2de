"""What a batch of messages becomes: scored events, anomalies and dead letters. No broker, no clock."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from adapters.kafka import TopicSettings
from adapters.tracing import CARRIED
from core.scoring import Scorer, severity
from schemas.declaration import Declaration, Parser, Rejected
from schemas.events import NAMESPACE, AnomalyV1, Model, ScoredV1, Source, cloud_event_headers, event_id

Headers = list[tuple[str, str | bytes | None]]


class MessageLike(Protocol):
    """A message as Kafka's clients give it."""

    def topic(self) -> str: ...  # noqa: D102
    def partition(self) -> int: ...  # noqa: D102
    def offset(self) -> int: ...  # noqa: D102
    def key(self) -> bytes | None: ...  # noqa: D102
    def value(self) -> bytes | None: ...  # noqa: D102
    def headers(self) -> Headers | None: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102  # its kind, and milliseconds since 1970
    def __len__(self) -> int: ...  # noqa: D105  # bytes of the value


class Outgoing(NamedTuple):
    """A message to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class Outcome(NamedTuple):
    """What to publish for a batch, and what to count."""

    outgoing: list[Outgoing]
    verdicts: list[ScoredV1]
    anomalies: list[AnomalyV1]
    rejected: list[Rejected]


class Lane(NamedTuple):
    """How the declarations of one topic are read and scored."""

    parser: Parser
    scorer: Scorer


def carry(message: MessageLike) -> Headers:
    """The trace that a message belongs to, as its headers have it."""
    return [(name, value) for name, value in message.headers() or () if name in CARRIED]


class Watch(NamedTuple):
    """How others see what is going on: the headers by which a message's trace goes on, asked for each message, and a clock around each
    explanation of a dataset."""

    trace: Callable[[MessageLike], Headers] = carry
    explaining: Callable[[str], AbstractContextManager[object]] = nullcontext


UNWATCHED = Watch()


def decide(
    messages: Sequence[MessageLike], lanes: Mapping[str, Lane], topics: TopicSettings, now: datetime, watch: Watch = UNWATCHED
) -> Outcome:
    """Judges the messages of a batch; every one leaves as a verdict or as a dead letter.

    `lanes` has an entry for each topic that the messages come from; `now` is timezone-aware.
    """
    outcome = Outcome([], [], [], [])
    for topic, lane in lanes.items():
        accepted: list[tuple[MessageLike, Declaration]] = []
        for message in messages:
            if message.topic() != topic:
                continue
            parsed = lane.parser.parse(message.value())
            if isinstance(parsed, Rejected):
                watch.trace(message)  # it ends here: a dead letter keeps the headers that the message came with
                outcome.rejected.append(parsed)
                outcome.outgoing.append(dead_letter(message, parsed, topics.dead_letter))
            else:
                accepted.append((message, parsed))
        if accepted:
            _score(accepted, lane, topics, now.isoformat(timespec="milliseconds"), outcome, watch)
    return outcome


def _score(
    accepted: list[tuple[MessageLike, Declaration]], lane: Lane, topics: TopicSettings, now: str, outcome: Outcome, watch: Watch
) -> None:
    scorer, dataset = lane.scorer, lane.parser.spec.name
    model = Model(scorer.model.name, scorer.model.version)
    scores = scorer.score([declaration for _, declaration in accepted])
    encode = msgspec.json.Encoder().encode
    strange: list[tuple[MessageLike, Declaration, ScoredV1]] = []
    for (message, declaration), error, score, anomaly in zip(
        accepted, scores.error.tolist(), scores.score.tolist(), scores.anomaly.tolist(), strict=True
    ):
        verdict = ScoredV1(
            event_id=event_id(declaration.declaration_id, dataset, model.version),
            declaration_id=declaration.declaration_id,
            dataset=dataset,
            scored_at=now,
            empresa=declaration.empresa,
            subpartida=declaration.subpartida,
            puerto=declaration.puerto,
            error=error,
            score=score,
            threshold=scorer.threshold,
            anomaly=anomaly,
            severity=severity(score, scorer.threshold) if anomaly else None,
            model=model,
            source=Source(message.topic(), message.partition(), message.offset()),
            declaration=msgspec.Raw(message.value() or b""),
        )
        outcome.verdicts.append(verdict)
        outcome.outgoing.append(_event(topics.scored, "scored", verdict, watch.trace(message), encode, now))
        if anomaly:
            strange.append((message, declaration, verdict))
    if strange:
        _explain(strange, scorer, topics, now, encode, outcome, watch)


def _explain(
    strange: list[tuple[MessageLike, Declaration, ScoredV1]],
    scorer: Scorer,
    topics: TopicSettings,
    now: str,
    encode: Callable[[object], bytes],
    outcome: Outcome,
    watch: Watch,
) -> None:
    with watch.explaining(scorer.spec.name):
        explanations = scorer.explain([declaration for _, declaration, _ in strange])
    for (message, _, verdict), explanation in zip(strange, explanations, strict=True):
        anomaly = AnomalyV1(
            event_id=verdict.event_id,
            declaration_id=verdict.declaration_id,
            dataset=verdict.dataset,
            detected_at=now,
            empresa=verdict.empresa,
            subpartida=verdict.subpartida,
            puerto=verdict.puerto,
            error=verdict.error,
            score=verdict.score,
            threshold=verdict.threshold,
            severity=severity(verdict.score, verdict.threshold),
            model=verdict.model,
            base_value=explanation.base_value,
            contributions=explanation.contributions,
            source=verdict.source,
            declaration=verdict.declaration,
        )
        outcome.anomalies.append(anomaly)
        outcome.outgoing.append(_event(topics.anomalies, "anomaly", anomaly, watch.trace(message), encode, now))


def _event(topic: str, kind: str, event: ScoredV1 | AnomalyV1, trace: Headers, encode: Callable[[object], bytes], now: str) -> Outgoing:
    headers = [*cloud_event_headers(kind, event.event_id, now), *trace]
    return Outgoing(topic, event.empresa.encode(), encode(event), headers)


def dead_letter(message: MessageLike, why: Rejected, topic: str) -> Outgoing:
    """The message as it came, key and headers included, with the reason in Kafka Connect's error headers."""
    source = f"{message.topic()}/{message.partition()}/{message.offset()}"
    reason = {
        "__connect.errors.topic": message.topic(),
        "__connect.errors.partition": str(message.partition()),
        "__connect.errors.offset": str(message.offset()),
        "__connect.errors.stage": "VALUE_CONVERTER",
        "__connect.errors.exception.class.name": "schemas.declaration.Rejected",
        "__connect.errors.exception.message": why.message,
        "vigia.code": why.code,
        "vigia.field": why.field or "",
        "vigia.id": str(uuid.uuid5(NAMESPACE, source)),
    }
    kept = [(name, value) for name, value in message.headers() or () if name not in reason]
    return Outgoing(topic, message.key(), message.value(), [*kept, *reason.items()])


def lanes_for(topics: TopicSettings, parsers: Iterable[Parser], scorers: Mapping[str, Scorer]) -> dict[str, Lane]:
    """The lanes of the datasets that have a scorer, by input topic."""
    return {
        topics.declarations[parser.spec.name]: Lane(parser, scorers[parser.spec.name]) for parser in parsers if parser.spec.name in scorers
    }
