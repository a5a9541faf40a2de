"""`python -m tests.load`: measures the API beside a bare FastAPI endpoint, in turns on this machine, and writes a page.

The API runs alone, with a model that is trained for it; its databases are not there, which predictions do not need.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

import httpx
import psutil

from local.ports import free_ports
from tests.load.model import trained
from tests.serving import NOWHERE, cached

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
USERS = 32


@dataclass(frozen=True)
class Load:
    """What Locust says of one run: requests a second, errors, and milliseconds at the percentiles."""

    rate: float
    failures: int
    p50: float
    p95: float
    p99: float


@contextmanager
def process(command: list[str], environment: dict[str, str], address: str) -> Iterator[psutil.Process]:
    """A server, once it answers 200 at an address; stopped at the end."""
    started = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not answers(address):
            if started.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(command)} did not start")
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait(30)


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=1).status_code in (200, 405)
    except httpx.HTTPError:
        time.sleep(0.1)
        return False


def locust(host: str, path: str, seconds: float, *, rate: float = 0.0, tag: str = "single", users: int = USERS) -> Load:
    """One run; `rate` 0 is as fast as it goes."""
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(LOCUSTFILE),
        "--headless",
        "--json",
        "--only-summary",
        "--tags",
        tag,
        "--host",
        host,
    ]
    options = ["-u", str(users), "-r", str(users), "-t", f"{seconds:g}s", "--stop-timeout", "5"]
    environment = {**os.environ, "LOAD_PATH": path, "LOAD_RATE": str(rate), "LOAD_USERS": str(users)}
    told = subprocess.run([*command, *options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    (found,) = json.loads(told.stdout)
    times = sorted((float(ms), count) for ms, count in found["response_times"].items())
    span = found["last_request_timestamp"] - found["start_time"]
    return Load(
        found["num_requests"] / span,
        found["num_failures"],
        *(percentile(times, found["num_requests"], share) for share in (0.5, 0.95, 0.99)),
    )


def percentile(times: list[tuple[float, int]], total: int, share: float) -> float:
    seen = 0
    for ms, count in times:
        seen += count
        if seen >= share * total:
            return ms
    return times[-1][0]


def spread(values: list[float], digits: int = 0) -> str:
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5, help="how often API and ceiling are measured in turns")
    arguments.add_argument("--seconds", type=float, default=20, help="of each measurement")
    arguments.add_argument("--minutes", type=float, default=10, help="at half load, with the memory watched")
    arguments.add_argument("--out", type=Path, default=Path("docs/load.md"))
    given = arguments.parse_args()
    ports = free_ports()
    api, bare = (f"http://127.0.0.1:{ports[name]}" for name in ("api_port", "ui_port"))
    with tempfile.TemporaryDirectory() as scratch:
        state = cached(trained(Path(scratch)), Path(scratch) / "state")
        environment = {**NOWHERE, "VIGIA_STATE_DIR": str(state), "API_PORT": str(ports["api_port"])}
        with (
            process([sys.executable, "-m", "tests.load.ceiling", str(ports["ui_port"])], {}, f"{bare}/constant"),
            process([sys.executable, "-m", "api"], environment, f"{api}/readyz") as server,
        ):
            given.out.write_text(page(measured(api, bare, server, given), given), "utf-8")
    print(given.out.read_text("utf-8"))


def measured(api: str, bare: str, server: psutil.Process, given: argparse.Namespace) -> dict[str, str]:
    """Figures by what the page calls them."""
    pairs: list[tuple[Load, Load]] = []
    for _ in range(given.rounds):
        pairs.append((locust(api, "/predict", given.seconds), locust(bare, "/constant", given.seconds)))
        print(f"API {pairs[-1][0].rate:,.0f}/s, ceiling {pairs[-1][1].rate:,.0f}/s", flush=True)
    half = median(one.rate for one, _ in pairs) / 2
    batches = [locust(api, "/predict", given.seconds, tag="batch", users=2) for _ in range(3)]
    memory = [server.memory_info().rss]
    steady: list[Load] = []
    for _ in range(max(1, round(given.minutes))):
        steady.append(locust(api, "/predict", 60, rate=half))
        memory.append(server.memory_info().rss)
        print(f"half load: p99 {steady[-1].p99:g} ms, {memory[-1] / 1e6:,.0f} MB", flush=True)
    every = [*(load for pair in pairs for load in pair), *batches, *steady]
    return {
        "API, requests/s": spread([one.rate for one, _ in pairs]),
        "ceiling, requests/s": spread([ceiling.rate for _, ceiling in pairs]),
        "ratio": spread([one.rate / ceiling.rate for one, ceiling in pairs], 2),
        "API at full load, p50 / p95 / p99 in ms": " / ".join(
            f"{median(getattr(one, name) for one, _ in pairs):g}" for name in ("p50", "p95", "p99")
        ),
        f"API at half load ({half:,.0f} requests/s), p50 in ms": spread([load.p50 for load in steady]),
        "p95 in ms": spread([load.p95 for load in steady]),
        "p99 in ms": spread([load.p99 for load in steady]),
        "batches of 10,000 rows of CSV, rows/s": spread([load.rate * 10_000 for load in batches]),
        f"memory in MB, at the start and after each of {len(steady)} minutes at half load": ", ".join(
            f"{size / 1e6:.0f}" for size in memory
        ),
        "errors, in all requests": str(sum(load.failures for load in every)),
    }


def page(figures: dict[str, str], given: argparse.Namespace) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in figures.items())
    return f"""# The API under load

Written by `python -m tests.load`, on {date.today()}, on a machine with {psutil.cpu_count()} cores that the load shares with the
API: Locust takes one of them. {USERS} callers send single declarations to `/predict` as fast as they are answered; in turns
with it, in the same run, to an endpoint that answers a constant. {given.rounds} rounds of {given.seconds:g} s each;
median, lowest and highest.

| | |
|---|---|
{rows}
"""


if __name__ == "__main__":
    main()
