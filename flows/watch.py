"""Watching: are the recent verdicts still like those that were usual when the model was made? If not, a retraining is asked for."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed

from adapters.registry import Registered
from core.drift import Baseline, Report, compare, retrain_due
from flows import recent
from flows import settings as configuration
from flows.metadata import Metadata
from flows.promotion import verify
from flows.settings import FlowSettings
from flows.tasks import PATIENT, DatasetName, in_production, key, prepare
from schemas import datasets
from schemas.datasets import DatasetSpec
from training.card import table

DRIFTED = "vigia.drift.detected"
"""The event that the deployment `retrain` waits for; its resource is `vigia.dataset.` and the dataset's name."""


@task(name="look", task_run_name="look", **PATIENT)
def look(at: FlowSettings, spec: DatasetSpec, model: Registered, since: datetime, most: int) -> Report | None:
    """The recent verdicts of the version in production against its baseline; None when it has none."""
    baseline = Metadata(at.metadata).baseline(model)
    if baseline is None:
        return None
    scorer = verify.fn(at.registry(), at.cache(), model, spec.name, at.alert_budget)
    found = recent.judged(at.raw, spec, model, since, most)
    return compare(Baseline.from_dict(baseline), scorer, found.declarations, found.scores)


@task(name="decide", task_run_name="decide", **PATIENT)
def decide(at: FlowSettings, dataset: str, report: Report, cool_down: timedelta, now: datetime) -> tuple[bool, str]:
    """Whether a retraining is due now, and why or why not."""
    return retrain_due(report, Metadata(at.metadata).last_triggered(dataset), now, cool_down)


@task(name="record", task_run_name="record", **PATIENT)
def record(at: FlowSettings, dataset: str, model: Registered, report: Report, due: bool) -> None:
    """Keeps the report of this run, once however often it is tried."""
    signals = [asdict(each) for each in report.signals]
    Metadata(at.metadata).save_drift(UUID(str(runtime.flow_run.id)), dataset, model, report.rows, report.drifted, due, signals)


@flow(name="watch", flow_run_name="watch {dataset}")
def watch(dataset: DatasetName = "exportaciones", hours: float = 24.0, most: int = 5_000, cool_down_hours: float = 6.0) -> State:
    """Compares the last verdicts, of so many hours and `most` of them at most, with the baseline of the version that gave them."""
    at, spec, now = configuration.settings(), datasets.load(dataset), datetime.now(UTC)
    prepare(at)
    model = in_production(at, spec.model)
    if model is None:
        return Completed(message=f"{spec.model} has no version in production: there is nothing to watch")
    report = look(at, spec, model, now - timedelta(hours=hours), most)
    if report is None:
        return Completed(message=f"{model.name} version {model.version} has no baseline: only what a retraining made can be watched")
    due, why = decide(at, dataset, report, timedelta(hours=cool_down_hours), now)
    _publish(dataset, model, report, why)
    if due:  # before it is recorded: asked for twice, one of the two waits; recorded and not asked for, nothing would happen for hours
        resource = {"prefect.resource.id": f"vigia.dataset.{dataset}", "prefect.resource.name": spec.title}
        emit_event(DRIFTED, resource, payload={"model": model.name, "version": model.version, "why": why})
    record(at, dataset, model, report, due)
    return Completed(name="Drifted" if report.drifted else "Completed", message=why)


def _publish(dataset: str, model: Registered, report: Report, why: str) -> None:
    """The report as a page and as a table."""
    get_run_logger().log(logging.WARNING if report.drifted else logging.INFO, why)
    rows = [
        (each.name, each.measure, f"{each.value:.3f}", f"{each.limit:.3f}", "**moved**" if each.drifted else "") for each in report.signals
    ]
    heads = ("what", "measure", "found", "limit", "")
    moved = [f"- {each.sentence}" for each in report.signals if each.drifted]
    lines = [f"# Drift of {dataset}", "", f"{report.rows:,} recent verdicts of {model.name} version {model.version}. {why}", "", *moved, ""]
    create_markdown_artifact("\n".join([*lines, *table(heads, rows), ""]), key("drift", dataset), why)
    create_table_artifact([asdict(each) for each in report.signals], key("drift", "signals", dataset), why)
