"""The settings of one worker, all from the environment."""

import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas import datasets

Role = Literal["score", "graph", "archive"]
DatasetNames = Annotated[tuple[str, ...], AfterValidator(datasets.known)]


class WorkerSettings(BaseSettings):
    """What every role needs besides Kafka."""

    model_config = SettingsConfigDict(frozen=True)

    worker_id: str = Field(
        default_factory=socket.gethostname,
        description="stable over restarts and unique among the workers of a role: it fences a dead predecessor's transaction",
    )
    group_prefix: str = Field(default="vigia", description="begins the names of groups and transactions: one per deployment on a broker")
    web_bind: str = "127.0.0.1"
    web_port: int = Field(default=6066, ge=1, le=65535, description="health and metrics; graph and archive take 6067 and 6068 beside it")
    vigia_state_dir: Path = Path(".vigia/state")
    batch_messages: int = Field(default=4_000, ge=1, le=50_000, description="messages in a batch, which is one transaction")
    batch_bytes: int = Field(default=32 * 1024 * 1024, ge=1024, description="bytes after which a batch is closed")
    batch_wait_ms: int = Field(default=50, ge=1, le=5_000, description="how long a batch waits for more messages")


class ScoreSettings(WorkerSettings):
    """What the scoring role needs."""

    datasets: DatasetNames = Field(default_factory=datasets.names)
    alert_budget: float | None = Field(default=None, gt=0, lt=1, description="share of normal declarations that may alert; 0.01 if not set")
    model_poll_seconds: float = Field(default=10.0, gt=0)
    max_rejected_share: float = Field(default=0.95, gt=0, le=1, description="1 never stops the worker")
    rejected_window: int = Field(default=2_000, ge=100)


class ArchiveSettings(WorkerSettings):
    """What the archive needs."""

    raw_database_url: SecretStr = Field(description="postgresql://user:password@host:port/database")
