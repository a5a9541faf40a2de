"""How fast the ingest flow is, with a source that fails as often as it is told to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from psycopg import sql

from flows.ingest import ingest

DATASET = "exportaciones"
LISTED = 200
"""How many task runs Prefect lists at a time."""
START_S = 60.0


@dataclass(frozen=True)
class Run:
    """One ingest of everything: rows a second, what is in the database after it, and how many pages were tried again."""

    rate: float
    declarations: int
    rejected: int
    doubled: int
    retries: int


def measure(server: str, scratch: Path, rows: int, failing: float) -> Run:
    """Ingests `rows` declarations into a new database on the server, whose address names another one."""
    name = f"ingest_{uuid4().hex[:8]}"
    url = psycopg.conninfo.make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with _source(rows, failing) as source:
        os.environ |= {"SOURCE_API_URL": source, "RAW_DATABASE_URL": url, "METADATA_DATABASE_URL": url, "VIGIA_STATE_DIR": str(scratch)}
        _answers(f"{source}/v1/{DATASET}/declarations?limit=1")  # what the source makes up is made up now, be it that this call fails
        started = time.perf_counter()
        state = ingest(DATASET, return_state=True)
        seconds = time.perf_counter() - started
    if not state.is_completed():
        raise RuntimeError(f"the ingest did not come through: {state.message}")
    with psycopg.connect(url) as connection:
        counted = "SELECT count(*), count(*) - count(DISTINCT declaration_id) FROM declarations"
        declarations, doubled = connection.execute(counted).fetchone() or (0, 0)
        (rejected,) = connection.execute("SELECT count(*) FROM rejected_rows").fetchone() or (0,)
    EventsWorker.drain_all()  # so that all that Prefect was told is there
    APILogWorker.drain_all()
    return Run(rows / seconds, declarations, rejected, doubled, _retries(str(state.state_details.flow_run_id)))


@contextmanager
def _source(rows: int, failing: float) -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    until = datetime.now(UTC).date() + timedelta(days=1)  # nothing is added while we read
    settings = {"PORT": port, "ROWS": rows, "FAILING_SHARE": failing, "SLOW_SHARE": 0, "UNTIL": until}
    environment = {**os.environ, **{f"SOURCE_API_{key}": str(value) for key, value in settings.items()}}
    command = [sys.executable, "-m", "simulator.api"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_S
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the fake source API did not start")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.HTTPError:
        return False


def _retries(flow_run: str) -> int:
    """Pages of a run that took more than one try, as Prefect counts them."""
    found = offset = 0
    while True:
        body = {"task_runs": {"flow_run_id": {"any_": [flow_run]}}, "limit": LISTED, "offset": offset}
        runs = httpx.post(f"{os.environ['PREFECT_API_URL']}/task_runs/filter", json=body).raise_for_status().json()
        found += sum(int(run["run_count"]) > 1 for run in runs)
        if len(runs) < LISTED:
            return found
        offset += LISTED
