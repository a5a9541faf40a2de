"""The model registry (MLflow): which bundle is in production, how it is fetched, registered, promoted and taken back."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.bundle import MANIFEST
from core.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

BUNDLE = "bundle"
"""The bundle's directory under `data` in its MLflow model."""

DIGEST = "vigia.digest"
"""The tag of a version with the SHA-256 of its bundle's manifest, which names every other file with its own."""

PREVIOUS = "vigia.previous"
"""The tag of a version with the one that was in production before it: where a rollback goes."""

PROMOTED = "vigia.promoted"
"""The tag of a version with the moment at which it last went into production."""


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
    """One version of a registered model, with the digest that its bundle must have (empty: unknown), and when it was last put into
    production."""

    name: str
    version: str
    digest: str = field(default="", compare=False)
    promoted: datetime | None = field(default=None, compare=False)


class ModelRegistry(Protocol):
    """What a process that serves models asks of a registry."""

    def in_production(self, name: str) -> Registered | None:
        """The version that should be served, None when there is none; raises Unavailable."""

    def fetch(self, model: Registered, into: Path) -> None:
        """Writes the version's bundle into an empty directory; raises Unavailable."""


class MlflowRegistry:
    """The registry on an MLflow server. Every method raises Unavailable when the server does not answer."""

    def __init__(self, settings: RegistrySettings) -> None:
        # MLflow's own defaults wait minutes for a server that is down; whoever asks us asks again by itself.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        # Logs are for machines.
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        self.settings = settings
        self._connected: MlflowClient | None = None

    @property
    def client(self) -> "MlflowClient":
        """MLflow's own client; call it inside `translated`."""
        if self._connected is None:
            from mlflow import MlflowClient  # two seconds of imports that no other start should pay

            self._connected = MlflowClient(self.settings.mlflow_tracking_uri)
        return self._connected

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turns what MLflow raises into Unavailable."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, OSError) as error:
            raise Unavailable(
                "registry", f"the model registry at {self.settings.mlflow_tracking_uri} cannot be used now: {error}"
            ) from error

    def in_production(self, name: str) -> Registered | None:
        """See ModelRegistry."""
        with self.translated():
            return self._found(lambda: self.client.get_model_version_by_alias(name, self.settings.alias))

    def version(self, name: str, version: str) -> Registered:
        """One version; raises ConfigurationError when there is none of that number."""
        with self.translated():
            found = self._found(lambda: self.client.get_model_version(name, version))
        if found is None:
            raise ConfigurationError(f"{name} has no version {version}: MLflow at {self.settings.mlflow_tracking_uri} lists those it has")
        return found

    def fetch(self, model: Registered, into: Path) -> None:
        """See ModelRegistry."""
        from mlflow.artifacts import download_artifacts

        with self.translated(), tempfile.TemporaryDirectory(dir=into.parent) as scratch:
            uri = self.client.get_model_version_download_uri(model.name, model.version)
            found = Path(download_artifacts(artifact_uri=uri, dst_path=scratch, tracking_uri=self.settings.mlflow_tracking_uri))
            inside = found / "data" / BUNDLE
            shutil.copytree(inside if inside.is_dir() else found, into, dirs_exist_ok=True)

    def register(self, name: str, logged: str, run_id: str, digest: str, tags: Mapping[str, str]) -> Registered:
        """Makes a model that was logged, given by its id, the next version: a candidate, in nobody's use. `digest` is its bundle's."""
        from mlflow.exceptions import MlflowException

        with self.translated():
            try:
                self.client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = self.client.create_model_version(name, f"models:/{logged}", run_id, tags={**tags, DIGEST: digest}, model_id=logged)
        return Registered(name, str(made.version), digest)

    def tag(self, model: Registered, tags: Mapping[str, str]) -> None:
        """Sets tags of a version; the same again changes nothing."""
        with self.translated():
            for key, value in tags.items():
                self.client.set_model_version_tag(model.name, model.version, key, value)

    def promote(self, model: Registered) -> Registered | None:
        """Puts a version into production, and returns the one that was; the alias moves last, in one step, or not at all."""
        before = self.in_production(model.name)
        if before is not None and before != model:
            self.tag(model, {PREVIOUS: before.version})
        self._point(model)
        return before

    def before(self, name: str) -> tuple[Registered, Registered]:
        """The version in production, and the one that was before it; raises ConfigurationError when there is none."""
        now = self.in_production(name)
        if now is None:
            raise ConfigurationError(f"{name} has no version in production, so there is nothing to take back: promote one")
        with self.translated():
            earlier = self.client.get_model_version(name, now.version).tags.get(PREVIOUS)
        if not earlier:
            raise ConfigurationError(f"version {now.version} of {name} was the first in production: promote another by its number")
        return now, self.version(name, earlier)

    def restore(self, target: Registered) -> None:
        """Puts an earlier version back into production; what was before *it* stays known."""
        self._point(target)

    def _point(self, model: Registered) -> None:
        self.tag(model, {PROMOTED: datetime.now(UTC).isoformat(timespec="seconds")})
        with self.translated():
            self.client.set_registered_model_alias(model.name, self.settings.alias, model.version)

    def _found(self, ask: Any) -> Registered | None:
        from mlflow.exceptions import MlflowException

        try:
            found = ask()
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        promoted = datetime.fromisoformat(found.tags[PROMOTED]) if PROMOTED in found.tags else None
        return Registered(found.name, str(found.version), found.tags.get(DIGEST, ""), promoted)


def digest_of(bundle: Path) -> str:
    """The SHA-256 of a bundle's manifest."""
    return hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()
