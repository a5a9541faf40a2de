"""Gradient boosting on our features, told what to look for: the alterations themselves, or our own corruptions."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from training.alterations import SINGLE, Past, alter
from training.benchmark.cases import Case
from training.benchmark.rivals import Score
from training.benchmark.views import Matrix, Views
from training.corruption import replace_one

COPIES = 2
"""How many altered or corrupted copies are made of the earlier declarations."""
_OTHER_SEED = 7_777
"""Added to a case's seed, so that what is taught was not drawn as what is judged."""
_SHARE = 0.5


def supervised(case: Case, views: Views, seed: int) -> Score:
    """Taught the very kinds of alteration that are judged, on copies of earlier declarations: no detector without labels
    knows as much, so this says what is within reach with these features."""
    past, parts = Past(case.earlier), []
    for copy in range(COPIES):
        altered = alter(case.earlier, past, SINGLE, seed + _OTHER_SEED + copy, share=_SHARE)
        rows = np.flatnonzero(altered.labels)
        columns = views.encoder.columns([altered.declarations[at] for at in rows.tolist()])
        parts.append(views.out_of_fold(columns, rows))
    return _fit(views.out_of_fold(views.table), np.concatenate(parts), seed)


def self_taught(views: Views, seed: int) -> Score:
    """Tells real declarations from copies with one field replaced, as our network does: no label, and no alteration."""
    random, parts = np.random.default_rng(seed + _OTHER_SEED), []
    for _ in range(COPIES):
        replaced, which = replace_one(views.table, views.encoder.vocabulary, views.folds.of, random)
        rows = np.flatnonzero(which >= 0)
        parts.append(views.out_of_fold(replaced.take(rows), rows))
    return _fit(views.out_of_fold(views.table), np.concatenate(parts), seed)


def _fit(real: Matrix, changed: Matrix, seed: int) -> Score:
    labels = np.repeat([False, True], [len(real), len(changed)])
    trees = HistGradientBoostingClassifier(max_iter=300, early_stopping=True, random_state=seed)
    trees.fit(np.concatenate([real, changed]), labels)
    return lambda matrix: trees.decision_function(matrix)
