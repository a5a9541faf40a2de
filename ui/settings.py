"""The settings of the screen, all from the environment."""

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class UiSettings(BaseSettings):
    """Where the API is, and where links lead. Addresses of links are those that the analysts' browsers can reach."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True)

    host: str = Field(default="127.0.0.1", validation_alias="UI_HOST")
    port: int = Field(default=8501, ge=1, le=65535, validation_alias="UI_PORT")
    timezone: str = Field(default="America/Bogota", validation_alias="UI_TIMEZONE", description="in which times are shown")
    api_url: str = "http://127.0.0.1:8000"
    api_key: SecretStr | None = Field(default=None, validation_alias="UI_API_KEY", description="where the API has keys")
    api_timeout_seconds: float = Field(default=30.0, gt=0, validation_alias="UI_API_TIMEOUT_SECONDS")
    neo4j_browser_url: str = "http://127.0.0.1:7474"
    prefect_ui_url: str = "http://127.0.0.1:4200"
    mlflow_ui_url: str = "http://127.0.0.1:5000"

    @field_validator("api_url", "neo4j_browser_url", "prefect_ui_url", "mlflow_ui_url")
    @classmethod
    def _reachable(cls, address: str) -> str:
        try:
            parts = urlsplit(address)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            sound = False
        if not sound or any(sign.isspace() for sign in address):
            raise ValueError(f"{address!r} is no address: give one such as http://127.0.0.1:8000")
        return address

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone {name!r}: give one such as America/Bogota") from None
        return name
