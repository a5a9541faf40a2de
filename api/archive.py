"""What the raw database knows of declarations, verdicts, alerts and what analysts said of them. Reads, and keeps feedback."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from adapters.catalogue import deferred
from adapters.migrate import migrate
from adapters.postgres import CONNECT_SECONDS, Database, storable
from api.problems import Problem
from core.errors import Unavailable
from schemas.events import FeedbackV1

Record = dict[str, Any]
Sort = Literal["time", "score"]

STATEMENT_MS = 15_000
"""How long one question may take."""

_ALERT = """
SELECT v.event_id, v.declaration_id, v.dataset, v.scored_at, v.empresa, v.subpartida, v.puerto, d.fecha, v.error, v.score, v.threshold,
       v.severity, v.model_name, v.model_version, coalesce(r.verdict, 'open') AS status, v.source_topic, v.source_partition,
       v.source_offset, d.declaration::text AS declaration
FROM verdicts v JOIN declarations d USING (dataset, declaration_id) LEFT JOIN LATERAL
     (SELECT verdict FROM feedback f WHERE f.event_id = v.event_id ORDER BY given_at DESC, feedback_id DESC LIMIT 1) r ON true
WHERE v.anomaly
"""
_COUNTED = """
count(*) AS declarations, count(*) FILTER (WHERE anomaly) AS alerts FROM verdicts
WHERE scored_at >= %(since)s AND scored_at < %(until)s AND dataset = ANY(%(datasets)s)
"""
_TOPS = (
    ("puertos", "puerto", "declarations DESC"),
    ("capitulos", "left(subpartida, 2)", "declarations DESC"),
    ("empresas", "empresa", "alerts DESC, declarations DESC"),
)
_REVIEWED = """
SELECT count(*) FILTER (WHERE verdict = 'confirmed') AS confirmed, count(*) FILTER (WHERE verdict = 'dismissed') AS dismissed
FROM reviews JOIN verdicts v USING (event_id) WHERE given_at >= %(since)s AND v.dataset = ANY(%(datasets)s)
"""
_FEEDBACK = "feedback_id, event_id, declaration_id, dataset, verdict, note, who, given_at"


@dataclass(frozen=True)
class Filters:
    """Which alerts are wanted; None and empty mean any."""

    dataset: str | None = None
    empresa: str | None = None
    subpartida: str | None = None
    puerto: str | None = None
    severity: Sequence[str] = ()
    min_score: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    status: str | None = None


class Pool:
    """Connections to one database that requests share; it is brought to this version's schema when it is first needed."""

    def __init__(self, database: Database, most: int = 8) -> None:
        self._database = database
        self._migrated = False
        self._opening = Lock()
        self._pool: ConnectionPool[psycopg.Connection[Record]] = ConnectionPool(
            database.url.get_secret_value(),
            min_size=0,
            max_size=most,
            timeout=5.0,
            max_idle=300.0,
            open=False,
            check=ConnectionPool.check_connection,
            kwargs={
                "autocommit": True,
                "connect_timeout": 5,
                "application_name": "vigia-api",
                "options": f"-c statement_timeout={STATEMENT_MS}",
                "row_factory": dict_row,
            },
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Record]]:
        """One of them; raises Unavailable when the database does not answer."""
        if not self._migrated:
            self._open()
        with self._database.translated(), self._pool.connection() as connection:
            yield connection

    def _open(self) -> None:
        """Brings the schema up to date, once; raises Unavailable, also when somebody else is long at it."""
        if not self._opening.acquire(timeout=CONNECT_SECONDS):
            raise Unavailable(f"{self._database.name}_database_unavailable", f"the {self._database.name} database is still being opened")
        try:
            if not self._migrated:
                migrate(self._database)
                self._pool.open()
                self._migrated = True
        finally:
            self._opening.release()

    def rows(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Record]:
        """The answer to a question."""
        with self.connection() as connection:
            return connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        """Lets the connections go."""
        self._pool.close()


class Archive:
    """Every method blocks, and raises Unavailable while the database is down."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def alerts(self, filters: Filters, sort: Sort, limit: int, cursor: str | None) -> tuple[list[Record], str | None]:
        """A page of alerts, and the cursor of the next one; raises Problem for a cursor that is none."""
        order = "v.scored_at" if sort == "time" else "v.score"
        conditions, values = _conditions(filters)
        if cursor:
            conditions.append(f"({order}, v.event_id) < (%(after)s, %(after_id)s)")
            values["after"], values["after_id"] = _opened(cursor, sort)
        where = "".join(f" AND {condition}" for condition in conditions)
        query = f"{_ALERT}{where} ORDER BY {order} DESC, v.event_id DESC LIMIT %(limit)s"
        found = self._pool.rows(query, {**values, "limit": limit + 1})
        page = found[:limit]
        return page, _cursor(sort, page[-1]) if len(found) > limit else None

    def alert(self, event_id: UUID) -> Record:
        """One alert; raises Problem 404."""
        found = self._pool.rows(f"{_ALERT} AND v.event_id = %s", [event_id])
        if not found:
            raise Problem(404, "unknown_alert", "there is no alert %(event_id)s: /alerts lists those there are", event_id=event_id)
        return found[0]

    def feedback_of(self, event_id: UUID) -> list[Record]:
        """What was said of an alert, the last first."""
        return self._pool.rows(
            f"SELECT {_FEEDBACK} FROM feedback WHERE event_id = %s ORDER BY given_at DESC, feedback_id DESC",  # noqa: S608
            [event_id],
        )

    def feedback(self, dataset: str | None) -> Iterator[Record]:
        """Everything that was said, the first first, a piece at a time."""
        after: tuple[Any, Any] = (datetime.min, UUID(int=0))
        while True:
            found = self._pool.rows(
                f"SELECT {_FEEDBACK} FROM feedback WHERE (%(dataset)s::text IS NULL OR dataset = %(dataset)s) "  # noqa: S608
                "AND (given_at, feedback_id) > (%(at)s, %(id)s) ORDER BY given_at, feedback_id LIMIT 1000",
                {"dataset": dataset, "at": after[0], "id": after[1]},
            )
            if not found:
                return
            yield from found
            after = (found[-1]["given_at"], found[-1]["feedback_id"])

    def keep(self, feedback: FeedbackV1) -> None:
        """Stores what was said; the same again changes nothing."""
        values = {name: getattr(feedback, name) for name in _FEEDBACK.split(", ")}
        named = ", ".join(f"%({name})s" for name in values)
        with self._pool.connection() as connection:
            connection.execute(
                f"INSERT INTO feedback ({_FEEDBACK}) VALUES ({named}) ON CONFLICT DO NOTHING",  # noqa: S608
                {**values, "note": storable(feedback.note), "who": storable(feedback.who)},
            )

    def history(self, empresa: str, dataset: str | None) -> Record:
        """What a company declared: totals, by month, and the latest."""
        values = {"empresa": empresa, "dataset": dataset}
        where = "v.empresa = %(empresa)s AND (%(dataset)s::text IS NULL OR v.dataset = %(dataset)s)"
        joined = f"FROM verdicts v JOIN declarations d USING (dataset, declaration_id) WHERE {where}"
        (totals,) = self._pool.rows(
            "SELECT count(DISTINCT v.declaration_id) AS declarations, count(*) FILTER (WHERE v.anomaly) AS alerts, "  # noqa: S608
            f"min(v.scored_at) AS first, max(v.scored_at) AS last FROM verdicts v WHERE {where}",
            values,
        )
        months = self._pool.rows(
            "SELECT to_char(coalesce(d.fecha, v.scored_at::date), 'YYYY-MM') AS month, count(*) AS declarations, "
            "count(*) FILTER (WHERE v.anomaly) AS alerts, sum((d.declaration->>'valor_fob_usd')::float8) AS valor_fob_usd "
            f"{joined} GROUP BY 1 ORDER BY 1 DESC LIMIT 36",
            values,
        )
        recent = self._pool.rows(
            "SELECT v.event_id, v.declaration_id, v.dataset, v.scored_at, d.fecha, v.subpartida, v.puerto, v.score, v.anomaly, "
            f"d.declaration::text AS declaration {joined} ORDER BY v.scored_at DESC LIMIT 50",
            values,
        )
        return {**totals, "empresa": empresa, "dataset": dataset, "months": months[::-1], "recent": recent}

    def summary(self, datasets: Sequence[str], since: datetime, until: datetime, bucket_seconds: int) -> Record:
        """Counts of a period, over time and by port, chapter and company."""
        values = {"datasets": list(datasets), "since": since, "until": until, "bucket": f"{bucket_seconds} seconds"}
        with self._pool.connection() as connection, connection.transaction():
            traffic = connection.execute(
                f"SELECT date_bin(%(bucket)s::interval, scored_at, %(since)s) AS at, {_COUNTED} GROUP BY 1 ORDER BY 1", values
            ).fetchall()
            tops = {
                name: connection.execute(f"SELECT {key} AS name, {_COUNTED} GROUP BY 1 ORDER BY {order}, name LIMIT 10", values).fetchall()
                for name, key, order in _TOPS
            }
            reviewed = connection.execute(_REVIEWED, values).fetchone()
        return {"traffic": traffic, **tops, **(reviewed or {})}

    def reviewed(self, dataset: str) -> dict[str, Record]:
        """By model version, how many of its alerts analysts confirmed and dismissed."""
        rows = self._pool.rows(
            "SELECT v.model_version, count(*) FILTER (WHERE r.verdict = 'confirmed') AS confirmed, "
            "count(*) FILTER (WHERE r.verdict = 'dismissed') AS dismissed FROM reviews r JOIN verdicts v USING (event_id) "
            "WHERE v.dataset = %s GROUP BY 1",
            [dataset],
        )
        return {row.pop("model_version"): row for row in rows}

    def sample(self, dataset: str, alerts: bool, limit: int) -> list[Record]:
        """The latest declarations, or the latest with alerts."""
        condition = "AND v.anomaly" if alerts else ""
        return self._pool.rows(
            "SELECT v.event_id, v.declaration_id, d.declaration::text AS declaration FROM verdicts v "  # noqa: S608
            f"JOIN declarations d USING (dataset, declaration_id) WHERE v.dataset = %s {condition} ORDER BY v.scored_at DESC LIMIT %s",
            [dataset, limit],
        )


def _conditions(filters: Filters) -> tuple[list[str], dict[str, Any]]:
    """The filters as SQL, and the values in it."""
    asked = {
        "v.dataset = %(dataset)s": filters.dataset,
        "v.empresa = %(empresa)s": filters.empresa,
        "starts_with(v.subpartida, %(subpartida)s)": filters.subpartida,
        "v.puerto = %(puerto)s": filters.puerto,
        "v.severity = ANY(%(severity)s)": list(filters.severity) or None,
        "v.score >= %(min_score)s": filters.min_score,
        "v.scored_at >= %(since)s": filters.since,
        "v.scored_at < %(until)s": filters.until,
        "coalesce(r.verdict, 'open') = %(status)s": filters.status,
    }
    used = {condition: value for condition, value in asked.items() if value is not None}
    return list(used), {condition.partition("%(")[2].partition(")")[0]: value for condition, value in used.items()}


def _cursor(sort: Sort, last: Record) -> str:
    value = last["scored_at"].isoformat() if sort == "time" else last["score"]
    return base64.urlsafe_b64encode(json.dumps([sort, value, str(last["event_id"])]).encode()).decode()


def _opened(cursor: str, sort: Sort) -> tuple[Any, UUID]:
    try:
        of, value, identifier = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if of != sort:
            raise ValueError("it is a cursor of the other order")
        return (datetime.fromisoformat(value) if sort == "time" else float(value)), UUID(identifier)
    except (ValueError, TypeError, AttributeError) as error:
        told = deferred("there is no page at this cursor in this order: begin again without it")
        raise Problem(404, "bad_cursor", told) from error
