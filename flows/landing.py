"""Lands pages in the raw database: declarations, rejected rows and the cursor behind them in one transaction, with COPY."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from adapters.postgres import Database, storable
from core.errors import ConfigurationError
from flows.source import Page

SOURCE = "api"
"""What `declarations.source` says of rows that came this way."""

FEW = 100
MOST_REJECTED = 0.95
"""A page of at least so many rows of which more than this share is rejected is not what we think it is."""

DECLARED = "dataset, declaration_id, empresa, subpartida, puerto, fecha, source, declaration"
REJECTED = "source, dataset, page, line, code, field, message, content"
STAGING = f"""
CREATE TEMPORARY TABLE arriving ON COMMIT DELETE ROWS AS SELECT {DECLARED} FROM declarations WHERE false;
CREATE TEMPORARY TABLE refused ON COMMIT DELETE ROWS AS SELECT {REJECTED} FROM rejected_rows WHERE false
"""  # noqa: S608  # made of constants
COPY_REJECTED = f"COPY refused ({REJECTED}) FROM STDIN"
KEEP_REJECTED = f"INSERT INTO rejected_rows ({REJECTED}) SELECT {REJECTED} FROM refused ON CONFLICT DO NOTHING"  # noqa: S608
RESTART = "UPDATE source_positions SET cursor = '' WHERE source = %s AND dataset = %s"
COPY_DECLARATIONS = f"COPY arriving ({DECLARED}) FROM STDIN"
# Sorted, so that whoever lands or archives at the same time waits instead of deadlocking.
KEEP = f"""
INSERT INTO declarations ({DECLARED})
SELECT DISTINCT ON (dataset, declaration_id) {DECLARED} FROM arriving ORDER BY dataset, declaration_id
ON CONFLICT DO NOTHING
"""  # noqa: S608  # made of constants
NEW_POSITION = "INSERT INTO source_positions (source, dataset, cursor) VALUES (%s, %s, '') ON CONFLICT DO NOTHING"
LOCK_POSITION = "SELECT cursor FROM source_positions WHERE source = %s AND dataset = %s FOR UPDATE"
SAVE_POSITION = """
UPDATE source_positions SET cursor = %s, rows = rows + %s, rejected = rejected + %s, updated_at = now() WHERE source = %s AND dataset = %s
"""


@dataclass(frozen=True)
class Landed:
    """What became of a page's rows: landed for the first time, known by their id already, and rejected."""

    new: int = 0
    known: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.new + self.known + self.rejected

    def __add__(self, other: Landed) -> Landed:
        """Both together."""
        return Landed(self.new + other.new, self.known + other.known, self.rejected + other.rejected)


class Landing:
    """One dataset's way from the source into the database. Every method raises Unavailable while Postgres is down; then
    nothing of the page was landed, and the same call may be made again."""

    def __init__(self, database: Database, dataset: str) -> None:
        self._database = database
        self._key = (SOURCE, dataset)
        self._connection: psycopg.Connection | None = None

    def cursor(self) -> str:
        """Where to read on; empty at the very start."""
        with self._database.translated():
            row = self._connected().execute(LOCK_POSITION.removesuffix(" FOR UPDATE"), self._key).fetchone()
        return row[0] if row else ""

    def restart(self) -> None:
        """Reads from the very start again; what is known by its id stays as it is."""
        with self._database.translated():
            self._connected().execute(RESTART, self._key)

    def land(self, page: Page) -> Landed | None:
        """Lands a page, or returns None when somebody else has landed it meanwhile.

        Raises ConfigurationError, and lands nothing, when nearly all of its rows are rejected.
        """
        if len(page) >= FEW and len(page.rejected) > MOST_REJECTED * len(page):
            why = page.rejected[-1].why
            raise ConfigurationError(
                f"{len(page.rejected):,} of the {len(page):,} rows of the page at {page.cursor!r} are no declarations (the last: "
                f"{why.message}), so the source is not what it was. Nothing of it was landed: mend the source, then run the ingest again"
            )
        with self._database.translated(), self._connected().transaction(), self._connected().cursor() as database:
            database.execute(NEW_POSITION, self._key)
            row = database.execute(LOCK_POSITION, self._key).fetchone()
            if row is None or row[0] != page.cursor:
                return None
            with database.copy(COPY_DECLARATIONS) as copy:
                for declaration in page.declarations:
                    copy.write_row(self._declared(declaration))
            new = database.execute(KEEP).rowcount
            if page.rejected:
                with database.copy(COPY_REJECTED) as copy:
                    for each in page.rejected:
                        copy.write_row(
                            (*self._key, page.cursor, each.line, each.why.code, each.why.field, each.why.message, storable(each.content))
                        )
                database.execute(KEEP_REJECTED)
            database.execute(SAVE_POSITION, (page.following, len(page), len(page.rejected), *self._key))
        return Landed(new, len(page.declarations) - new, len(page.rejected))

    def close(self) -> None:
        """Lets the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _declared(self, each: Any) -> tuple[Any, ...]:
        _, dataset = self._key
        fecha = getattr(each, "fecha", None)
        return (dataset, each.declaration_id, each.empresa, each.subpartida, each.puerto, fecha, SOURCE, msgspec.json.encode(each).decode())

    def _connected(self) -> psycopg.Connection:
        """The connection, made anew if the last one was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect("vigia-ingest")
            self._connection.execute(STAGING)
        return self._connection


@dataclass(frozen=True)
class Position:
    """How far a source was read: rows in all, how many of them were rejected, and when the last page landed (seconds since 1970)."""

    source: str
    dataset: str
    rows: int
    rejected: int
    at: float


def positions(database: Database) -> list[Position]:
    """How far each source was read; raises Unavailable while Postgres is down."""
    query = "SELECT source, dataset, rows, rejected, extract(epoch FROM updated_at)::float8 AS at FROM source_positions"
    with database.translated(), database.connect("vigia-flows") as connection, connection.cursor(row_factory=class_row(Position)) as cursor:
        return cursor.execute(query).fetchall()
