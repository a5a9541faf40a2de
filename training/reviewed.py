"""How good a model is in the eyes of analysts: on the declarations that they confirmed or dismissed.

They judge what some model alerted them to. The figures say how this model treats those declarations, and nothing of odd
ones that no alert ever showed anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from pathlib import Path

import msgspec
import numpy as np

from core.errors import ConfigurationError
from core.scoring import Scorer
from schemas.events import FeedbackV1
from training.alterations import Row
from training.measures import detection

_Z = 1.959964
"""Of a normal distribution, 95 % lie within so many deviations of the mean."""


@dataclass(frozen=True)
class Ranking:
    """How well the model ranks what was confirmed above what was dismissed."""

    roc_auc: float
    average_precision: float


@dataclass(frozen=True)
class Reviewed:
    """What a model makes of the declarations that analysts have judged."""

    rows: int
    judged: int
    confirmed: int
    alerts: int
    """The judged ones that this model raises an alert for."""
    confirmed_alerts: int
    precision: float
    """The share of those alerts that were confirmed; NaN without any."""
    interval: tuple[float, float]
    """Where the share lies at 95 % confidence, given how few were judged."""
    missed: int
    """The confirmed ones that this model raises no alert for."""
    ranking: Ranking | None
    """None unless some were confirmed and some dismissed."""


def read(path: Path, dataset: str) -> dict[str, bool]:
    """By declaration id, whether analysts confirmed it: the last word of all its alerts. JSON lines, as `GET /feedback`
    gives them; those of other datasets are passed over. Raises ConfigurationError."""
    decode = msgspec.json.Decoder(FeedbackV1).decode
    last: dict[str, tuple[datetime, str, bool]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"the feedback {path} cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            said = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"line {number} of {path} is no feedback as `GET /feedback` gives it: {error}") from None
        if said.dataset == dataset:
            word = (datetime.fromisoformat(said.given_at), said.feedback_id, said.verdict == "confirmed")
            last[said.declaration_id] = max(word, last.get(said.declaration_id, word))
    return {identifier: confirmed for identifier, (_, _, confirmed) in last.items()}


def review(scorer: Scorer, rows: Sequence[Row], confirmed: Mapping[str, bool]) -> Reviewed:
    """Scores the rows that were judged, each declaration once. Raises ValueError when none was."""
    judged = list({row.declaration_id: row for row in rows if row.declaration_id in confirmed}.values())
    if not judged:
        raise ValueError(
            f"analysts have judged none of the {len(rows):,} declarations of {scorer.spec.name}: "
            + (f"the feedback speaks of {len(confirmed):,} others" if confirmed else "the feedback says nothing of this dataset")
        )
    labels = np.array([confirmed[row.declaration_id] for row in judged])
    scores = scorer.score(judged)
    alerts, hits = int(scores.anomaly.sum()), int((scores.anomaly & labels).sum())
    ranking = None
    if labels.any() and not labels.all():
        found = detection(labels, scores.score)
        ranking = Ranking(found.roc_auc, found.average_precision)
    return Reviewed(
        rows=len(rows),
        judged=len(judged),
        confirmed=int(labels.sum()),
        alerts=alerts,
        confirmed_alerts=hits,
        precision=hits / alerts if alerts else float("nan"),
        interval=wilson(hits, alerts),
        missed=int((labels & ~scores.anomaly).sum()),
        ranking=ranking,
    )


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a share, at 95 % confidence; anything is possible when nothing was seen."""
    if not of:
        return 0.0, 1.0
    share, weight = hits / of, _Z**2 / of
    middle, half = share + weight / 2, _Z * sqrt(share * (1 - share) / of + weight / (4 * of))
    low, high = ((middle + sign * half) / (1 + weight) for sign in (-1, 1))
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # rounding must not leave the share outside
