"""What MLflow keeps of a training: parameters, metrics, curves, pictures, the card, the data, and the bundle as a model."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import mlflow
import pandas
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from adapters.bundle import manifest
from adapters.registry import BUNDLE, MlflowRegistry, Registered, digest_of
from flows.metadata import Snapshot
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration
from training.train import Report

DATASET, SNAPSHOT, GATE, REASONS, FLOW_RUN = "vigia.dataset", "vigia.snapshot", "vigia.gate", "vigia.gate.reasons", "vigia.flow_run"
"""Tags of a version."""

EXPERIMENT_OF_SNAPSHOTS = "snapshots"
EXAMPLES = 3


def keep_tables(registry: MlflowRegistry, spec: DatasetSpec, tables: Path, identifier: str) -> str:
    """Puts a snapshot's tables where artifacts are, and returns their address."""
    with registry.translated():
        known = registry.client.get_experiment_by_name(EXPERIMENT_OF_SNAPSHOTS)
        experiment = known.experiment_id if known else registry.client.create_experiment(EXPERIMENT_OF_SNAPSHOTS)
        run = registry.client.create_run(
            experiment, run_name=f"{spec.name} {identifier[:8]}", tags={DATASET: spec.name, SNAPSHOT: identifier}
        )
        registry.client.log_artifacts(run.info.run_id, str(tables), "tables")
        registry.client.set_terminated(run.info.run_id)
        return f"{run.info.artifact_uri}/tables"


def fetch_tables(registry: MlflowRegistry, address: str, into: Path) -> Path:
    """A snapshot's tables, on this machine."""
    with registry.translated():
        found = mlflow.artifacts.download_artifacts(
            artifact_uri=address, dst_path=str(into), tracking_uri=registry.settings.mlflow_tracking_uri
        )
    return Path(found)


def log_training(
    registry: MlflowRegistry,
    snapshot: Snapshot,
    report: Report,
    bundle: Path,
    card: str,
    examples: Sequence[Declaration],
    parameters: dict[str, Any],
    tags: dict[str, str],
) -> Registered:
    """Logs a training and registers its bundle as the model's next version. `bundle` may have a `pictures` directory."""
    spec = report.scorer.spec
    with registry.translated():
        mlflow.set_tracking_uri(registry.settings.mlflow_tracking_uri)
        mlflow.set_experiment(spec.model)
        with mlflow.start_run(run_name=f"{snapshot.last_day} {str(uuid4())[:4]}", tags=tags) as run:
            mlflow.log_params(
                {**parameters, "snapshot": str(snapshot.id), "rows": report.rows, "data_sha256": manifest(bundle)["data"]["sha256"]}
            )
            mlflow.log_metrics(figures(report))
            for epoch, (training, later) in enumerate(zip(report.curves.training, report.curves.later, strict=True), start=1):
                mlflow.log_metrics({"training_loss": training, "later_loss": later}, step=epoch)
            mlflow.log_input(_dataset(snapshot), context="training")
            mlflow.log_artifacts(str(bundle / "pictures"), "pictures")
            mlflow.log_text(card, "card.md")
            logged = _log_model(spec, bundle, examples)
    return registry.register(spec.model, logged, run.info.run_id, digest_of(bundle), tags)


def figures(report: Report) -> dict[str, float]:
    """A training's figures, as MLflow's metrics."""
    return {
        "held_out_loss": report.held_out_loss,
        "held_out_error": report.held_out_error,
        "epochs": report.epochs,
        "parity": report.parity,
        "seconds": report.seconds,
        "threshold": report.threshold,
        "threshold_error": report.threshold_error,
        "rejected": sum(report.rejected.values()),
    }


def signature(spec: DatasetSpec) -> ModelSignature:
    """The columns that a model takes and gives."""
    given: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double if each.numeric else DataType.string, each.name, required=each.required) for each in spec.fields
    ]
    found = {"declaration_id": DataType.string, "error": DataType.double, "score": DataType.double, "anomaly": DataType.boolean}
    return ModelSignature(Schema(given), Schema([ColSpec(kind, name) for name, kind in found.items()]))


def _log_model(spec: DatasetSpec, bundle: Path, examples: Sequence[Declaration]) -> str:
    """Logs the bundle as an MLflow model and returns its id. The pictures are the run's, not the model's."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(bundle, Path(scratch) / BUNDLE, ignore=shutil.ignore_patterns("pictures"))
        names = [field.name for field in spec.fields]
        table = pandas.DataFrame([[getattr(each, name) for name in names] for each in examples], columns=names)
        logged = mlflow.pyfunc.log_model(
            name=BUNDLE,
            loader_module="adapters.pyfunc",
            data_path=str(Path(scratch) / BUNDLE),
            signature=signature(spec),
            input_example=table,
            pip_requirements=["vigia[model]"],
        )
    return str(logged.model_id)


def _dataset(snapshot: Snapshot) -> Any:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source = CodeDatasetSource({SNAPSHOT: str(snapshot.id), "artifacts": snapshot.artifacts})
    return MetaDataset(  # type: ignore[abstract]  # MLflow's own class for a dataset that is not in memory
        source, name=f"{snapshot.dataset} {snapshot.first_day} to {snapshot.last_day}", digest=snapshot.digest[:32]
    )
