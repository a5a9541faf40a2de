"""Starts and stops a stack's supervisor, from outside of it."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from core.errors import ConfigurationError
from local import preflight, stack, state
from local.jars import fetch, lock
from local.log import Log
from local.part import bound
from local.settings import StackSettings
from local.state import StackStatus

POLL_SECONDS = 0.2
STOP_SECONDS = 120.0
"""How long a supervisor may take to stop everything: longer than its parts may, one after the other."""

Watch = Callable[[StackStatus], None]


def check(settings: StackSettings, only: Sequence[str] = ()) -> None:
    """Looks whether the stack could be started now; raises ConfigurationError with what is in the way.

    What an earlier stack on this data directory has left running is ended.
    """
    if state.running(settings.data):
        raise ConfigurationError(
            f"a stack already runs on {settings.data}: look at it with `vigia status`, stop it with `vigia down`, "
            f"or start another with --data-dir and --port-offset"
        )
    if old := state.read(settings.data):
        end(state.leftovers(old))
    preflight.check(settings, [part.name for part in stack.parts(settings, only)])


def start(settings: StackSettings, only: Sequence[str] = (), *, outlive: bool) -> "subprocess.Popen[bytes]":
    """Starts the supervisor of a stack, after `check`; the jars must have been fetched.

    With `outlive` it goes on when this process ends. When this raises, nothing was started.
    """
    check(settings, only)
    (settings.data / "logs").mkdir(exist_ok=True)
    (settings.data / state.FILE).unlink(missing_ok=True)
    command = [sys.executable, "-m", "local", *only]
    with (settings.data / "logs" / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            command if outlive else bound(command),
            env=settings.environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait(settings: StackSettings, supervisor: "subprocess.Popen[bytes]", watch: Watch = lambda _: None) -> StackStatus:
    """Blocks until the stack is ready; raises ConfigurationError with the reason when its start failed."""
    while True:
        status = state.read(settings.data)
        if status:
            watch(status)
            if status.phase == "ready":
                return status
        if supervisor.poll() is not None:
            status = state.read(settings.data)
            said = Log(settings.data / "logs" / "supervisor.log").last_line()
            reason = status.problem if status and status.problem else f"the supervisor ended: {said}"
            raise ConfigurationError(
                f"the stack did not start: {reason}\nEverything is stopped again; the logs are in {settings.data / 'logs'}"
            )
        time.sleep(POLL_SECONDS)


def stop(data: Path, watch: Watch = lambda _: None) -> bool:
    """Stops the stack of a data directory and whatever it left; False when nothing ran."""
    status = state.read(data)
    if status is None:
        return False
    supervisor = state.supervisor(status)
    if supervisor:
        supervisor.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while state.supervisor(status) and time.monotonic() < deadline:
            watch(state.read(data) or status)
            time.sleep(POLL_SECONDS)
    left = state.leftovers(state.read(data) or status)
    if stuck := state.supervisor(status):
        stuck.kill()  # before its parts, or it starts them again
    end(left)
    return bool(supervisor or left)


def end(left: Sequence[tuple[psutil.Process, int]]) -> None:
    """Ends processes, politely first."""
    for process, number in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    _, stubborn = psutil.wait_procs([process for process, _ in left], timeout=40)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)


def needs_jars(settings: StackSettings, only: Sequence[str] = ()) -> list[str]:
    """The servers of the stack whose jars are not on this machine yet."""
    names = [part.name for part in stack.parts(settings, only)]
    return [server for server in lock.needed(names, monitored=settings.monitor) if not fetch.folder(server).is_dir()]
