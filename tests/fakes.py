"""Fakes that keep the same promises as the real thing: the contract tests hold them to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from adapters.kafka import TopicSettings
from core.explain import Contribution, Explanation
from core.scoring import ModelRef, Scores
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration
from schemas.events import ScoredRecord, ScoredV1


class MemorySink:
    """A sink in a dictionary. `store` outlives it, as a database outlives its client."""

    def __init__(self, store: dict[str, dict] | None = None) -> None:
        self.store = {} if store is None else store

    def open(self) -> None:
        self.store.setdefault("verdicts", {})
        self.store.setdefault("positions", {})

    def reads(self, topics: TopicSettings) -> Mapping[str, type[ScoredV1]]:
        return {topics.scored: ScoredV1}

    def positions(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        stored = self.store["positions"]
        return {partition: stored[partition] for partition in partitions if partition in stored}

    def apply(self, verdicts: Sequence[ScoredRecord]) -> None:
        before = dict(self.store["positions"])
        for record in verdicts:
            partition = (record.topic, record.partition)
            if record.offset >= before.get(partition, 0):
                self.store["verdicts"].setdefault(record.verdict.event_id, record.verdict)
                self.store["positions"][partition] = max(record.offset + 1, self.store["positions"].get(partition, 0))

    def close(self) -> None:
        pass


class Message:
    """A message as Kafka's client gives it."""

    def __init__(
        self, topic: str, offset: int, value: bytes | None, key: bytes | None = None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        self._topic, self._offset, self._value, self._key, self._headers = topic, offset, value, key, list(headers)

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes]]:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_767_225_600_000

    def __len__(self) -> int:
        return len(self._value or b"")


class FakeScorer:
    """Scores and explains without a model: every declaration has the same score."""

    def __init__(self, spec: DatasetSpec, score: float = 3.0, threshold: float = 2.0) -> None:
        self.spec = spec
        self.model = ModelRef(spec.model, "1")
        self.threshold = threshold
        self._score = score

    def score(self, declarations: Sequence[Declaration]) -> Scores:
        n = len(declarations)
        return Scores(np.full(n, 5.0), np.full(n, self._score), np.full(n, self._score >= self.threshold))

    def explain(self, declarations: Sequence[Declaration]) -> list[Explanation]:
        return [self._explanation(declaration) for declaration in declarations]

    def _explanation(self, declaration: Declaration) -> Explanation:
        parts = []
        for field in self.spec.modelled:
            if (value := getattr(declaration, field.name)) is not None:
                normal: dict[str, Any] = {"values": [{"value": "ABC", "probability": 0.5}]}
                parts.append((field.name, value, {"value": 10.0, "low": 1.0, "high": 100.0} if field.numeric else normal))
        share = 4.0 / len(parts)
        return Explanation(1.0, tuple(Contribution(name, value, share, expected) for name, value, expected in parts))
