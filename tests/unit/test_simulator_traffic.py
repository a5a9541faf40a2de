"""How simulated declarations flow: mixed, paced, labelled, written to a file, stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.simulate import simulate
from core.errors import ConfigurationError, Unavailable
from simulator import anomalies
from simulator.traffic import SHARES, Event, mixed, paced

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)

app = typer.Typer()
app.command()(simulate)


def run(*arguments: str):
    return CliRunner().invoke(app, arguments)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class Clock:
    """A clock that moves only when someone sleeps, or by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def endless():
    while True:
        yield Event("exportaciones", {}, None)


def test_datasets_are_mixed_in_their_proportions_from_the_beginning():
    counts = Counter(event.dataset for event in islice(mixed(tuple(SHARES), 7, NOON, 0.0), 100))
    assert counts == {"exportaciones": 80, "sustancias_controladas": 20}


@pytest.mark.parametrize("rate", [0.5, 20, 30_000])
def test_the_rate_is_kept_over_ten_seconds(rate):
    clock, sent = Clock(), 0
    for block in paced(endless(), rate, lambda: clock.now >= 110, clock=clock, sleep=clock.sleep):
        sent += len(block)
    assert sent == pytest.approx(10 * rate, rel=0.02, abs=1)


def test_after_a_stall_the_rate_goes_on_and_nothing_is_made_up_for():
    clock, sent = Clock(), []
    for block in paced(endless(), 1000, lambda: clock.now >= 170, clock=clock, sleep=clock.sleep):
        sent.append((clock.now, len(block)))
        if len(sent) == 10:
            clock.now += 60
    assert max(size for _, size in sent) <= 250
    assert sum(size for _, size in sent) < 13_000


def test_pacing_ends_with_the_events():
    assert sum(len(block) for block in paced(islice(endless(), 2500), None, lambda: False)) == 2500


def test_a_file_gets_the_declarations_and_the_labels_file_grows(tmp_path):
    labels = tmp_path / "labels.jsonl"
    for number in range(2):
        result = run(*("--out", str(tmp_path / f"{number}.jsonl"), "--count", "2000", "--anomaly-share", "0.05", "--labels", str(labels)))
        assert result.exit_code == 0, result.output
    # Both runs started now: their declarations have other ids.
    declared = lines(tmp_path / "0.jsonl") + lines(tmp_path / "1.jsonl")
    ids = [declaration["declaration_id"] for declaration in declared]
    assert len(set(ids)) == len(ids) == 4000
    labelled = lines(labels)
    assert {label["declaration_id"] for label in labelled} <= set(ids)
    assert 100 < len(labelled) < 320
    for label in labelled:
        assert tuple(label["fields"]) == anomalies.FIELDS[label["kind"]]
        assert label["dataset"] in SHARES


def test_the_same_start_makes_the_same_declarations_again(tmp_path):
    for name in ("a", "b"):
        run("--out", str(tmp_path / name), "--count", "300", "--start", "2026-03-15", "--seed", "5")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_history_is_one_datasets_year_before_the_start(tmp_path):
    out = tmp_path / "rows.jsonl"
    result = run("--history", "--dataset", "exportaciones", "--count", "1000", "--start", "2026-03-15", "--out", str(out))
    assert result.exit_code == 0, result.output
    dates = [row["fecha"] for row in lines(out) if "fecha" in row]
    assert (dates[0], dates[-1]) == ("2025-03-15", "2026-03-14")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--dataset", "importaciones"), "importaciones"),
        (("--start", "yesterday"), "--start 'yesterday'"),
        (("--drift", "3808929900=3"), "3808929900=3@2026-09-01"),
        (("--drift", "9999999999=3@2026-01-01"), "9999999999"),
        (("--history",), "--count"),
        (("--out", "somewhere.jsonl"), "--count"),
    ],
)
def test_a_wrong_option_is_one_sentence_that_names_it(arguments, named):
    result = run(*arguments)
    assert isinstance(result.exception, ConfigurationError | Unavailable)
    assert named in str(result.exception)


def test_without_a_broker_it_says_so_in_one_sentence():
    result = run("--bootstrap-servers", "127.0.0.1:1", "--count", "5")
    assert result.exit_code == 1
    assert result.stderr.strip() == (
        "vigia simulate: Kafka at 127.0.0.1:1 does not answer: start it (vigia up) or set KAFKA_BOOTSTRAP_SERVERS"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_promptly_between_two_declarations(number):
    code = "import typer; from cli.simulate import simulate; typer.run(simulate)"
    arguments = ["--out", "-", "--rate", "200"]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        first = process.stdout.readline()
        process.send_signal(number)
        asked = time.monotonic()
        rest, said = process.communicate(timeout=30)
    assert time.monotonic() - asked < 5
    assert process.returncode == 0
    assert all(json.loads(line)["declaration_id"] for line in [first, *rest.splitlines()])
    assert b"declarations simulated" in said


def test_a_reader_that_had_enough_is_no_error():
    code = "import typer; from cli.simulate import simulate; typer.run(simulate)"
    command = f"{sys.executable} -c '{code}' --out - | head -n 3"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=os.environ, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
