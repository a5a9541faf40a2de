"""Promotion by hand and rollback: the alias moves in one step, to a bundle that was fetched and verified before."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from adapters import bundle
from adapters.cache import BundleCache
from adapters.registry import MlflowRegistry, Registered
from core.errors import BundleError
from core.scoring import Scorer
from flows import settings as configuration
from flows.tasks import PATIENT, DatasetName, key
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
def move(registry: MlflowRegistry, model: Registered) -> Registered | None:
    """Puts a verified version into production; returns the one that was."""
    return registry.promote(model)


@task(name="move the alias back", task_run_name="move the alias back", **PATIENT)
def move_back(registry: MlflowRegistry, target: Registered) -> None:
    """Puts a verified earlier version back into production."""
    registry.restore(target)


@flow(name="promote", flow_run_name="promote {dataset} {version}")
def promote(version: str, dataset: DatasetName = "exportaciones", reason: str = "by hand") -> State:
    """Puts one version into production, whatever the gate said of it. A bundle that workers would refuse is refused here."""
    at = configuration.settings()
    registry, spec = at.registry(), datasets.load(dataset)
    model = registry.version(spec.model, version)
    verify(registry, at.cache(), model, dataset, at.alert_budget)
    before = move(registry, model)
    return _told(dataset, f"version {version} of {spec.model} is in production ({reason}); before it was {_named(before)}")


@flow(name="rollback", flow_run_name="rollback {dataset}")
def rollback(dataset: DatasetName = "exportaciones", reason: str = "by hand") -> State:
    """Takes the version in production back: the one before it serves again."""
    at = configuration.settings()
    registry, spec = at.registry(), datasets.load(dataset)
    now, target = registry.before(spec.model)
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
