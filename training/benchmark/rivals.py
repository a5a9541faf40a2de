"""Detectors that anyone would try first, from PyOD, which wraps scikit-learn's where there is one. None sees a label."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyod.models.ecod import ECOD
from pyod.models.gmm import GMM
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA

from training.benchmark.views import Matrix

MOST = 10_000
"""How many declarations KNN compares with and GMM is fitted to, so that a run stays short."""

Score = Callable[[Matrix], NDArray[Any]]
"""How odd each row is: the higher, the odder."""


@dataclass(frozen=True)
class Rival:
    """A detector with the settings of its library, but for what its note says."""

    name: str
    make: Callable[[int], Any]
    """From a seed, which some have no use for."""
    most: int | None = None
    note: str = ""


RIVALS = (
    Rival("IsolationForest", lambda seed: IForest(n_estimators=300, random_state=seed), note="300 trees"),
    Rival("ECOD", lambda seed: ECOD()),
    Rival("HBOS", lambda seed: HBOS()),
    Rival("KNN", lambda seed: KNN(), MOST, f"5 neighbours among {MOST:,} earlier declarations drawn by the seed"),
    Rival("PCA", lambda seed: PCA(n_components=0.99, svd_solver="full", random_state=seed), note="components with 99 % of the variance"),
    Rival("GMM", lambda seed: GMM(n_components=8, reg_covar=1e-3, random_state=seed), MOST, f"8 components, {MOST:,} declarations"),
)


def fit(rival: Rival, known: Matrix, seed: int) -> Score:
    """Fits a rival to earlier declarations, standardised already."""
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(known))[: rival.most])
    detector = rival.make(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about defaults that will change, and mixtures that have not converged
        detector.fit(known[rows])

    def score(matrix: Matrix) -> NDArray[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(detector.decision_function(matrix), dtype=np.float64)

    return score
