"""The way to the two PostgreSQL databases, and what their errors mean here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import psycopg
import psycopg.conninfo
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from core.errors import ConfigurationError, Unavailable

CONNECT_SECONDS = 5
SILENCE_MS = 20_000
"""How long the network may swallow what we send before the connection counts as lost."""

PASSING = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""What a server that is down, restarting, full or failing over raises."""


@dataclass(frozen=True)
class Database:
    """One database. `raw` holds what arrived and the verdicts on it, `metadata` what training, gate and watch recorded."""

    name: Literal["raw", "metadata"]
    url: SecretStr

    @property
    def setting(self) -> str:
        """The setting that holds its address."""
        return f"{self.name.upper()}_DATABASE_URL"

    def connect(self, application: str = "vigia") -> psycopg.Connection:
        """A connection in autocommit mode; raises Unavailable when nothing answers, ConfigurationError for a malformed URL."""
        with self.translated():
            try:
                self._check()
                return psycopg.connect(
                    self.url.get_secret_value(),
                    autocommit=True,
                    connect_timeout=CONNECT_SECONDS,
                    keepalives_idle=10,
                    tcp_user_timeout=SILENCE_MS,
                    application_name=application,
                )
            except psycopg.ProgrammingError:
                # The driver's message repeats the URL, password included.
                raise ConfigurationError(
                    f"{self.setting} is no address of a database: give postgresql://user:password@host:port/database, "
                    "with %40 for an @ in the password"
                ) from None

    def _check(self) -> None:
        """Raises psycopg.ProgrammingError for an address whose password would be taken for a part of the host, and quoted as one."""
        known = psycopg.conninfo.conninfo_to_dict(self.url.get_secret_value())
        if "@" in str(known.get("host", "")):
            raise psycopg.ProgrammingError("an @ in the password, which must be written as %40")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turns what will pass into Unavailable; anything else is a bug and goes on as it is."""
        try:
            yield
        except PASSING as error:
            raise self._unavailable(error) from error
        except DBAPIError as error:
            if isinstance(error.orig, PASSING):
                raise self._unavailable(error.orig) from error
            raise

    def _unavailable(self, error: BaseException) -> Unavailable:
        reason = " ".join(str(error).split())
        return Unavailable(
            f"{self.name}_database_unavailable", f"the {self.name} database ({self.setting}) cannot do its work now: {reason}"
        )


def storable(text: str) -> str:
    """The text as PostgreSQL can hold it: a NUL, which the parser lets no declaration have, must not stop who stores the rest."""
    return text.replace("\x00", "\ufffd")
