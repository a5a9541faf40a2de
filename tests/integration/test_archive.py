"""What is found in a real Postgres after the archive has been there."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from uuid import uuid4

import msgspec
import psycopg
import psycopg.conninfo
import psycopg.sql
import pytest
from pydantic import SecretStr

from adapters.migrate import migrate
from adapters.postgres import Database
from core.errors import ConfigurationError
from schemas.events import ScoredRecord
from stream.archive import Archive


@pytest.fixture
def archive(raw_database_url: SecretStr) -> Iterator[Archive]:
    archive = Archive(raw_database_url)
    archive.open()
    yield archive
    archive.close()


@pytest.fixture
def database(raw_database_url: SecretStr) -> Iterator[psycopg.Connection]:
    with psycopg.connect(raw_database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def empty_database(raw_database_url: SecretStr, database: psycopg.Connection) -> Iterator[SecretStr]:
    """The address of a database of its own, without a schema."""
    name = f"vacia_{uuid4().hex[:8]}"
    identifier = psycopg.sql.Identifier(name)
    database.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(identifier))
    known = psycopg.conninfo.conninfo_to_dict(raw_database_url.get_secret_value())
    yield SecretStr(psycopg.conninfo.make_conninfo(**{**known, "dbname": name}))
    database.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def test_the_declaration_is_kept_to_the_letter(archive, database, trade):
    text = '{ "declaration_id" : "x",  "nota": "NUL \\u0000, \\ud800 \\\\ \\t", "doble": 1, "doble": 2, "n": 1.50e2, "ñ": "é🚢" }'
    verdict = msgspec.structs.replace(trade.verdict(), declaration=msgspec.Raw(text.encode()))
    archive.apply([ScoredRecord(trade.topic, 0, 0, verdict)])
    query = "SELECT declaration::text, source FROM declarations WHERE dataset = %s AND declaration_id = %s"
    assert database.execute(query, ["exportaciones", verdict.declaration_id]).fetchall() == [(text, "stream")]


def test_an_alert_is_found_by_dataset_time_score_and_empresa_with_its_declaration(archive, database, trade):
    archive.apply([trade.record(0), trade.record(1, anomaly=True, score=4.5, fecha="2025-05-01", valor_fob_usd=7)])
    query = """
        SELECT score, severity, fecha, scored_at, model_version, (declaration ->> 'valor_fob_usd')::float FROM alerts
        WHERE dataset = 'exportaciones' AND scored_at > '2025-01-01' AND score > 3 AND empresa = %s
    """
    scored_at = datetime(2025, 9, 30, 8, 15, tzinfo=UTC)
    assert database.execute(query, [f"{trade.mark} ABC"]).fetchall() == [(4.5, "high", date(2025, 5, 1), scored_at, "1", 7.0)]


def test_two_model_versions_have_a_verdict_each_on_the_one_declaration(archive, database, trade):
    verdict = trade.verdict()
    newer = msgspec.structs.replace(verdict, event_id=str(uuid4()), model=msgspec.structs.replace(verdict.model, version="2"))
    archive.apply([ScoredRecord(trade.topic, 0, 0, verdict), ScoredRecord(trade.topic, 0, 1, newer)])
    counted = "SELECT count(*) FROM {} WHERE declaration_id = %s"
    assert database.execute(counted.format("declarations"), [verdict.declaration_id]).fetchone() == (1,)
    assert database.execute(counted.format("verdicts"), [verdict.declaration_id]).fetchone() == (2,)


def test_the_same_verdict_published_twice_is_one_row(archive, database, trade):
    verdict = trade.verdict()
    archive.apply([ScoredRecord(trade.topic, 0, 0, verdict), ScoredRecord(trade.topic, 0, 1, verdict)])
    archive.apply([ScoredRecord(trade.topic, 0, 2, verdict)])
    assert database.execute("SELECT count(*) FROM verdicts WHERE event_id = %s", [verdict.event_id]).fetchone() == (1,)


def test_a_nul_that_a_foreign_producer_let_through_does_not_stop_the_archive(archive, database, trade):
    verdict = msgspec.structs.replace(trade.verdict(), empresa=f"{trade.mark}\x00", declaration=msgspec.Raw(json.dumps({}).encode()))
    archive.apply([ScoredRecord(trade.topic, 0, 0, verdict)])
    query = "SELECT empresa FROM verdicts WHERE event_id = %s"
    assert database.execute(query, [verdict.event_id]).fetchone() == (f"{trade.mark}\ufffd",)


def test_archives_that_start_together_migrate_once(empty_database):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: migrate(Database("raw", empty_database)), range(4)))
    with psycopg.connect(empty_database.get_secret_value()) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM alerts").fetchone() == (0,)


def test_both_histories_may_be_in_one_database(empty_database):
    for _ in range(2):
        migrate(Database("raw", empty_database))
        migrate(Database("metadata", empty_database))
    with psycopg.connect(empty_database.get_secret_value()) as connection:
        assert connection.execute("SELECT (SELECT count(*) FROM verdicts), (SELECT count(*) FROM snapshots)").fetchone() == (0, 0)


def test_a_schema_newer_than_this_version_is_refused_with_what_to_do(empty_database):
    migrate(Database("raw", empty_database))
    with psycopg.connect(empty_database.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="install the newer one"):
        migrate(Database("raw", empty_database))


@pytest.mark.parametrize("address", ["postgres//user:secreto@host", "postgresql://user:my@secreto@host/raw"])
def test_a_malformed_address_is_refused_without_showing_its_password(address):
    with pytest.raises(ConfigurationError, match="RAW_DATABASE_URL") as refused:
        Archive(SecretStr(address)).open()
    assert "secreto" not in str(refused.value)
    assert refused.value.__suppress_context__
