"""Every detector on one case: all learn from the same earlier declarations and rank the same altered ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes no types

from core.scoring import Scorer
from training.alterations import SINGLE, Altered, Past
from training.benchmark import ours, taught
from training.benchmark.cases import Case
from training.benchmark.results import ALTERATIONS, CORRUPTIONS, VIGIA, Detector, Found, Run
from training.benchmark.rivals import RIVALS, Rival, Score, fit
from training.benchmark.views import Matrix, Views
from training.evaluate import altered_sets
from training.learn import Recipe
from training.measures import Detection, detection

RAW, FEATURES = "raw columns", "our features"
GRADIENT_BOOSTING = {CORRUPTIONS: "self-taught gradient boosting", ALTERATIONS: "gradient boosting"}
LIBRARIES = ("numpy", "scikit-learn", "pyod", "torch", "onnxruntime")

Say = Callable[[str], None]


def versions() -> dict[str, str]:
    """The installed releases of the libraries that take part, without a build's suffix."""
    return {name: version(name).partition("+")[0] for name in LIBRARIES}


def compare(case: Case, seed: int, say: Say, recipe: Recipe | None = None, rivals: tuple[Rival, ...] = RIVALS, study: bool = False) -> Run:
    """Judges all detectors; with `study`, also models whose training leaves one field alone. On one thread, so that the
    same case and seed give the same figures on one machine."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        sets = altered_sets(case.later, Past(case.earlier), seed)
        say(VIGIA)
        scorer = ours.fit(case.spec, case.earlier, seed, recipe)
        found = [Found(Detector(VIGIA, "declarations", CORRUPTIONS), _by_model(scorer, sets))]
        views = Views(case.spec, case.earlier)
        found += _unsupervised(views, sets, seed, rivals, say)
        found += _taught(case, views, sets, seed, say)
        untouched = _untouched(case, sets, seed, recipe or Recipe(), say) if study else {}
    altered = {name: int(each.labels.sum()) for name, each in sets.items()}
    return Run(case.name, seed, len(case.earlier), len(case.later), altered, found, untouched)


def _unsupervised(views: Views, sets: Mapping[str, Altered], seed: int, rivals: tuple[Rival, ...], say: Say) -> list[Found]:
    columns = {name: views.encoder.columns(each.declarations) for name, each in sets.items()}
    found = []
    for reads, known, see in ((RAW, views.raw(views.table), views.raw), (FEATURES, views.out_of_fold(views.table), views.features)):
        seen = {name: see(each) for name, each in columns.items()}
        for rival in rivals:
            detector = Detector(rival.name, reads)
            say(detector.title)
            found.append(Found(detector, _judged(fit(rival, known, seed), seen, sets)))
    return found


def _taught(case: Case, views: Views, sets: Mapping[str, Altered], seed: int, say: Say) -> list[Found]:
    seen = {name: views.features(views.encoder.columns(each.declarations)) for name, each in sets.items()}
    found = []
    teachers: dict[str, Callable[[], Score]] = {
        CORRUPTIONS: lambda: taught.self_taught(views, seed),
        ALTERATIONS: lambda: taught.supervised(case, views, seed),
    }
    for told, learn in teachers.items():
        detector = Detector(GRADIENT_BOOSTING[told], FEATURES, told)
        say(detector.title)
        found.append(Found(detector, _judged(learn(), seen, sets)))
    return found


def _untouched(case: Case, sets: Mapping[str, Altered], seed: int, recipe: Recipe, say: Say) -> dict[str, Detection]:
    """For each field, a model that never saw it replaced, on the kinds that alter it."""
    found: dict[str, Detection] = {}
    for fields in ours.UNTOUCHED:
        say(f"{VIGIA}, {', '.join(fields)} never replaced")
        scorer = ours.fit(case.spec, case.earlier, seed, replace(recipe, untouched=fields))
        found |= _by_model(scorer, {kind.name: sets[kind.name] for kind in SINGLE if kind.fields == fields and kind.name in sets})
    return found


def _by_model(scorer: Scorer, sets: Mapping[str, Altered]) -> dict[str, Detection]:
    return {name: detection(each.labels, scorer.score(each.declarations).error) for name, each in sets.items()}


def _judged(score: Score, seen: Mapping[str, Matrix], sets: Mapping[str, Altered]) -> dict[str, Detection]:
    scores: dict[str, NDArray[Any]] = {name: score(matrix) for name, matrix in seen.items()}
    return {name: detection(sets[name].labels, scores[name]) for name in sets}
