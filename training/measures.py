"""How well scores rank what is odd above what is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

SHARES = (0.01, 0.05, 0.10)


@dataclass(frozen=True)
class Detection:
    """ROC-AUC, average precision, and precision and recall among the highest 1, 5 and 10 % of the scores."""

    roc_auc: float
    average_precision: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]


def detection(labels: NDArray[np.bool_], scores: NDArray[Any]) -> Detection:
    """Raises ValueError when nothing, or everything, is labelled."""
    if labels.all() or not labels.any():
        raise ValueError("ranking cannot be judged unless some rows are altered and some are not")
    order = np.argsort(-scores, kind="stable")
    hits = [labels[order[: max(1, round(share * len(labels)))]] for share in SHARES]
    return Detection(
        roc_auc=float(roc_auc_score(labels, scores)),
        average_precision=float(average_precision_score(labels, scores)),
        precision=tuple(float(each.mean()) for each in hits),
        recall=tuple(float(each.sum() / labels.sum()) for each in hits),
    )
