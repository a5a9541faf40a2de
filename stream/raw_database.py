"""The way to the raw Postgres database, and what its errors mean here."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from core.errors import ConfigurationError, Unavailable

CONNECT_SECONDS = 5
SILENCE_MS = 20_000
"""How long the network may swallow what we send before the connection counts as lost."""

PASSING = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""What a server that is down, restarting, full or failing over raises."""


def connect(url: SecretStr) -> psycopg.Connection:
    """A connection in autocommit mode; raises Unavailable when nothing answers, ConfigurationError for a malformed URL."""
    with translated():
        try:
            return psycopg.connect(
                url.get_secret_value(),
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                keepalives_idle=10,
                tcp_user_timeout=SILENCE_MS,
                application_name="vigia-archive",
            )
        except psycopg.ProgrammingError:
            # The driver's message repeats the URL, password included.
            raise ConfigurationError(
                "RAW_DATABASE_URL is no address of a database: give postgresql://user:password@host:port/database"
            ) from None


@contextmanager
def translated() -> Iterator[None]:
    """Turns what will pass into Unavailable; anything else is a bug and goes on as it is."""
    try:
        yield
    except PASSING as error:
        raise _unavailable(error) from error
    except DBAPIError as error:
        if isinstance(error.orig, PASSING):
            raise _unavailable(error.orig) from error
        raise


def _unavailable(error: BaseException) -> Unavailable:
    reason = " ".join(str(error).split())
    return Unavailable("raw_database_unavailable", f"the raw database (RAW_DATABASE_URL) cannot do its work now: {reason}")
