"""What MLflow keeps of a training: parameters, metrics, curves, pictures, the card, the data, and the bundle as a model."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import mlflow
import pandas
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from adapters.bundle import manifest
from adapters.registry import BUNDLE, DIGEST, MlflowRegistry, Registered, digest_of
from flows.metadata import Snapshot
from schemas.datasets import DatasetSpec
from training.judge import Judged
from training.train import Report

DATASET, SNAPSHOT, GATE, REASONS, FLOW_RUN = "vigia.dataset", "vigia.snapshot", "vigia.gate", "vigia.gate.reasons", "vigia.flow_run"
"""Tags of a version."""

EXPERIMENT_OF_SNAPSHOTS = "snapshots"
EXAMPLES = 3
"""How many of a bundle's golden declarations are its input example."""


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
    parameters: dict[str, Any],
    tags: dict[str, str],
) -> Registered:
    """Logs a training and registers its bundle as the model's next version, unless the same flow run has done so already.
    `bundle` may have a `pictures` directory."""
    spec = report.scorer.spec
    with registry.translated():
        for known in registry.client.search_model_versions(f"name='{spec.model}'"):
            if (known.tags.get(FLOW_RUN), known.tags.get(DIGEST)) == (tags[FLOW_RUN], digest_of(bundle)):
                return Registered(spec.model, str(known.version), digest_of(bundle))
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
            logged = _log_model(spec, bundle)
    return registry.register(spec.model, logged, run.info.run_id, digest_of(bundle), tags)


def log_card(registry: MlflowRegistry, model: Registered, card: str, judged: Judged | None) -> None:
    """Adds the card to a version and to its run, and what the gate measured to the run's metrics."""
    with registry.translated():
        run = registry.client.get_model_version(model.name, model.version).run_id or ""
        registry.client.log_text(run, card, "card.md")
        registry.client.update_model_version(model.name, model.version, description=card)
        for name, value in asdict(judged.challenger).items() if judged else ():
            registry.client.log_metric(run, f"gate_{name}", value)


def register_bundle(registry: MlflowRegistry, bundle: Path, tags: dict[str, str] | None = None) -> Registered:
    """Makes a bundle from elsewhere, such as `vigia train` writes, the next version of its model: a candidate."""
    about = manifest(bundle)
    spec = DatasetSpec.from_dict(about["dataset"])
    with registry.translated():
        mlflow.set_tracking_uri(registry.settings.mlflow_tracking_uri)
        mlflow.set_experiment(spec.model)
        with mlflow.start_run(run_name=f"bundle {digest_of(bundle)[:8]}", tags=tags) as run:
            mlflow.log_metrics({name: float(value) for name, value in about["metrics"].items()})
            logged = _log_model(spec, bundle)
    return registry.register(spec.model, logged, run.info.run_id, digest_of(bundle), {DATASET: spec.name, **(tags or {})})


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


def _log_model(spec: DatasetSpec, bundle: Path) -> str:
    """Logs the bundle as an MLflow model and returns its id. The pictures are the run's, not the model's."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(bundle, Path(scratch) / BUNDLE, ignore=shutil.ignore_patterns("pictures"))
        names = [field.name for field in spec.fields]
        golden = json.loads((bundle / "golden.json").read_bytes())[:EXAMPLES]
        table = pandas.DataFrame([[each["declaration"].get(name) for name in names] for each in golden], columns=names)
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
