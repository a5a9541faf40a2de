"""Brings the raw database to this version's schema: `python -m stream.migrate`, and whenever the archive opens."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from core.errors import ConfigurationError
from stream.raw_database import connect, translated

SCRIPTS = Path(__file__).with_name("migrations")

LOCK = 7_236_914_501
"""An advisory lock of our own: of several archives that start together, one migrates and the others wait."""


class MigrationSettings(BaseSettings):
    """Read from `RAW_DATABASE_URL`."""

    model_config = SettingsConfigDict(frozen=True)

    raw_database_url: SecretStr


def migrate(url: SecretStr, revision: str = "head") -> None:
    """Applies the revisions that are missing, in one transaction; raises Unavailable, or ConfigurationError for a newer schema."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))

    def connection() -> object:
        opened = connect(url)
        opened.autocommit = False
        return opened

    engine = create_engine("postgresql+psycopg://", creator=connection, poolclass=NullPool)
    with translated(), engine.begin() as transaction:
        transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        config.attributes["connection"] = transaction
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise ConfigurationError(
                f"the raw database has a schema that this version does not know: install the newer one ({error})"
            ) from error


if __name__ == "__main__":
    migrate(MigrationSettings().raw_database_url)  # type: ignore[call-arg]  # from the environment
