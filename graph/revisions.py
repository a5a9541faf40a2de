"""What analysts say of anomalies, as the parameters of `write/revisiones.cypher`. Pure, as `graph.coalesce` is."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from schemas.events import FeedbackRecord, FeedbackV1, Judgement

REVISION: dict[Judgement, str] = {"confirmed": "confirmada", "dismissed": "descartada"}


def parameters(records: Iterable[FeedbackRecord]) -> dict[str, Any]:
    """A row for each anomaly with the last that was said of it, sorted, so that writers take their locks in one order."""
    latest: dict[str, FeedbackV1] = {}
    for record in records:
        said = record.feedback
        before = latest.setdefault(said.event_id, said)
        if _order(said) > _order(before):
            latest[said.event_id] = said
    return {
        "filas": [
            [said.event_id, said.feedback_id, REVISION[said.verdict], said.who, said.note, _moment(said)]
            for _, said in sorted(latest.items())
        ]
    }


def _order(said: FeedbackV1) -> tuple[datetime, str]:
    return _moment(said), said.feedback_id


def _moment(said: FeedbackV1) -> datetime:
    return datetime.fromisoformat(said.given_at).astimezone(UTC)
