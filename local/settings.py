"""The embedded stack's settings: where its data is, and on which ports its parts listen."""

import os
from pathlib import Path
from urllib.parse import quote

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PORTS = {
    "kafka_port": "Kafka",
    "kafka_controller_port": "Kafka's controller",
    "neo4j_bolt_port": "Neo4j (Bolt)",
    "neo4j_http_port": "Neo4j Browser",
    "postgres_raw_port": "PostgreSQL raw",
    "postgres_metadata_port": "PostgreSQL metadata",
    "mlflow_port": "MLflow",
    "prefect_port": "Prefect",
    "source_port": "the source API",
    "api_port": "the API",
    "ui_port": "the screen",
    "score_web_port": "the scoring worker's health",
    "graph_web_port": "the graph writer's health",
    "archive_web_port": "the archive's health",
    "flows_metrics_port": "the flows' metrics",
    "kafka_metrics_port": "Kafka's metrics",
    "prometheus_port": "Prometheus",
    "alertmanager_port": "Alertmanager",
}
"""The settings that are ports, and what listens there."""


class PrefectSettings(BaseSettings):
    """Where Prefect's server is."""

    model_config = SettingsConfigDict(frozen=True)

    prefect_api_url: str = "http://127.0.0.1:4200/api"


class StackSettings(BaseSettings):
    """Everything about one stack. Each value is an environment variable of the same name, in upper case."""

    model_config = SettingsConfigDict(frozen=True)

    vigia_data_dir: Path = Path(".vigia")
    vigia_port_offset: int = Field(default=0, ge=0, le=50_000, description="added to every port, so that two stacks run side by side")
    simulate: bool = True
    simulate_rate: float = Field(default=20.0, gt=0)
    monitor: bool = Field(default=False, description="with Prometheus and Alertmanager, which the system must have")

    kafka_port: int = 9092
    kafka_controller_port: int = 9093
    neo4j_bolt_port: int = 7687
    neo4j_http_port: int = 7474
    postgres_raw_port: int = 5432
    postgres_metadata_port: int = 5433
    mlflow_port: int = 5000
    prefect_port: int = 4200
    source_port: int = 8010
    api_port: int = 8000
    ui_port: int = 8501
    score_web_port: int = 6066
    graph_web_port: int = 6067
    archive_web_port: int = 6068
    flows_metrics_port: int = 6069
    kafka_metrics_port: int = 7071
    prometheus_port: int = 9090
    alertmanager_port: int = 9094

    neo4j_password: SecretStr = Field(default=SecretStr("vigia-local"), min_length=8)
    postgres_user: str = "vigia"
    postgres_password: SecretStr = SecretStr("vigia-local")
    kafka_heap_mb: int = Field(default=512, ge=128)
    neo4j_heap_mb: int = Field(default=512, ge=256)
    first_model_rows: int = Field(default=12_000, ge=1_000, description="past declarations of each dataset that the source has")
    first_model_epochs: int = Field(
        default=10, ge=1, description="passes over them, so that the first start is short; later models get more"
    )
    ingest_cron: str = Field(default="*/15 * * * *", description="when the source is read")
    watch_cron: str = Field(default="*/10 * * * *", description="when recent verdicts are compared with what was usual")
    artifacts_destination: str | None = Field(
        default=None, description="where MLflow keeps artifacts, such as s3://bucket; a folder if not set"
    )

    @property
    def data(self) -> Path:
        """The data directory, absolute."""
        return self.vigia_data_dir.expanduser().resolve()

    def port(self, name: str) -> int:
        """A port's number, offset included; `name` is one of PORTS."""
        return int(getattr(self, name)) + self.vigia_port_offset

    def database_url(self, database: str, port_name: str, scheme: str = "postgresql") -> str:
        """The address of a database, with its password."""
        login = f"{quote(self.postgres_user, safe='')}:{quote(self.postgres_password.get_secret_value(), safe='')}"
        return f"{scheme}://{login}@127.0.0.1:{self.port(port_name)}/{database}"

    def environment(self) -> dict[str, str]:
        """The environment in which another process reads the same settings."""
        values = {name: value for name, value in self if name in self.model_fields_set and value is not None}
        plain = {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()}
        return {**os.environ, **{name.upper(): str(value) for name, value in plain.items()}, "VIGIA_DATA_DIR": str(self.data)}
