"""Errors, scores and verdicts of declarations, from an encoder, a network and a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from core.calibration import Calibration, Tail, like
from core.errors import ConfigurationError
from core.explain import Explanation, explain
from core.features import Encoder, Inputs
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration
from schemas.events import Severity

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DEFAULT_BUDGET = 0.01
"""Which share of normal declarations may raise an alert."""
_PIECE = 4096


class Network(Protocol):
    """The trained network. A row's energies do not depend on the rows beside it."""

    def energies(self, inputs: Inputs) -> NDArray[np.float32]:
        """How little each field belongs to the visible others, (n, fields): 0 where masked, never negative."""
        ...


class ModelRef(NamedTuple):
    """The name in the registry and the version of a model."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Scores:
    """One entry a declaration: its error, its score (-log10 of the tail probability) and whether that is an anomaly."""

    error: Floats
    score: Floats
    anomaly: Bools


class Scorer:
    """Scores and explains the declarations of one dataset with one model."""

    def __init__(
        self,
        spec: DatasetSpec,
        model: ModelRef,
        encoder: Encoder,
        network: Network,
        tails: dict[bytes, Tail],
        reference: Inputs,
        budget: float = DEFAULT_BUDGET,
    ) -> None:
        """`tails` and `reference` are what `core.calibration.Calibration` rests on."""
        self.spec, self.model = spec, model
        self.threshold = threshold(budget)
        self.encoder, self.network = encoder, network
        self.calibration = Calibration(tails, lambda present: fit_tail(present, reference, network))

    def score(self, declarations: Sequence[Declaration]) -> Scores:
        """One verdict for each declaration, in order; a verdict does not depend on the rest of the batch."""
        pieces = [self._score(declarations[at : at + _PIECE]) for at in range(0, len(declarations), _PIECE)]
        error = np.concatenate([np.zeros(0), *(error for error, _ in pieces)])
        score = np.concatenate([np.zeros(0), *(score for _, score in pieces)])
        return Scores(error, score, score >= self.threshold)

    def explain(self, declarations: Sequence[Declaration]) -> list[Explanation]:
        """Why each declaration has its error, field by field, and what would have been normal instead."""
        return explain(declarations, self.encoder, self.network.energies)

    def _score(self, declarations: Sequence[Declaration]) -> tuple[Floats, Floats]:
        inputs = self.encoder.encode(declarations)
        error = errors(self.network, inputs)
        return error, self.calibration.scores(error, inputs.mask > 0)


def errors(network: Network, inputs: Inputs) -> Floats:
    """The reconstruction errors: the sum of a declaration's field energies."""
    return np.asarray(network.energies(inputs).astype(np.float64).sum(axis=1))


def fit_tail(present: Bools, reference: Inputs, network: Network) -> Tail:
    """The tail of normal errors when only these fields are there."""
    rows = like(present, reference.mask > 0)
    masked = reference.mask[rows] * present
    return Tail.fit(errors(network, Inputs(reference.numbers[rows], reference.tokens[rows], masked)))


def threshold(budget: float) -> float:
    """The score from which on a declaration is an anomaly, when this share of normal ones may be."""
    if not 0.0 < budget < 1.0:
        raise ConfigurationError(f"the alert budget must lie between 0 and 1 (0.01 is one in a hundred), not {budget}")
    return float(-np.log10(budget))


def severity(score: float, threshold: float) -> Severity:
    """How urgent an anomaly is, by how far beyond the threshold its rarity lies: three times, ten, a hundred times as rare."""
    beyond = score - threshold
    if beyond < 0.5:
        return "low"
    if beyond < 1:
        return "medium"
    return "high" if beyond < 2 else "critical"
