"""What a worker adds to the traces of the declarations in a batch."""

import time
from collections.abc import Iterable

from opentelemetry.trace import Span

from adapters import tracing
from stream.decide import Headers, MessageLike, Outcome


class BatchTraces:
    """The spans of the declarations of one batch whose traces are kept, from when they were read until they are committed."""

    def __init__(self) -> None:
        self._began = time.time()
        self._spans: dict[tuple[str, int, int], Span] = {}

    def headers(self, message: MessageLike) -> Headers:
        """What an event about this message carries: the worker's own place in the trace, or else what came."""
        carried = tracing.carried(message.headers())
        if not carried:
            return []
        at = (message.topic(), message.partition(), message.offset())
        if at not in self._spans:
            if not (span := tracing.join("score", carried, self._began, _about(message))):
                return list(carried.items())
            self._spans[at] = span
        return list(tracing.headers_of(self._spans[at]).items())

    def end(self, outcome: Outcome | None, problem: str | None) -> None:
        """The batch was committed, or there was a problem with it."""
        if not self._spans:
            return
        for verdict in outcome.verdicts if outcome else ():
            if span := self._spans.pop((verdict.source.topic, verdict.source.partition, verdict.source.offset), None):
                span.set_attributes(
                    {
                        "vigia.declaration_id": verdict.declaration_id,
                        "vigia.dataset": verdict.dataset,
                        "vigia.event_id": verdict.event_id,
                        "vigia.score": verdict.score,
                        "vigia.anomaly": verdict.anomaly,
                        "vigia.model.version": verdict.model.version,
                    }
                )
                tracing.end(span, problem)
        for span in self._spans.values():
            tracing.end(span, problem or "no declaration: it went to the dead letters")
        self._spans.clear()


def applied(sink: str, messages: Iterable[MessageLike], began: float) -> None:
    """Adds what a sink did with its messages, from `began` (seconds since 1970) until now."""
    for message in messages:
        carried = tracing.carried(message.headers())
        if carried and (span := tracing.join(sink, carried, began, _about(message))):
            tracing.end(span)


def _about(message: MessageLike) -> tracing.Attributes:
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": message.topic(),
        "messaging.destination.partition.id": str(message.partition()),
        "messaging.kafka.offset": message.offset(),
    }
