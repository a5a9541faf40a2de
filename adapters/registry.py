"""The model registry (MLflow): which bundle is in production, how it is fetched, and how one is registered.

`python -m adapters.registry register --bundle DIR` registers a bundle from the command line.
"""

import argparse
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import Unavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

BUNDLE = "bundle"
"""The artifact path of the bundle in its MLflow run."""

CURRENT = "current"
"""The file in the cache that names the last good version."""


class RegistrySettings(BaseSettings):
    """Where the registry is and which stage of its models is served."""

    model_config = SettingsConfigDict(frozen=True)

    mlflow_tracking_uri: str = "http://127.0.0.1:5000"
    model_stage: str = Field(default="Production", description="resolved as the registry alias of the same name, in lower case")

    @property
    def alias(self) -> str:
        """The registry alias that stands for the stage."""
        return self.model_stage.lower()


@dataclass(frozen=True)
class Registered:
    """One version of a registered model."""

    name: str
    version: str


class ModelRegistry(Protocol):
    """What a process that serves models asks of a registry."""

    def in_production(self, name: str) -> Registered | None:
        """The version that should be served, None when there is none; raises Unavailable."""

    def fetch(self, model: Registered, into: Path) -> None:
        """Writes the version's bundle into an empty directory; raises Unavailable."""


class MlflowRegistry:
    """The registry on an MLflow server."""

    def __init__(self, settings: RegistrySettings) -> None:
        # MLflow's own defaults wait minutes for a server that is down; a worker has a cached model and asks again soon.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        self.settings = settings
        self._connected: MlflowClient | None = None

    @property
    def _client(self) -> "MlflowClient":
        if self._connected is None:
            from mlflow import MlflowClient  # two seconds of imports that no other start should pay

            self._connected = MlflowClient(self.settings.mlflow_tracking_uri)
        return self._connected

    def in_production(self, name: str) -> Registered | None:
        """See ModelRegistry."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_model_version_by_alias(name, self.settings.alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise self._unavailable(error) from error
        except OSError as error:
            raise self._unavailable(error) from error
        return Registered(name, str(found.version))

    def fetch(self, model: Registered, into: Path) -> None:
        """See ModelRegistry."""
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        try:
            uri = self._client.get_model_version_download_uri(model.name, model.version)
            with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
                found = Path(download_artifacts(artifact_uri=uri, dst_path=scratch, tracking_uri=self.settings.mlflow_tracking_uri))
                shutil.copytree(found, into, dirs_exist_ok=True)
        except (MlflowException, OSError) as error:
            raise self._unavailable(error) from error

    def register(self, name: str, bundle: Path, metrics: dict[str, float], tags: dict[str, str], alias: str | None) -> Registered:
        """Logs a bundle to an MLflow run and registers it as the model's next version, under `alias` if one is given."""
        from mlflow.exceptions import MlflowException

        try:
            return self._register(name, bundle, metrics, tags, alias)
        except (MlflowException, OSError) as error:
            raise self._unavailable(error) from error

    def _register(self, name: str, bundle: Path, metrics: dict[str, float], tags: dict[str, str], alias: str | None) -> Registered:
        from mlflow.exceptions import MlflowException

        client = self._client
        known = client.get_experiment_by_name(name)
        run = client.create_run(known.experiment_id if known else client.create_experiment(name), tags=tags)
        for metric, value in metrics.items():
            client.log_metric(run.info.run_id, metric, value)
        client.log_artifacts(run.info.run_id, str(bundle), BUNDLE)
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = client.create_model_version(name, f"{run.info.artifact_uri}/{BUNDLE}", run.info.run_id, tags=tags)
        client.set_terminated(run.info.run_id)
        if alias:
            client.set_registered_model_alias(name, alias, version.version)
        return Registered(name, str(version.version))

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable("registry", f"the model registry at {self.settings.mlflow_tracking_uri} did not answer: {error}")


class BundleCache:
    """Bundles that were fetched, on this machine's disk, so that the last good one serves while the registry is down."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def last_good(self, name: str) -> Registered | None:
        """The version that served last, if there was one."""
        pointer = self.directory / name / CURRENT
        version = pointer.read_text("utf-8").strip() if pointer.exists() else ""
        return Registered(name, version) if version and self.path(Registered(name, version)).is_dir() else None

    def path(self, model: Registered) -> Path:
        """Where a version's bundle is, or would be."""
        return self.directory / model.name / model.version

    def fetch(self, registry: ModelRegistry, model: Registered) -> Path:
        """The version's bundle, from the disk or else from the registry; raises Unavailable."""
        target = self.path(model)
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            arriving = Path(tempfile.mkdtemp(prefix=".arriving-", dir=target.parent))
            try:
                registry.fetch(model, arriving)
                if not target.is_dir():  # another worker on this disk may have been first
                    arriving.rename(target)
            finally:
                shutil.rmtree(arriving, ignore_errors=True)
        return target

    def keep(self, model: Registered) -> None:
        """Remembers this version as the last good one."""
        pointer = self.directory / model.name / CURRENT
        fresh = pointer.with_name(f".{CURRENT}-{os.getpid()}")
        fresh.write_text(model.version, "utf-8")
        fresh.replace(pointer)

    def discard(self, model: Registered) -> None:
        """Removes a version that turned out to be bad, so that it is fetched anew when it is asked for again."""
        shutil.rmtree(self.path(model), ignore_errors=True)


def main() -> None:
    """Registers a bundle: the command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m adapters.registry", description="Register a model bundle in MLflow.")
    register = parser.add_subparsers(required=True).add_parser("register", help="register a bundle as the model's next version")
    register.add_argument("--bundle", type=Path, required=True)
    register.add_argument("--alias", help="also give the version this alias, such as production")
    arguments = parser.parse_args()
    manifest = json.loads((arguments.bundle / "manifest.json").read_text("utf-8"))
    metrics = {key: float(value) for key, value in manifest.get("metrics", {}).items() if isinstance(value, (int, float))}
    registry = MlflowRegistry(RegistrySettings())
    try:
        model = registry.register(
            manifest["dataset"]["model"],
            arguments.bundle,
            metrics,
            {"vigia.dataset": manifest["dataset"]["name"]},
            alias=arguments.alias,
        )
    except Unavailable as error:
        raise SystemExit(str(error)) from None
    print(f"{model.name} version {model.version} registered" + (f" as {arguments.alias}" if arguments.alias else ""))


if __name__ == "__main__":
    main()
