"""The settings of the flows, all from the environment: what the worker has, each flow run inherits."""

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.cache import BundleCache
from adapters.migrate import migrate
from adapters.postgres import Database
from adapters.registry import MlflowRegistry, RegistrySettings
from core.errors import ConfigurationError


class FlowSettings(BaseSettings):
    """Where the flows find what they work with. MLflow's address and the stage are in `RegistrySettings`."""

    model_config = SettingsConfigDict(frozen=True)

    source_api_url: str = Field(default="http://127.0.0.1:8010", description="the API that serves declarations as pages of CSV")
    source_timeout_seconds: float = Field(default=20.0, gt=0)
    page_rows: int = Field(default=2_000, ge=1, le=10_000)
    raw_database_url: SecretStr = Field(description="postgresql://user:password@host:port/database")
    metadata_database_url: SecretStr = Field(description="postgresql://user:password@host:port/database")
    vigia_state_dir: Path = Path(".vigia/state")
    alert_budget: float = Field(default=0.01, gt=0, lt=1, description="share of normal declarations that may alert")
    metrics_bind: str = "127.0.0.1"
    metrics_port: int = Field(default=6069, ge=1, le=65535, description="the worker's metrics")

    @property
    def raw(self) -> Database:
        """The database of what arrived."""
        return Database("raw", self.raw_database_url)

    @property
    def metadata(self) -> Database:
        """The database of what training, gate and watch recorded."""
        return Database("metadata", self.metadata_database_url)

    def registry(self) -> MlflowRegistry:
        """A client of the model registry."""
        return MlflowRegistry(RegistrySettings())

    def cache(self) -> BundleCache:
        """Bundles that the flows fetched. Not the directory of a worker, whose last good one is the worker's own affair."""
        return BundleCache(self.vigia_state_dir / "flows" / "models")


def settings() -> FlowSettings:
    """The settings of this process; raises ConfigurationError that names what is missing."""
    try:
        return FlowSettings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        told = "; ".join(f"{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError(f"the settings of the flows are not right: {told}") from None


@cache
def migrated(database: Database) -> Database:
    """The same database, at this version's schema; looked at once a process. Raises Unavailable."""
    migrate(database)
    return database
