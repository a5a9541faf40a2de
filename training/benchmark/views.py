"""What a detector is given of declarations: their columns as they come, or the features that our network reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.columns import FIRST, MISSING, UNKNOWN, Columns
from core.features import Encoder, Inputs
from schemas.datasets import DatasetSpec
from training.alterations import Row
from training.dataset import Collector
from training.learn import Folds, Recipe

Matrix = NDArray[np.float64]


class Views:
    """Both views of one table of earlier declarations, and of any others as that table sees them."""

    def __init__(self, spec: DatasetSpec, earlier: Sequence[Row]) -> None:
        """`earlier` is in the order of time."""
        collector = Collector(spec)
        collector.add(earlier)
        table = collector.table()
        self.table = table.columns
        self.every = np.arange(len(table.columns))
        encoder = Encoder.fit(spec, table.vocabulary, table.columns)
        self.folds = Folds(encoder, table.columns, Recipe().folds)
        unscaled = self.folds.inputs(encoder, table.columns, self.every)
        self.encoder = encoder.with_scale(unscaled.numbers, unscaled.mask)
        known = self._columns(table.columns)
        self._mean, spread = known.mean(axis=0), known.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)

    def raw(self, columns: Columns) -> Matrix:
        """Standardised columns: the frequency rank of each code, log(1 + amount), and -1 for what is missing."""
        return np.asarray((self._columns(columns) - self._mean) / self._spread)

    def features(self, columns: Columns) -> Matrix:
        """Our features by statistics of all earlier declarations."""
        return self._visible(self.encoder.inputs(columns))

    def out_of_fold(self, columns: Columns, rows: NDArray[Any] | None = None) -> Matrix:
        """Our features of the earlier declarations at `rows`, or of altered copies of them, by statistics that were counted
        without their fold: a detector that learns from these sees how new a declaration of tomorrow looks."""
        return self._visible(self.folds.inputs(self.encoder, columns, self.every if rows is None else rows))

    def _visible(self, inputs: Inputs) -> Matrix:
        """The numbers, 0 where a field that they need is missing."""
        return np.where(self.encoder.available(inputs.mask), inputs.numbers, 0.0).astype(np.float64)

    def _columns(self, columns: Columns) -> Matrix:
        sizes, layout = self.encoder.vocabulary.sizes, self.encoder.layout
        parts = []
        for k, column in enumerate(layout.columns):
            if column.digits in (None, 2) or sizes[k] > sizes[k - 1]:  # a level that adds nothing would count twice
                codes = columns.codes[:, k]
                parts.append(np.select([codes == MISSING, codes == UNKNOWN], [-1, sizes[k] - FIRST], codes - FIRST))
        amounts = np.where(np.isnan(columns.amounts), -1.0, np.log1p(columns.amounts))
        return np.column_stack([*parts, amounts]).astype(np.float64)
