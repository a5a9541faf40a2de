"""Retraining: a snapshot is frozen, a model learns from it, the gate judges it beside the one in production, the better serves.

What takes seconds to import (torch, MLflow, scikit-learn) is imported by the task that needs it: a run says within moments what it is at.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from adapters import bundle
from adapters.registry import MlflowRegistry, Registered
from core.errors import BundleError, TrainingError
from core.gate import Policy, Verdict, decide, refused
from core.scoring import Scorer
from flows import recent, snapshots
from flows import settings as configuration
from flows.metadata import Metadata, Snapshot
from flows.promotion import changing, move, verify
from flows.settings import FlowSettings
from flows.tasks import ONCE, PATIENT, DatasetName, key, prepare
from schemas import datasets
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration
from training import card

if TYPE_CHECKING:
    from training.judge import Judged
    from training.learn import Recipe
    from training.train import Report

PAST, RECENT, SUMMARY = 50_000, 2_000, 300
"""How many declarations are the past that alterations depart from, how many real ones a challenger shadows, and how many are
explained for the summary picture; at most."""


class Gated(NamedTuple):
    """What the gate said of a candidate: which version it was judged beside, the verdict, and the figures if there are any."""

    champion: Registered | None
    verdict: Verdict
    judged: Judged | None


@task(name="take a snapshot", task_run_name="take a snapshot", **PATIENT)
def take_snapshot(at: FlowSettings, spec: DatasetSpec, window: snapshots.Window, into: Path) -> Snapshot:
    """Freezes the declarations of a window, and records what was looked at."""
    from flows import tracking

    metadata = Metadata(at.metadata)
    snapshot = snapshots.take(at.raw, spec, window, into)
    known = metadata.snapshot(snapshot.id)
    if known is None:
        known = replace(snapshot, artifacts=tracking.keep_tables(at.registry(), spec, into, str(snapshot.id)))
        metadata.save_snapshot(known)
    checks = [{"check": each["name"], "passed": each["passed"], "found": each["sentence"]} for each in known.checks]
    told = f"snapshot {known.id}: {known.rows:,} declarations from {known.first_day} to {known.last_day}"
    create_table_artifact(checks, key("snapshot", spec.name), told)
    get_run_logger().info(told)
    return known


@task(name="fetch a snapshot", task_run_name="fetch a snapshot", **PATIENT)
def fetch_snapshot(at: FlowSettings, spec: DatasetSpec, identifier: UUID, into: Path) -> Snapshot:
    """Brings the tables of an earlier snapshot back, so that its run is repeated on the very same rows."""
    from flows import tracking

    snapshot = Metadata(at.metadata).wanted_snapshot(identifier, spec.name)
    into.mkdir(parents=True, exist_ok=True)
    for table in tracking.fetch_tables(at.registry(), snapshot.artifacts, into.parent / "fetched").iterdir():
        table.rename(into / table.name)
    return snapshot


@task(name="learn", task_run_name="learn", **ONCE)
def learn(spec: DatasetSpec, snapshot: Snapshot, tables: Path, out: Path, recipe: Recipe) -> Report:
    """Trains on the snapshot's earlier rows; raises TrainingError when they are not fit to learn from, or make no model."""
    from training.train import train

    if not snapshot.fit:
        raise TrainingError(f"the snapshot {snapshot.id} of {spec.name} is not fit to learn from: {'; '.join(snapshot.faults)}")
    log = get_run_logger()

    def progress(stage: str, done: int, of: int) -> None:
        if stage != "read":
            log.info("%s %s", stage, f"{done} of {of}" if of else "")

    return train(spec, tables / snapshots.LEARN, out, seed=recipe.seed, progress=progress, recipe=recipe)


@task(name="draw", task_run_name="draw", **ONCE)
def draw(report: Report, out: Path, rows: list[Declaration]) -> None:
    """The summary picture of the Shapley values, beside the pictures of the training."""
    from training import pictures

    pictures.summary(out / "pictures" / "shap_summary.png", report.scorer, rows[-SUMMARY:])


@task(name="register a candidate", task_run_name="register a candidate", **PATIENT)
def register(at: FlowSettings, snapshot: Snapshot, report: Report, out: Path, parameters: dict[str, object]) -> Registered:
    """Logs the training and makes its bundle the next version."""
    from flows import tracking

    tags = {tracking.DATASET: snapshot.dataset, tracking.SNAPSHOT: str(snapshot.id), tracking.FLOW_RUN: str(runtime.flow_run.id or "")}
    model = tracking.log_training(at.registry(), snapshot, report, out, parameters, tags)
    get_run_logger().info("%s version %s is a candidate", model.name, model.version)
    return model


@task(name="gate", task_run_name="gate", **PATIENT)
def gate(at: FlowSettings, spec: DatasetSpec, snapshot: Snapshot, tables: Path, candidate: Registered) -> Gated:
    """Judges a candidate, as the registry gives it out, beside the version in production; the verdict is kept as tags."""
    from flows import tracking

    registry, cache = at.registry(), at.cache()
    champion = registry.in_production(spec.model)
    judged: Judged | None = None
    try:
        challenger = verify.fn(registry, cache, candidate, spec.name, at.alert_budget)
        serving, silent = _champion(at, registry, champion, spec.name)
        judged = _judged(at, spec, tables, challenger, serving)
        verdict = decide(judged.challenger, judged.champion, judged.against, Policy(budget=at.alert_budget))
        verdict = replace(verdict, reasons=(*silent, *verdict.reasons))
    except BundleError as error:
        verdict = refused(f"workers would refuse it: {error}")
    measures = {name: _finite(each) for name, each in asdict(judged).items() if each and name != "against"} if judged else {}
    Metadata(at.metadata).save_gate(candidate, snapshot, champion, verdict, measures)
    registry.tag(candidate, {tracking.GATE: "passed" if verdict.promote else "failed", tracking.REASONS: "\n".join(verdict.reasons)})
    told = f"version {candidate.version} {'goes into production' if verdict.promote else 'stays a candidate'}: {verdict.reasons[0]}"
    create_markdown_artifact(_report(candidate, champion, verdict, judged), key("gate", spec.name), told)
    return Gated(champion, verdict, judged)


@task(name="describe", task_run_name="describe", **PATIENT)
def describe(at: FlowSettings, spec: DatasetSpec, model: Registered, facts: list[tuple[str, str]], judged: Judged | None) -> None:
    """The model card and the gate's figures, where MLflow shows them."""
    from flows import tracking

    tracking.log_card(at.registry(), model, card.card(spec, facts, judged.challenger if judged else None), judged)


@task(name="keep the baseline", task_run_name="keep the baseline", **PATIENT)
def keep_baseline(at: FlowSettings, model: Registered, dataset: str, rows: list[Declaration]) -> None:
    """Keeps what was usual when a version was made, for watching to compare with: without one, none goes into production."""
    from core.drift import Baseline

    scorer = verify.fn(at.registry(), at.cache(), model, dataset, at.alert_budget)
    Metadata(at.metadata).save_baseline(model, dataset, Baseline.of(scorer, rows).to_dict())


@flow(name="retrain", flow_run_name="retrain {dataset}: {reason}")
def retrain(
    dataset: DatasetName = "exportaciones",
    reason: str = "by hand",
    snapshot: UUID | None = None,
    days: int = 365,
    most_rows: int = 200_000,
    epochs: int | None = None,
    seed: int = 0,
    until: date | None = None,
) -> State:
    """Trains, judges and, if it is better, promotes. With the id of a `snapshot` an earlier run is repeated on its very rows."""
    from training.learn import Recipe

    at, spec = configuration.settings(), datasets.load(dataset)
    prepare(at)
    recipe = Recipe(seed=seed) if epochs is None else Recipe(seed=seed, epochs=epochs)
    with (
        Metadata(at.metadata).alone(f"a retraining of {dataset}"),
        tempfile.TemporaryDirectory(prefix="vigia-retrain-") as scratch,
    ):
        tables, out = Path(scratch) / "tables", Path(scratch) / "bundle"
        # Declared dates are local ones: in a country east of Greenwich today may have begun already.
        window = snapshots.Window(until or datetime.now(UTC).date() + timedelta(days=1), days, most_rows)
        frozen = fetch_snapshot(at, spec, snapshot, tables) if snapshot else take_snapshot(at, spec, window, tables)
        report = learn(spec, frozen, tables, out, recipe)
        rows = snapshots.read(spec, tables / snapshots.JUDGE)
        draw(report, out, rows)
        candidate = register(at, frozen, report, out, {**asdict(recipe), "reason": reason, "judged": frozen.judged})
        champion, verdict, judged = gate(at, spec, frozen, tables, candidate)
        describe(at, spec, candidate, _facts(frozen, report, recipe, reason), judged)
        if judged:
            keep_baseline(at, candidate, dataset, rows)
        told = f"{candidate.name} version {candidate.version}: {'; '.join(verdict.reasons)}"
        if not verdict.promote:
            get_run_logger().warning("stays a candidate: %s", told)
            return Completed(name="Candidate", message=told)
        with changing(at, dataset):
            move(at.registry(), candidate, champion)
        return Completed(name="Promoted", message=told)


def _facts(snapshot: Snapshot, report: Report, recipe: Recipe, reason: str) -> list[tuple[str, str]]:
    """What the card says of where a model comes from."""
    return [
        ("snapshot", str(snapshot.id)),
        ("declarations", f"{report.rows:,} to learn from, {snapshot.judged:,} later ones to be judged on"),
        ("period", f"{snapshot.first_day} to {snapshot.last_day}"),
        ("SHA-256 of the rows", snapshot.digest),
        ("seed, epochs", f"{recipe.seed}, {report.epochs}"),
        ("why it was trained", reason),
    ]


def _champion(at: FlowSettings, registry: MlflowRegistry, model: Registered | None, dataset: str) -> tuple[Scorer | None, tuple[str, ...]]:
    """The model in production; if it cannot be loaded, which is said among the reasons, the floors alone decide."""
    try:
        return (verify.fn(registry, at.cache(), model, dataset, at.alert_budget) if model else None), ()
    except BundleError as error:
        return None, (f"the version in production cannot be judged, so the floors alone decide: {error}",)


def _finite(measures: dict[str, float]) -> dict[str, float | None]:
    """As JSON in PostgreSQL can hold them."""
    return {name: value if isfinite(value) else None for name, value in measures.items()}


def _judged(at: FlowSettings, spec: DatasetSpec, tables: Path, challenger: Scorer, champion: Scorer | None) -> Judged:
    from training.judge import judge

    past, clean = snapshots.read(spec, tables / snapshots.LEARN, PAST), snapshots.read(spec, tables / snapshots.JUDGE)
    parity = {each.model.version: _parity(at, each) for each in (challenger, champion) if each}
    learned = snapshots.ids(spec, tables / snapshots.LEARN)
    real = [each for each in recent.arrived(at.raw, spec, RECENT) if each.declaration_id not in learned]
    return judge(challenger, champion, parity, past, clean, real)


def _parity(at: FlowSettings, scorer: Scorer) -> float:
    """What a model's bundle says of itself; not a number where an older release made it, which only a challenger may not be."""
    about = bundle.manifest(at.cache().path(Registered(*scorer.model)))
    return float(about["metrics"].get("parity", "nan"))


def _report(candidate: Registered, champion: Registered | None, verdict: Verdict, judged: Judged | None) -> str:
    decision = "**goes into production**" if verdict.promote else "**stays a candidate**"
    lines = [f"# {candidate.name} version {candidate.version} {decision}", "", *(f"- {reason}" for reason in verdict.reasons)]
    if judged:
        heads, models = ["", f"version {candidate.version}"], [judged.challenger]
        if champion and judged.champion:
            heads, models = [*heads, f"version {champion.version}, in production"], [*models, judged.champion]
        rows = [[title, *(form.format(getattr(each, name)) for each in models)] for name, (title, form) in _TITLES.items()]
        lines += ["", *card.table(heads, rows)]
    return "\n".join(lines) + "\n"


_TITLES = {
    "rows": ("untouched later declarations", "{:,}"),
    "roc_auc": ("ROC-AUC, one in twenty altered", "{:.3f}"),
    "average_precision": ("average precision", "{:.3f}"),
    "alert_rate": ("untouched ones that raise an alert", "{:.2%}"),
    "recent": ("last real declarations", "{:,}"),
    "recent_alert_rate": ("of these, that raise an alert", "{:.2%}"),
    "latency_ms": ("a batch of a thousand, ms", "{:.0f}"),
    "parity": ("exported against trained network", "{:.1e}"),
}
"""The rows of the gate's table: a measure, its title and its form."""
