"""Promotion by hand and rollback: the alias moves in one step, to a bundle that was fetched and verified before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from adapters import bundle
from adapters.cache import BundleCache
from adapters.registry import MlflowRegistry, Registered
from core.errors import BundleError, ConfigurationError
from core.scoring import Scorer
from flows import settings as configuration
from flows.metadata import Metadata
from flows.settings import FlowSettings
from flows.tasks import PATIENT, DatasetName, in_production, key, prepare
from schemas import datasets


@task(name="verify", task_run_name="verify", **PATIENT)
def verify(registry: MlflowRegistry, cache: BundleCache, model: Registered, dataset: str, budget: float) -> Scorer:
    """Fetches a version as a worker would, and loads it; raises BundleError when a worker would refuse it."""
    try:
        scorer = bundle.load(cache.fetch(registry, model), version=model.version, budget=budget)
    except BundleError:
        cache.discard(model)
        raise
    if scorer.spec.name != dataset:
        raise BundleError(f"{model.name} version {model.version} is a model of {scorer.spec.name}, not of {dataset}")
    return scorer


@task(name="move the alias", task_run_name="move the alias", **PATIENT)
def move(registry: MlflowRegistry, model: Registered, judged_beside: Registered | None) -> Registered | None:
    """Puts a verified version into production; returns the one that was. Raises ConfigurationError when that is no longer the
    version that was looked at: who judged beside another one must judge again. Done already, it is done."""
    now = registry.in_production(model.name)
    if now not in (judged_beside, model):
        raise ConfigurationError(
            f"{_named(now)} of {model.name} went into production meanwhile, and {_named(judged_beside)} was looked at: "
            "nothing was changed, start again"
        )
    return registry.promote(model)


@contextmanager
def changing(at: FlowSettings, dataset: str) -> Iterator[None]:
    """What is in production changes by one hand at a time; raises ConfigurationError when another one is at it."""
    with Metadata(at.metadata).alone(f"a change of what is in production of {dataset}"):
        yield


@task(name="look up a version", task_run_name="look up a version", **PATIENT)
def look_up(registry: MlflowRegistry, model: str, version: str) -> Registered:
    """One version by its number."""
    return registry.version(model, version)


@task(name="look up the version before", task_run_name="look up the version before", **PATIENT)
def look_back(registry: MlflowRegistry, model: str) -> tuple[Registered, Registered]:
    """The version in production, and the one before it."""
    return registry.before(model)


@task(name="move the alias back", task_run_name="move the alias back", **PATIENT)
def move_back(registry: MlflowRegistry, target: Registered) -> None:
    """Puts a verified earlier version back into production."""
    registry.restore(target)


@flow(name="promote", flow_run_name="promote {dataset} {version}")
def promote(version: int, dataset: DatasetName = "exportaciones", reason: str = "by hand") -> State:
    """Puts one version into production, whatever the gate said of it. A bundle that workers would refuse is refused here."""
    at = configuration.settings()
    registry, spec = at.registry(), datasets.load(dataset)
    prepare(at)
    model = look_up(registry, spec.model, str(version))
    with changing(at, dataset):
        before = in_production(at, spec.model)
        verify(registry, at.cache(), model, dataset, at.alert_budget)
        move(registry, model, before)
    return _told(dataset, f"version {version} of {spec.model} is in production ({reason}); before it was {_named(before)}")


@flow(name="rollback", flow_run_name="rollback {dataset}")
def rollback(dataset: DatasetName = "exportaciones", reason: str = "by hand") -> State:
    """Takes the version in production back: the one before it serves again."""
    at = configuration.settings()
    registry, spec = at.registry(), datasets.load(dataset)
    prepare(at)
    with changing(at, dataset):
        now, target = look_back(registry, spec.model)
        verify(registry, at.cache(), target, dataset, at.alert_budget)
        move_back(registry, target)
    return _told(
        dataset, f"version {target.version} of {spec.model} is in production again; version {now.version} was taken back ({reason})"
    )


def _named(model: Registered | None) -> str:
    return f"version {model.version}" if model else "none"


def _told(dataset: str, sentence: str) -> State:
    get_run_logger().info(sentence)
    create_markdown_artifact(f"# In production: {dataset}\n\n{sentence}\n", key("production", dataset), sentence)
    return Completed(message=sentence)
