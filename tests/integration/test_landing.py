"""Pages of the source in a real PostgreSQL: every row once, wherever it breaks off."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import psycopg.conninfo
import pytest
from pydantic import SecretStr

from adapters.migrate import migrate
from adapters.postgres import Database
from core.errors import ConfigurationError, Unavailable
from flows.landing import Landed, Landing, positions
from flows.source import Page, RejectedRow, read
from schemas.declaration import Rejected
from tests.declarations import PARSER, SPEC, parsed, rows
from tests.proxy import Proxy
from tests.stack import unique


@pytest.fixture
def raw(raw_database_url: SecretStr) -> Iterator[Database]:
    """A raw database of one's own."""
    name = unique("raw").replace("-", "_")
    with psycopg.connect(raw_database_url.get_secret_value(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        known = psycopg.conninfo.conninfo_to_dict(raw_database_url.get_secret_value())
        database = Database("raw", SecretStr(psycopg.conninfo.make_conninfo(**{**known, "dbname": name})))
        migrate(database)
        yield database
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def page(number: int, count: int = 50, rejected: int = 0) -> Page:
    """The page of a source at a number, with as many rejected rows."""
    why = Rejected("missing_field", "puerto", "puerto is missing: every declaration must have it")
    bad = tuple(RejectedRow(count + line, f"{line},ABC\x00,110100,", why) for line in range(rejected))
    cursor = str(number) if number else ""
    return Page(cursor, str(number + 1), tuple(parsed(rows(count, seed=number))), bad)


def count(database: Database, table: str) -> int:
    with database.connect() as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_a_page_lands_with_its_rejected_rows_and_the_cursor_behind_it(raw: Database) -> None:
    landing = Landing(raw, SPEC.name)
    assert landing.cursor() == ""
    assert landing.land(page(0, rejected=3)) == Landed(new=50, known=0, rejected=3)
    assert landing.cursor() == "1"
    with raw.connect() as connection:
        found = connection.execute("SELECT page, line, code, field, content FROM rejected_rows ORDER BY line").fetchall()
        stored = connection.execute(
            "SELECT declaration::text, source, fecha::text FROM declarations WHERE declaration_id = 'D0-0'"
        ).fetchone()
    assert found[0] == ("", 50, "missing_field", "puerto", "0,ABC�,110100,")
    assert stored is not None
    assert PARSER.parse(stored[0].encode()) == page(0).declarations[0]
    assert stored[1:] == ("api", "2025-01-01")
    (position,) = positions(raw)
    assert (position.rows, position.rejected) == (53, 3)


def test_a_declaration_that_is_there_already_stays_as_it_is(raw: Database) -> None:
    landing = Landing(raw, SPEC.name)
    landing.land(page(0))
    again = replace(page(0), cursor="1", following="2")
    assert landing.land(again) == Landed(new=0, known=50, rejected=0)
    assert count(raw, "declarations") == 50


def test_a_source_is_read_from_the_start_again_and_nothing_is_doubled(raw: Database) -> None:
    landing = Landing(raw, SPEC.name)
    landing.land(page(0, rejected=2))
    landing.restart()
    assert landing.cursor() == ""
    assert landing.land(page(0, rejected=2)) == Landed(new=0, known=50, rejected=2)
    assert (count(raw, "declarations"), count(raw, "rejected_rows")) == (50, 2)


def test_one_id_twice_in_a_page_is_one_declaration(raw: Database) -> None:
    twice = page(0)
    assert Landing(raw, SPEC.name).land(replace(twice, declarations=twice.declarations * 2)) == Landed(new=50, known=50)


def test_of_two_that_land_the_same_page_one_does(raw: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        for number in range(5):
            landed = list(threads.map(lambda _, n=number: Landing(raw, SPEC.name).land(page(n, rejected=1)), range(4)))
            assert sorted(each is None for each in landed) == [False, True, True, True]
    assert (count(raw, "declarations"), count(raw, "rejected_rows")) == (250, 5)


def test_a_page_of_nothing_but_rejected_rows_is_refused_and_nothing_of_it_lands(raw: Database) -> None:
    landing = Landing(raw, SPEC.name)
    with pytest.raises(ConfigurationError, match=r"puerto is missing.*the source is not what it was"):
        landing.land(page(0, count=2, rejected=200))
    assert landing.cursor() == ""
    assert count(raw, "rejected_rows") == 0


class Cutting(tuple):
    """Declarations after whose tenth the network is cut: in the middle of COPY."""

    def __new__(cls, declarations, proxy: Proxy):
        found = super().__new__(cls, declarations)
        found.proxy = proxy
        return found

    def __iter__(self):
        for number, declaration in enumerate(super().__iter__()):
            if number == 10:
                self.proxy.cut()
            yield declaration


def test_postgres_that_goes_away_during_copy_leaves_nothing_of_the_page_and_the_same_call_lands_it_later(raw: Database) -> None:
    known = psycopg.conninfo.conninfo_to_dict(raw.url.get_secret_value())
    with Proxy(str(known["host"]), int(known["port"])) as proxy:
        there = Database("raw", SecretStr(psycopg.conninfo.make_conninfo(**{**known, "host": "127.0.0.1", "port": proxy.port})))
        landing = Landing(there, SPEC.name)
        landing.land(page(0))
        whole = page(1, count=5_000, rejected=2)
        with pytest.raises(Unavailable, match="RAW_DATABASE_URL"):
            landing.land(replace(whole, declarations=Cutting(whole.declarations, proxy)))
        with pytest.raises(Unavailable):
            landing.cursor()
        assert (count(raw, "declarations"), count(raw, "rejected_rows")) == (50, 0)
        proxy.mend()
        assert landing.cursor() == "1"
        assert landing.land(whole) == Landed(new=5_000, rejected=2)
    assert (count(raw, "declarations"), count(raw, "rejected_rows")) == (5_050, 2)


def test_what_was_read_from_a_page_of_csv_is_what_lands(raw: Database) -> None:
    text = "declaration_id,empresa,subpartida,puerto\r\n1,ABC,110100,cartagena\r\n2,ABC,110100,\r\n"
    assert Landing(raw, SPEC.name).land(read(text, PARSER, "", "2")) == Landed(new=1, rejected=1)
