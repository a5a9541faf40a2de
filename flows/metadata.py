"""The metadata database: snapshots, what the gate said, baselines and drift reports. One short transaction a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from adapters.postgres import Database
from adapters.registry import Registered
from core.errors import ConfigurationError
from core.gate import Verdict


@dataclass(frozen=True)
class Snapshot:
    """The rows that a model learns from and is judged on, frozen. `artifacts` is the MLflow address of their two tables."""

    id: UUID
    dataset: str
    first_day: date | None
    last_day: date | None
    rows: int
    judged: int
    digest: str
    checks: list[dict[str, Any]]
    fit: bool
    artifacts: str

    @property
    def faults(self) -> list[str]:
        """Why it is not fit to learn from, in sentences."""
        return [each["sentence"] for each in self.checks if not each["passed"]]


COLUMNS = "id, dataset, first_day, last_day, rows, judged, digest, checks, fit, artifacts"


class Metadata:
    """What flows remember. Every method raises Unavailable while Postgres is down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        with self._database.translated(), self._database.connect("vigia-flows") as connection:
            yield connection

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keeps a snapshot; one with the same content is the same snapshot."""
        values = {**asdict(snapshot), "checks": Jsonb(snapshot.checks)}
        named = ", ".join(f"%({name})s" for name in COLUMNS.split(", "))
        with self._connected() as database:
            database.execute(f"INSERT INTO snapshots ({COLUMNS}) VALUES ({named}) ON CONFLICT DO NOTHING", values)  # noqa: S608

    def snapshot(self, identifier: UUID) -> Snapshot | None:
        """A snapshot by its id."""
        with self._connected() as database, database.cursor(row_factory=class_row(Snapshot)) as cursor:
            return cursor.execute(f"SELECT {COLUMNS} FROM snapshots WHERE id = %s", [identifier]).fetchone()  # noqa: S608

    def wanted_snapshot(self, identifier: UUID, dataset: str) -> Snapshot:
        """A dataset's snapshot by its id; raises ConfigurationError when there is none."""
        found = self.snapshot(identifier)
        if found is None or found.dataset != dataset:
            raise ConfigurationError(
                f"there is no snapshot {identifier} of {dataset}: the table `snapshots` lists them; without one, a new one is taken"
            )
        return found

    def save_gate(
        self, model: Registered, snapshot: Snapshot, champion: Registered | None, verdict: Verdict, measures: dict[str, Any]
    ) -> None:
        """Keeps what the gate said of a version; said again, the last word holds."""
        with self._connected() as database:
            database.execute(
                """
                INSERT INTO gates (model, version, dataset, snapshot, champion, promote, reasons, measures)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (model, version) DO UPDATE SET snapshot = excluded.snapshot, champion = excluded.champion,
                    promote = excluded.promote, reasons = excluded.reasons, measures = excluded.measures, judged_at = now()
                """,
                [
                    *(model.name, model.version, snapshot.dataset, snapshot.id, champion and champion.version, verdict.promote),
                    *(Jsonb(list(verdict.reasons)), Jsonb(measures)),
                ],
            )

    def save_baseline(self, model: Registered, dataset: str, baseline: dict[str, Any]) -> None:
        """Keeps what was usual when a version was made."""
        with self._connected() as database:
            database.execute(
                "INSERT INTO baselines (model, version, dataset, baseline) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (model, version) DO UPDATE SET baseline = excluded.baseline, created_at = now()",
                [model.name, model.version, dataset, Jsonb(baseline)],
            )

    def baseline(self, model: Registered) -> dict[str, Any] | None:
        """What was usual when a version was made, if that was recorded."""
        with self._connected() as database:
            row = database.execute(
                "SELECT baseline FROM baselines WHERE (model, version) = (%s, %s)", [model.name, model.version]
            ).fetchone()
        return row[0] if row else None

    def save_drift(
        self, run: UUID, dataset: str, model: Registered, verdicts: int, drifted: bool, triggered: bool, signals: Sequence[dict[str, Any]]
    ) -> None:
        """Keeps what a run of watching found; the same run again changes nothing."""
        with self._connected() as database:
            database.execute(
                "INSERT INTO drift_reports (id, dataset, model, version, verdicts, drifted, triggered, signals) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [run, dataset, model.name, model.version, verdicts, drifted, triggered, Jsonb(list(signals))],
            )

    def last_triggered(self, dataset: str) -> datetime | None:
        """When watching last asked for a retraining."""
        with self._connected() as database:
            row = database.execute("SELECT max(created_at) FROM drift_reports WHERE dataset = %s AND triggered", [dataset]).fetchone()
        return row[0] if row else None

    def latest(self, table: str, time: str) -> list[dict[str, Any]]:
        """The newest row of each dataset in one of the tables, as the metrics show it."""
        query = f"SELECT DISTINCT ON (dataset) *, extract(epoch FROM {time})::float8 AS at FROM {table} ORDER BY dataset, {time} DESC"  # noqa: S608
        with self._connected() as database, database.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    @contextmanager
    def alone(self, work: str) -> Iterator[None]:
        """Does something that must not be done twice at a time, whoever does it: raises ConfigurationError when it is under way.

        The lock is the connection's: whatever ends this process lets it go.
        """
        with self._connected() as database:
            row = database.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [work]).fetchone()
            if not row or not row[0]:
                raise ConfigurationError(
                    f"{work} is under way already: this run ended without doing anything. Start it again after the other"
                )
            yield
