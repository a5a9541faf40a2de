"""The fake source API: the same rows at the same cursors for ever, and the accidents that a reader must live with."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from time import monotonic

import httpx
import pytest

from schemas import datasets
from schemas.declaration import Declaration, Parser
from simulator.api import SourceSettings
from simulator.faults import FAILURES, Faults
from simulator.generate import Generator
from simulator.shelf import ANOMALY_SHARE, BadCursor, Shelf
from tests.source import serving as on_a_server

ROOT = Path(__file__).parents[2]
UNTIL = date(2026, 3, 15)
MIDNIGHT = datetime(2026, 3, 15, tzinfo=UTC)
TOMORROW = MIDNIGHT + timedelta(days=1)
EXPORTS, CONTROLLED = "exportaciones", "sustancias_controladas"


def shelf(dataset: str = EXPORTS, **changed) -> Shelf:
    return Shelf(dataset, **{"rows": 300, "seed": 7, "until": UNTIL, "per_day": 200, **changed})


def pages(source: Shelf, limit: int, now: datetime = TOMORROW):
    page = source.page(None, limit, now)
    while page.lines:
        yield page
        page = source.page(page.next_cursor, limit, now)


def lines(source: Shelf, limit: int = 1000, now: datetime = TOMORROW) -> list[bytes]:
    return [line for page in pages(source, limit, now) for line in page.lines]


def table(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


@cache
def shelves() -> dict[str, Shelf]:
    """Those that the servers of these tests share: reading leaves no trace."""
    return {name: shelf(name) for name in datasets.names()}


def serving(faults: Faults | None = None, now: datetime = TOMORROW) -> AbstractContextManager[httpx.Client]:
    """A client of a real server with both datasets."""
    return on_a_server(shelves(), now, faults)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving() as found:
        yield found


@pytest.mark.parametrize("dataset", datasets.names())
def test_a_shelf_holds_the_clean_history_and_then_the_stream_as_declarations_of_the_contract(dataset):
    source, parser = shelf(dataset), Parser(datasets.load(dataset))
    names = [field.name for field in parser.spec.fields]
    assert table(source.header) == [names]
    generator = Generator(dataset, 7)
    expected = [*generator.history(300, UNTIL), *(event for event, _ in islice(generator.stream(UNTIL, ANOMALY_SHARE, per_day=200), 201))]
    found = [parser.from_row(dict(zip(names, row, strict=True))) for row in table(b"".join(lines(source)))]
    assert all(isinstance(each, Declaration) for each in found)
    assert found == [parser.from_row(event) for event in expected]


def test_pages_of_any_size_give_every_row_once_and_in_order():
    whole = lines(shelf())
    assert len(whole) == 501
    assert lines(shelf(), limit=7) == lines(shelf(), limit=300) == whole


def test_the_same_cursor_gives_the_same_rows_after_a_restart_and_whatever_was_read_before():
    before = list(pages(shelf(broken_share=0.1), 50))
    restarted = shelf(broken_share=0.1)
    for earlier, later in reversed(list(pairwise(before))):
        again = restarted.page(earlier.next_cursor, 50, TOMORROW + timedelta(days=9))
        assert again.lines[: len(later.lines)] == later.lines


def test_rows_of_the_stream_are_there_once_their_time_has_come():
    source, apart = shelf(), timedelta(days=1) / 200
    assert len(lines(source, now=MIDNIGHT - timedelta(days=30))) == 300
    for number in range(5):
        assert len(lines(source, now=MIDNIGHT + number * apart)) == 301 + number
        assert len(lines(source, now=MIDNIGHT + number * apart - timedelta(milliseconds=1))) == 300 + number


def test_an_empty_page_says_where_to_go_on_later():
    source = shelf()
    end = list(pages(source, 1000, MIDNIGHT))[-1].next_cursor
    empty = source.page(end, 1000, MIDNIGHT)
    assert (empty.lines, empty.next_cursor) == ([], end)
    assert source.page(empty.next_cursor, 1000, TOMORROW).lines == lines(source)[301:]


@pytest.mark.parametrize("changed", [{"rows": 299}, {"seed": 8}, {"until": date(2026, 3, 16)}, {"per_day": 201}, {"broken_share": 0.1}])
def test_a_cursor_is_refused_where_it_would_mean_other_rows(changed):
    cursor = shelf().page(None, 10, TOMORROW).next_cursor
    for other in (shelf(**changed), shelf(CONTROLLED)):
        with pytest.raises(BadCursor, match="start from the first row"):
            other.page(cursor, 10, TOMORROW)


def test_no_declaration_id_is_served_twice():
    sources = [shelf(name, broken_share=0.2) for name in datasets.names()]
    ids = [row[0] for source in sources for row in table(b"".join(lines(source))) if row[0]]
    assert len(set(ids)) == len(ids) > 950


@pytest.mark.parametrize("dataset", datasets.names())
def test_broken_rows_are_refused_for_every_reason_there_is_and_their_neighbours_are_as_before(dataset):
    parser = Parser(datasets.load(dataset))
    names = [field.name for field in parser.spec.fields]
    sound = lines(shelf(dataset, rows=4000), 10_000)
    broken = lines(shelf(dataset, rows=4000, broken_share=0.1), 10_000)
    reasons = Counter()
    for before, after in zip(sound, broken, strict=True):
        if before != after:
            (row,) = table(after)
            result = parser.from_row(dict(zip(names, row, strict=False)))
            reasons[(len(row) - len(names)) or (result.code, parser.spec.fields[names.index(result.field)].kind)] += 1
    assert reasons.total() == pytest.approx(420, abs=80)
    assert {key for key in reasons if key != ("wrong_type", "percent")} == {
        *(-1, 1),
        *(("missing_field", kind) for kind in ("key", "entity", "tariff", "place")),
        ("wrong_type", "amount"),
        *(("bad_format", kind) for kind in ("country", "tariff", "date")),
    }


def test_threads_that_read_at_once_see_the_same_rows():
    source = shelf(rows=5000)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda limit: lines(source, limit), [100, 300, 700, 900] * 2))
    expected = lines(shelf(rows=5000))
    assert all(each == expected for each in found)


@pytest.mark.parametrize("dataset", datasets.names())
def test_a_page_is_csv_that_says_how_many_rows_it_has_and_where_to_go_on(client, dataset):
    first = client.get(f"/v1/{dataset}/declarations", params={"limit": 400})
    assert (first.status_code, first.headers["content-type"], first.headers["x-rows"]) == (200, "text/csv; charset=utf-8", "400")
    rest = client.get(f"/v1/{dataset}/declarations", params={"cursor": first.headers["x-next-cursor"]})
    assert rest.headers["x-rows"] == "101"
    head, *rows = table(first.content)
    assert head == table(rest.content)[0] == [field.name for field in datasets.load(dataset).fields]
    assert rows + table(rest.content)[1:] == table(b"".join(lines(shelves()[dataset])))
    end = client.get(f"/v1/{dataset}/declarations", params={"cursor": rest.headers["x-next-cursor"]})
    assert (end.headers["x-rows"], end.headers["x-next-cursor"]) == ("0", rest.headers["x-next-cursor"])
    assert table(end.content) == [head]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/importaciones/declarations", 404, "ask for one of exportaciones, sustancias_controladas"),
        ("/v1/exportaciones/declarations?cursor=12", 400, "send an X-Next-Cursor of this dataset"),
        ("/v1/exportaciones/declarations?limit=0", 422, "limit is '0'"),
        ("/v1/exportaciones/declarations?limit=10001", 422, "less than or equal to 10000"),
        ("/v1/exportaciones/declarations?limit=many", 422, "limit is 'many'"),
        ("/v1", 404, "Not Found"),
    ],
)
def test_a_wrong_question_is_a_problem_that_says_what_to_do(client, path, status, said):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert said in problem["detail"]


def test_it_says_that_it_is_well(client):
    assert client.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(("failure", "status"), [("error", 500), ("unavailable", 503)])
def test_a_failing_call_is_a_problem_that_says_to_ask_again(failure, status):
    with serving(Faults(Random(1), failing_share=1, failures=[failure])) as client:
        answer = client.get("/v1/exportaciones/declarations")
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert "ask again with the same cursor" in answer.json()["detail"]
        assert client.get("/health").status_code == 200


def test_a_body_that_is_cut_ends_the_connection_and_the_next_call_is_served():
    with serving(Faults(Random(1), failing_share=1, failures=["cut_body"])) as client:
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
                client.get("/v1/exportaciones/declarations")
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize("limit", [2, 3, 4, 500])
def test_rows_that_are_cut_are_fewer_than_the_page_promises_and_end_in_the_middle_of_a_line(limit):
    with serving(Faults(Random(1), failing_share=1, failures=["cut_rows"])) as client:
        answer = client.get("/v1/exportaciones/declarations", params={"limit": limit})
        assert answer.status_code == 200
        assert not answer.content.endswith(b"\n")
        assert len(table(answer.content)) - 1 < int(answer.headers["x-rows"]) == limit


def test_a_slow_call_waits_first():
    with serving(Faults(Random(1), slow_share=1, slow_seconds=0.2)) as client:
        asked = monotonic()
        assert client.get("/v1/exportaciones/declarations", params={"limit": 1}).status_code == 200
        assert monotonic() - asked >= 0.2


def test_calls_suffer_in_the_shares_that_were_set_and_in_the_same_order_again():
    def dealt():
        faults = Faults(Random(3), failing_share=0.2, slow_share=0.1, slow_seconds=2.0)
        return [faults.draw() for _ in range(10_000)]

    found = dealt()
    counts = Counter(fault.failure for fault in found)
    assert found == dealt()
    assert [counts[failure] for failure in FAILURES] == pytest.approx([500] * 4, abs=75)
    assert sum(fault.wait_s == 2.0 for fault in found) == pytest.approx(1000, abs=100)


def test_the_number_of_rows_a_day_means_the_same_whether_it_is_set_or_not(monkeypatch):
    unset = SourceSettings().per_day
    monkeypatch.setenv("SOURCE_API_PER_DAY", "5700")
    assert repr(SourceSettings().per_day) == repr(unset) == "5700.0"  # ids are derived from how it is written


def environment(**settings: str) -> dict[str, str]:
    return {**os.environ, **{f"SOURCE_API_{name.upper()}": value for name, value in settings.items()}}


def test_the_process_serves_what_its_settings_say_until_it_is_told_to_stop():
    env = environment(port="0", rows="300", per_day="200", until="2026-03-15", broken_share="0", failing_share="0", slow_share="0")
    with subprocess.Popen([sys.executable, "-m", "simulator.api"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = next(found[0] for line in process.stdout if (found := re.search(r"http://[0-9.:]+", json.loads(line)["message"])))
            served = httpx.get(f"{url}/v1/exportaciones/declarations", params={"limit": 300})
        finally:
            process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[0]
    assert table(served.content)[1:] == table(b"".join(lines(shelf(), now=MIDNIGHT - timedelta(days=1))))
    assert "GET /v1" not in said


def test_a_wrong_setting_stops_the_start_with_its_name():
    arguments = [sys.executable, "-m", "simulator.api"]
    ended = subprocess.run(arguments, cwd=ROOT, env=environment(failing_share="2"), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 78
    assert "SOURCE_API_FAILING_SHARE" in json.loads(ended.stdout)["message"]
