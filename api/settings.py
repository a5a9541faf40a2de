"""The settings of the inference API, all from the environment."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas import datasets

Role = Literal["read", "analyst", "admin"]
DatasetNames = Annotated[tuple[str, ...], AfterValidator(datasets.known)]

ROLES: tuple[Role, ...] = ("read", "analyst", "admin")
"""From the least to the most allowed: whoever may do the later may do the earlier."""


class ApiKey(BaseModel):
    """A key: who has it, what they may do, and the secret itself or its SHA-256 as `sha256:…` in hexadecimal digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    role: Role
    key: SecretStr = Field(min_length=16)


class ApiSettings(BaseSettings):
    """What the API serves, to whom, and within which limits. Its own values are `API_…`; the servers' are everybody's."""

    model_config = SettingsConfigDict(env_prefix="API_", frozen=True, populate_by_name=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, description="0 takes a free one")
    keys: tuple[ApiKey, ...] = Field(default=(), description='JSON: [{"name": …, "role": "read|analyst|admin", "key": …}]; none: open')
    rate_limit: str = Field(default="200/second", description="per key, as soon as there are keys; empty: none")
    cors_origins: tuple[str, ...] = Field(default=(), description="JSON: the pages that browsers may call the API from; none by default")
    max_body_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="the largest request; a single declaration has at most 1 MiB"
    )
    timeout_seconds: float = Field(default=30.0, gt=0, description="from a request's first byte to its answer")
    datasets: DatasetNames = Field(default_factory=datasets.names)
    model_poll_seconds: float = Field(default=10.0, gt=0, validation_alias="MODEL_POLL_SECONDS")
    alert_budget: float | None = Field(default=None, gt=0, lt=1, validation_alias="ALERT_BUDGET", description="0.01 if not set")
    vigia_state_dir: Path = Field(default=Path(".vigia/state"), validation_alias="VIGIA_STATE_DIR")
    raw_database_url: SecretStr = Field(validation_alias="RAW_DATABASE_URL", description="postgresql://user:password@host:port/database")
    metadata_database_url: SecretStr = Field(
        validation_alias="METADATA_DATABASE_URL", description="postgresql://user:password@host:port/database"
    )
    prefect_api_url: str = Field(default="http://127.0.0.1:4200/api", validation_alias="PREFECT_API_URL")
    parts: dict[str, str] = Field(
        default_factory=dict, description="JSON: other processes by name, with the address that says they are ready"
    )

    @field_validator("keys")
    @classmethod
    def _distinct(cls, keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        for what in ("name", "key"):
            found = [getattr(key, what) for key in keys]
            if len(set(found)) < len(found):
                raise ValueError(f"two keys have the same {what}")
        return keys

    @field_validator("rate_limit")
    @classmethod
    def _readable(cls, text: str) -> str:
        if text:
            from limits import parse

            parse(text)
        return text
