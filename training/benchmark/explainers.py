"""Who explains in `training.benchmark.explaining`: Vigía and shap, asking the same network through the same session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shap
from numpy.typing import NDArray

from core.explain import shapley_values
from core.features import Inputs
from core.scoring import Network, Scorer, errors
from core.shapley import EXACT_LIMIT

Floats = NDArray[np.float64]
Explainer = Callable[[Scorer, Any], Floats]
"""A model and a declaration in, the contribution of each field out, (fields,); 0 where it is missing."""


class Masked:
    """The error of one declaration as a function of which of its fields stay visible."""

    def __init__(self, inputs: Inputs, network: Network) -> None:
        self.inputs, self.network = inputs, network
        self.players = np.flatnonzero(inputs.mask[0])
        self.nobody, self.everyone = np.zeros((1, len(self.players))), np.ones((1, len(self.players)))

    def __call__(self, present: NDArray[Any]) -> Floats:
        """The errors with these fields visible, one for each row of zeros and ones."""
        mask = np.zeros((len(present), self.inputs.mask.shape[1]), dtype=np.float32)
        mask[:, self.players] = present
        copies = np.zeros(len(present), dtype=np.int64)
        return errors(self.network, Inputs(self.inputs.numbers[copies], self.inputs.tokens[copies], mask))


def whole(scorer: Scorer, alert: Any) -> Floats:
    """All of an alert's explanation, what would have been normal included."""
    (explanation,) = scorer.explain([alert])
    found = {each.field: each.contribution for each in explanation.contributions}
    return np.array([found.get(field, 0.0) for field in scorer.encoder.fields])


def values(limit: int = EXACT_LIMIT) -> Explainer:
    """Vigía's Shapley values alone, exact up to so many fields."""
    return lambda scorer, alert: shapley_values(scorer.encoder.encode([alert]), scorer.network.energies, limit)[1][0]


def _shap(explained: Callable[[Masked], Any]) -> Explainer:
    def explain(scorer: Scorer, alert: Any) -> Floats:
        masked = Masked(scorer.encoder.encode([alert]), scorer.network)
        found = np.zeros(len(scorer.encoder.fields))
        found[masked.players] = np.asarray(explained(masked)).reshape(-1)
        return found

    return explain


def _kernel(masked: Masked, **options: Any) -> Any:
    return shap.KernelExplainer(masked, masked.nobody).shap_values(masked.everyone, silent=True, **options)


WHOLE, VALUES, SAMPLED = "Vigía, whole explanation", "Vigía, Shapley values", "Vigía, permutations"
EXACT, KERNEL, UNSELECTED = "shap Exact", "shap KernelExplainer", "shap KernelExplainer, `l1_reg=False`"

BY_NAME: dict[str, Explainer] = {
    WHOLE: whole,
    VALUES: values(),
    SAMPLED: values(limit=0),
    EXACT: _shap(lambda masked: shap.explainers.Exact(masked, masked.nobody)(masked.everyone).values),
    KERNEL: _shap(_kernel),
    UNSELECTED: _shap(lambda masked: _kernel(masked, l1_reg=False)),
}
"""KernelExplainer as it comes keeps ten fields and gives the others nothing; without that selection it is nearer."""
