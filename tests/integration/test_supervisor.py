"""What the supervisor does with real processes, small ones: start in order, start again, give up, stop, leave nothing."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local import client, state
from local.state import StackStatus
from tests.workers import until

IDLE = "import signal; signal.pause()"
PART = "Part(name={name!r}, title={name!r}, command=({python!r}, '-c', {program!r}), {more})"


def part(name: str, program: str = IDLE, more: str = "") -> str:
    return PART.format(name=name, python=sys.executable, program=program, more=more)


@pytest.fixture
def supervise(tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts a supervisor of these parts; what is left of it is killed in the end."""
    started: list[subprocess.Popen] = []

    def start(*parts: str) -> subprocess.Popen:
        imports = "from pathlib import Path; from local.part import Part; from local.supervisor import run"
        program = f"{imports}; run([{', '.join(parts)}], Path({str(tmp_path)!r}), look_seconds=0.2)"
        started.append(subprocess.Popen([sys.executable, "-c", program]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    if status := state.read(tmp_path):
        for left, _ in state.leftovers(status):
            left.kill()


def reached(data: Path, holds: Callable[[StackStatus], object]) -> StackStatus:
    """The state of the stack, once this holds for it."""
    found: list[StackStatus] = []

    def look() -> bool:
        status = state.read(data)
        if status and holds(status):
            found.append(status)
        return bool(found)

    until(look, lambda: str(state.read(data)))
    return found[0]


def ready(status: StackStatus) -> bool:
    return status.phase == "ready"


def test_a_part_starts_when_what_it_needs_is_ready_and_all_are_stopped_in_the_end(supervise, tmp_path):
    supervisor = supervise(part("second", more="after=('first',)"), part("first"))
    status = reached(tmp_path, ready)
    assert status.parts["first"].since < status.parts["second"].since
    pids = [each.pid for each in status.parts.values()]
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert {each.state for each in state.read(tmp_path).parts.values()} == {"stopped"}


def test_a_killed_part_is_started_again_at_once(supervise, tmp_path):
    supervise(part("one"))
    before = reached(tmp_path, ready).parts["one"].pid
    psutil.Process(before).kill()
    after = reached(tmp_path, lambda status: status.parts["one"].restarts == 1 and status.parts["one"].state == "ready").parts["one"]
    assert after.pid != before
    assert "exit code -9" in after.last_error


def said(data: Path, name: str) -> str:
    """What a part has written, once it has."""
    log = data / "logs" / f"{name}.log"
    until(lambda: log.exists() and "\n" in log.read_text(), lambda: f"{name} is silent")
    return log.read_text().strip()


def test_a_part_that_refuses_stays_stopped_and_says_why(supervise, tmp_path):
    refuses = (
        "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); print('listening', flush=True); "
        "signal.sigwait([signal.SIGUSR1]); print('error: no such dataset'); sys.exit(78)"
    )
    supervisor = supervise(part("one", refuses), part("two"))
    pid = reached(tmp_path, ready).parts["one"].pid
    said(tmp_path, "one")
    psutil.Process(pid).send_signal(signal.SIGUSR1)
    status = reached(tmp_path, lambda status: status.parts["one"].state == "refused")
    assert status.parts["one"].last_error == "exit code 78: error: no such dataset"
    assert status.parts["two"].state == "ready"
    assert supervisor.poll() is None


def test_a_part_that_never_comes_up_ends_the_start_with_its_last_words_and_stops_the_others(supervise, tmp_path):
    supervisor = supervise(
        part("good"), part("bad", "import sys; sys.exit('cannot find the thing')", "after=('good',), ready=lambda: 'not yet'")
    )
    good = reached(tmp_path, lambda status: status.parts["good"].pid).parts["good"].pid
    assert supervisor.wait(20) == 1
    status = state.read(tmp_path)
    assert status.phase == "failed"
    assert "bad ended with exit code 1" in status.problem
    assert "cannot find the thing" in status.problem
    assert str(tmp_path / "logs" / "bad.log") in status.problem
    assert not psutil.pid_exists(good)


def test_a_part_that_is_no_longer_usable_is_shown_as_such(supervise, tmp_path):
    flag = tmp_path / "sick"
    supervise(part("one", more=f"ready=lambda: 'sick' if Path({str(flag)!r}).exists() else None"))
    reached(tmp_path, ready)
    flag.touch()
    assert reached(tmp_path, lambda status: status.parts["one"].state == "unready").parts["one"].detail == "sick"
    flag.unlink()
    reached(tmp_path, lambda status: status.parts["one"].state == "ready")


def test_a_part_that_does_not_stop_in_time_is_killed_with_what_it_started(supervise, tmp_path):
    stubborn = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"print(subprocess.Popen([sys.executable, '-c', {IDLE!r}]).pid, flush=True); signal.pause()"
    )
    supervisor = supervise(part("one", stubborn, "stop_seconds=0.5"))
    reached(tmp_path, ready)
    child = int(said(tmp_path, "one"))
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    until(lambda: not psutil.pid_exists(child), lambda: f"{child} lives")
    assert "killed" in state.read(tmp_path).parts["one"].detail


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_when_the_supervisor_is_killed_its_parts_end_too(supervise, tmp_path):
    supervisor = supervise(part("one"), part("two"))
    pids = [each.pid for each in reached(tmp_path, ready).parts.values()]
    supervisor.kill()
    supervisor.wait()
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids), lambda: "parts live")


def test_what_outlives_a_killed_supervisor_is_found_and_ended(supervise, tmp_path):
    deaf = (
        "import signal; signal.signal(signal.SIGTERM, lambda *_: None); print('deaf once', flush=True); [signal.pause() for _ in range(2)]"
    )
    supervisor = supervise(part("one", deaf))
    pid = reached(tmp_path, ready).parts["one"].pid
    said(tmp_path, "one")
    supervisor.kill()
    supervisor.wait()
    until(lambda: state.running(tmp_path) is None, lambda: "the supervisor lives")
    assert client.stop(tmp_path)
    assert not psutil.pid_exists(pid)
    assert not client.stop(tmp_path)
