"""Verdicts and feedback for tests: each trade has companies, ports and topics of its own, so that tests share a server in peace."""

import json
from uuid import uuid4

import msgspec

from schemas.events import FeedbackRecord, FeedbackV1, Judgement, Model, ScoredRecord, ScoredV1, Source, event_id, feedback_id


class Trade:
    def __init__(self) -> None:
        self.mark = uuid4().hex[:8].upper()
        self.topic = f"declarations.scored-{self.mark}"
        self.feedback_topic = f"feedback-{self.mark}"
        self._declared = 0

    def verdict(
        self,
        empresa: str = "ABC",
        subpartida: str = "090111",
        puerto: str = "CARTAGENA",
        *,
        dataset: str = "exportaciones",
        anomaly: bool = False,
        score: float = 0.5,
        version: str = "1",
        **declared: object,
    ) -> ScoredV1:
        """A verdict on a new declaration; what is `declared` beyond the required fields is in the declaration only."""
        self._declared += 1
        place = {"empresa": f"{self.mark} {empresa}", "subpartida": subpartida, "puerto": f"{self.mark} {puerto}"}
        identity = f"{self.mark}-{self._declared}"
        return ScoredV1(
            event_id=event_id(identity, dataset, version),
            declaration_id=identity,
            dataset=dataset,
            scored_at="2025-09-30T08:15:00Z",
            **place,
            error=2 * score,
            score=score,
            threshold=2.0,
            anomaly=anomaly,
            severity="high" if anomaly else None,
            model=Model(f"autoencoder-{dataset.replace('_', '-')}", version),
            source=Source(f"declarations.{dataset.replace('_', '-')}", 0, self._declared),
            declaration=msgspec.Raw(json.dumps({"declaration_id": identity, **place, **declared}).encode()),
        )

    def record(self, offset: int, *, partition: int = 0, **verdict: object) -> ScoredRecord:
        return ScoredRecord(self.topic, partition, offset, self.verdict(**verdict))

    def records(self, start: int, stop: int, *, partition: int = 0, **verdict: object) -> list[ScoredRecord]:
        return [self.record(offset, partition=partition, **verdict) for offset in range(start, stop)]

    def said(
        self, offset: int, alert: ScoredV1, verdict: Judgement = "confirmed", note: str = "", who: str = "ana", at: str = "09:00:00.000"
    ) -> FeedbackRecord:
        """What somebody said of an alert at a time of one day."""
        given_at = f"2025-10-01T{at}+00:00"
        said = FeedbackV1(
            feedback_id=feedback_id(alert.event_id, who, verdict, note, given_at),
            event_id=alert.event_id,
            declaration_id=alert.declaration_id,
            dataset=alert.dataset,
            verdict=verdict,
            note=note,
            who=who,
            given_at=given_at,
        )
        return FeedbackRecord(self.feedback_topic, 0, offset, said)
