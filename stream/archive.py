"""Archives declarations and verdicts in the raw Postgres database, in one transaction with the offsets they came from."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import psycopg
import stamina
from pydantic import SecretStr

from adapters.kafka import TopicSettings
from adapters.migrate import migrate
from adapters.postgres import Database, storable
from schemas import datasets
from schemas.declaration import Declaration, Parser
from schemas.events import ScoredRecord, ScoredV1

Partition = tuple[str, int]

DEADLOCK_ATTEMPTS = 6

DECLARED = "dataset, declaration_id, empresa, subpartida, puerto"
FOUND = "scored_at, error, score, threshold, anomaly, severity, model_name, model_version, source_topic, source_partition, source_offset"

STAGING = """
CREATE TEMPORARY TABLE incoming ON COMMIT DELETE ROWS AS
SELECT v.*, d.fecha, d.source, d.declaration FROM verdicts v JOIN declarations d USING (dataset, declaration_id) WHERE false
"""
COPY = f"COPY incoming (event_id, {DECLARED}, {FOUND}, fecha, source, declaration) FROM STDIN"
# Sorted, so that archives that write at the same time wait for each other instead of deadlocking.
KEEP_DECLARATIONS = f"""
INSERT INTO declarations ({DECLARED}, fecha, source, declaration)
SELECT DISTINCT ON (dataset, declaration_id) {DECLARED}, fecha, source, declaration FROM incoming
ORDER BY dataset, declaration_id, source_offset
ON CONFLICT DO NOTHING
"""  # noqa: S608  # made of constants
KEEP_VERDICTS = f"""
INSERT INTO verdicts (event_id, {DECLARED}, {FOUND})
SELECT DISTINCT ON (event_id) event_id, {DECLARED}, {FOUND} FROM incoming ORDER BY event_id, source_offset
ON CONFLICT DO NOTHING
"""  # noqa: S608  # made of constants
NEW_POSITIONS = "INSERT INTO stream_positions (topic, partition, next_offset) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING"
LOCK_POSITION = "SELECT next_offset FROM stream_positions WHERE topic = %s AND partition = %s FOR UPDATE"
SAVE_POSITION = "UPDATE stream_positions SET next_offset = %s, updated_at = now() WHERE topic = %s AND partition = %s"


class Archive:
    """Keeps the promise of a sink: `apply` is one transaction with its offsets, and applying again changes nothing.

    Of a declaration or a verdict that arrives twice the first one stays. Blocking, for one thread. Every method raises
    Unavailable while Postgres is down: back off and repeat the same call; the connection is made again by itself.
    """

    def __init__(self, url: SecretStr) -> None:
        self._database = Database("raw", url)
        self._connection: psycopg.Connection | None = None

    def open(self) -> None:
        """Connects and migrates the schema."""
        migrate(self._database)
        with self._database.translated():
            self._connected()

    def reads(self, topics: TopicSettings) -> Mapping[str, type[ScoredV1]]:
        """Verdicts, with the declarations in them."""
        return {topics.scored: ScoredV1}

    def positions(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The next offset to apply of each partition that the archive has records of; the others are left out."""
        wanted = set(partitions)
        with self._database.translated():
            rows = self._connected().execute("SELECT topic, partition, next_offset FROM stream_positions").fetchall()
        return {(topic, number): offset for topic, number, offset in rows if (topic, number) in wanted}

    def apply(self, records: Sequence[ScoredRecord]) -> None:
        """Adds the declarations and verdicts that are not there yet."""
        if records:
            with self._database.translated():
                self._transaction(records)

    def close(self) -> None:
        """Lets the connection go; the archive can be opened again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # Only deadlocks are repeated here: an outage is the caller's to wait for.
    @stamina.retry(on=psycopg.errors.DeadlockDetected, attempts=DEADLOCK_ATTEMPTS, timeout=30, wait_initial=0.02, wait_max=0.5)
    def _transaction(self, verdicts: Sequence[ScoredRecord]) -> None:
        partitions = sorted({(record.topic, record.partition) for record in verdicts})
        connection = self._connected()
        with connection.transaction(), connection.cursor() as cursor:
            stored: dict[Partition, int] = {}
            for partition in partitions:  # in order: whoever comes second waits here, and finds the records archived
                cursor.execute(NEW_POSITIONS, partition)
                row = cursor.execute(LOCK_POSITION, partition).fetchone()
                stored[partition] = row[0] if row else 0
            news = [record for record in verdicts if record.offset >= stored[record.topic, record.partition]]
            if not news:
                return
            with cursor.copy(COPY) as copy:
                for record in news:
                    copy.write_row(_row(record.verdict))
            cursor.execute(KEEP_DECLARATIONS)
            cursor.execute(KEEP_VERDICTS)
            for partition in partitions:
                last = [record.offset for record in news if (record.topic, record.partition) == partition]
                if last:
                    cursor.execute(SAVE_POSITION, (max(last) + 1, *partition))

    def _connected(self) -> psycopg.Connection:
        """The connection, made anew if the last one was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect("vigia-archive")
            self._connection.execute(STAGING)
        return self._connection


def _row(verdict: ScoredV1) -> tuple[Any, ...]:
    """The columns that COPY expects."""
    model, source = verdict.model, verdict.source
    received = bytes(verdict.declaration)
    return (
        verdict.event_id,
        *map(storable, (verdict.dataset, verdict.declaration_id, verdict.empresa, verdict.subpartida, verdict.puerto)),
        *(verdict.scored_at, verdict.error, verdict.score, verdict.threshold, verdict.anomaly, verdict.severity),
        *(model.name, model.version, source.topic, source.partition, source.offset),
        _day(verdict.dataset, received),
        "stream",
        received.decode("utf-8"),
    )


def _day(dataset: str, received: bytes) -> str | None:
    """The declared date as YYYY-MM-DD; None where it is missing or this version cannot parse the declaration."""
    parsed = _parser(dataset).parse(received)
    return getattr(parsed, "fecha", None) if isinstance(parsed, Declaration) else None


@cache
def _parser(dataset: str) -> Parser:
    return Parser(datasets.load(dataset))
