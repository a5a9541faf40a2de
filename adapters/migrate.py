"""Brings a database to this version's schema: `python -m adapters.migrate [raw|metadata] …`, and whenever a process opens one."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from adapters.postgres import Database
from core.errors import ConfigurationError, Unavailable

SCRIPTS = Path(__file__).with_name("migrations")

LOCK = 7_236_914_501
"""An advisory lock of our own: of several processes that start together, one migrates and the others wait."""


VERSION_TABLES = {"raw": "alembic_version", "metadata": "alembic_version_metadata"}
"""Where each history is written down: in tables of their own, so that a small site may put both into one database."""


class MigrationSettings(BaseSettings):
    """Read from `RAW_DATABASE_URL` and `METADATA_DATABASE_URL`."""

    model_config = SettingsConfigDict(frozen=True)

    raw_database_url: SecretStr | None = None
    metadata_database_url: SecretStr | None = None


def migrate(database: Database, revision: str = "head") -> None:
    """Applies the revisions that are missing, in one transaction; raises Unavailable, or ConfigurationError for a newer schema."""
    config = Config()
    config.set_main_option("path_separator", "newline")  # no folder's name has one
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("version_locations", str(SCRIPTS / database.name).replace("%", "%%"))

    def connection() -> object:
        opened = database.connect("vigia-migrate")
        opened.autocommit = False
        return opened

    engine = create_engine("postgresql+psycopg://", creator=connection, poolclass=NullPool)
    with database.translated(), engine.begin() as transaction:
        transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        config.attributes["connection"] = transaction
        config.attributes["version_table"] = VERSION_TABLES[database.name]
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise ConfigurationError(
                f"the {database.name} database has a schema that this version does not know: install the newer one ({error})"
            ) from error


def main(names: list[str]) -> None:
    """Migrates the named databases, or both; their addresses come from the environment."""
    settings = MigrationSettings()
    urls = {"raw": settings.raw_database_url, "metadata": settings.metadata_database_url}
    if not set(names) <= set(urls):
        raise SystemExit("usage: python -m adapters.migrate [raw|metadata] …")
    for name in names or urls:
        if (url := urls[name]) is None:
            raise SystemExit(f"{name.upper()}_DATABASE_URL is not set: give postgresql://user:password@host:port/database")
        try:
            migrate(Database(name, url))  # type: ignore[arg-type]  # one of the two
        except (ConfigurationError, Unavailable) as error:
            raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
