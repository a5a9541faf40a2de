"""Freezes declarations into a training snapshot: two tables, the rows to learn from and the latest ones to be judged on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid5

import msgspec
import pyarrow
import pyarrow.parquet
from psycopg import IsolationLevel

from adapters.postgres import Database
from core.errors import TrainingError
from core.quality import Limits, Profile, check
from flows.metadata import Snapshot
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration, Parser
from schemas.events import NAMESPACE

LEARN, JUDGE = "learn.parquet", "judge.parquet"
"""The two tables of a snapshot, in the order of time."""

PIECE = 20_000

DAY = "coalesce(fecha, received_at::date)"
# A sample, if there are more than wanted: which declarations it takes depends on their ids alone.
CHOSEN = f"""
SELECT declaration, {DAY} AS day, received_at, declaration_id FROM declarations
WHERE dataset = %s AND {DAY} > %s AND {DAY} <= %s ORDER BY md5(declaration_id), declaration_id LIMIT %s
"""  # noqa: S608  # made of constants
COUNT = f"SELECT count(*), min(day), max(day) FROM ({CHOSEN}) AS chosen"  # noqa: S608
ROWS = f"SELECT declaration::text FROM ({CHOSEN}) AS chosen ORDER BY day, received_at, declaration_id"  # noqa: S608


@dataclass(frozen=True)
class Window:
    """Which declarations a snapshot takes: those of the `days` up to `until`, `most_rows` of them at most; the last `judged`
    share, in the order of time, is what models are judged on."""

    until: date
    days: int = 365
    most_rows: int = 200_000
    judged: float = 0.1
    limits: Limits | None = None


def take(raw: Database, spec: DatasetSpec, window: Window, into: Path) -> Snapshot:
    """Writes the tables of a snapshot into a directory and describes it; `artifacts` is for the caller to fill.

    Raises TrainingError when there are no declarations in the window, Unavailable while Postgres is down.
    """
    first = window.until - timedelta(days=window.days)
    wanted = (spec.name, first, window.until, window.most_rows)
    with raw.translated(), raw.connect("vigia-snapshot") as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ  # the count and the rows are of one moment
        with connection.transaction():
            count, first_day, last_day = connection.execute(COUNT, wanted).fetchone() or (0, None, None)
            if not count:
                raise TrainingError(
                    f"there are no declarations of {spec.name} from {first} to {window.until}: ingest some, or give the snapshot more days"
                )
            with connection.cursor("snapshot") as cursor:
                cursor.itersize = PIECE
                learn = count - round(count * window.judged)
                texts = (row[0].encode() for row in cursor.execute(ROWS, wanted))
                return _freeze(spec, texts, learn, (first_day, last_day), window.limits, into)


def read(spec: DatasetSpec, file: Path, last: int | None = None) -> list[Declaration]:
    """The declarations of one of a snapshot's tables, or only the last ones."""
    parser, table = Parser(spec), pyarrow.parquet.read_table(file)
    rows = table.slice(max(0, table.num_rows - last) if last else 0).to_pylist()
    return [each for each in map(parser.from_row, rows) if isinstance(each, Declaration)]


def ids(spec: DatasetSpec, file: Path) -> set[str]:
    """The ids of the declarations in one of a snapshot's tables."""
    name = next(field.name for field in spec.fields if field.kind == "key")
    return set(pyarrow.parquet.read_table(file, columns=[name])[name].to_pylist())


def _freeze(
    spec: DatasetSpec, texts: Iterable[bytes], learn: int, days: tuple[date | None, date | None], limits: Limits | None, into: Path
) -> Snapshot:
    digest, parser = hashlib.sha256(), Parser(spec)
    profiles = Profile(spec), Profile(spec)
    into.mkdir(parents=True, exist_ok=True)
    schema = pyarrow.schema([(field.name, pyarrow.float64() if field.numeric else pyarrow.string()) for field in spec.fields])
    with (
        pyarrow.parquet.ParquetWriter(into / LEARN, schema) as earlier,
        pyarrow.parquet.ParquetWriter(into / JUDGE, schema) as later,
    ):
        for writer, profile, rows in zip((earlier, later), profiles, _divided(_parsed(parser, texts), learn), strict=True):
            for piece in _pieces(rows):
                profile.add(piece)
                for each in piece:
                    digest.update(msgspec.json.encode(each) + b"\n")
                writer.write_table(pyarrow.Table.from_pylist([msgspec.structs.asdict(each) for each in piece], schema=schema))
    checks = check(*profiles, limits)
    judged = profiles[1].rows
    return Snapshot(
        id=uuid5(NAMESPACE, f"snapshot {spec.name} {judged} {digest.hexdigest()}"),
        dataset=spec.name,
        first_day=days[0],
        last_day=days[1],
        rows=profiles[0].rows + judged,
        judged=judged,
        digest=digest.hexdigest(),
        checks=[asdict(each) for each in checks],
        fit=all(each.passed for each in checks),
        artifacts="",
    )


def _parsed(parser: Parser, texts: Iterable[bytes]) -> Iterator[Declaration]:
    """What is a declaration to this version; older ones may have let through what it does not."""
    return (each for each in map(parser.parse, texts) if isinstance(each, Declaration))


def _divided(rows: Iterator[Declaration], learn: int) -> Iterator[Iterator[Declaration]]:
    yield islice(rows, learn)
    yield rows


def _pieces(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while piece := list(islice(rows, PIECE)):
        yield piece
