"""Starts the parts in the order of their needs, keeps them running, and stops them in reverse. One supervisor per stack."""

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil

from core.errors import REFUSED, ConfigurationError, Unavailable
from local.part import Part
from local.process import PartProcess, StartFailed
from local.state import StackStatus

log = logging.getLogger(__name__)

TICK = 0.1
LOOK_SECONDS = 10.0
"""How often a part that is ready is asked whether it still is."""

MAX_BACK_OFF = 30.0
STEADY_SECONDS = 60.0
"""A part that ran for so long starts anew with a clean record."""

CRASHES_AT_START = 3
"""How often a part may crash before it has been ready once; then the start of the stack has failed."""


def back_off(restarts: int) -> float:
    """Seconds until a crashed part starts again: the first time at once, so that a killed worker is missed for a moment only."""
    return 0.0 if restarts <= 1 else float(min(2.0 ** (restarts - 1), MAX_BACK_OFF))


class Supervisor:
    """Runs a stack until it is told to stop."""

    def __init__(self, parts: Sequence[Part], data: Path, look_seconds: float = LOOK_SECONDS) -> None:
        self.data, self._look_seconds = data, look_seconds
        me = psutil.Process()
        self.status = StackStatus(os.getpid(), me.create_time(), me.cmdline())
        self._parts = {part.name: PartProcess(part, data / "logs") for part in parts}
        self._pool = ThreadPoolExecutor(max_workers=2 * len(parts) + 1, thread_name_prefix="stack")
        self._stop = False
        self._written = ""

    def run(self) -> int:
        """Starts everything, and returns when everything has stopped: 0 if that was asked for, 1 if the start failed."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "_stop", True))
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        self.status.parts = {name: each.status for name, each in self._parts.items()}
        try:
            while not self._stop:
                for each in self._parts.values():
                    self._step(each)
                if self.status.phase == "starting" and all(each.was_ready for each in self._parts.values()):
                    self.status.phase = "ready"
                self._write()
                time.sleep(TICK)
        except (StartFailed, ConfigurationError, Unavailable) as error:
            self.status.problem = str(error)
        except Exception as error:
            log.exception("a bug in the supervisor, or a fault that it does not know")
            self.status.problem = f"{type(error).__name__}: {error}"
        failed = bool(self.status.problem)
        self.status.phase = "stopping"
        self._shut_down()
        self.status.phase = "failed" if failed else "stopped"
        self._write()
        return int(failed)

    def _step(self, each: PartProcess) -> None:
        """Moves one part a step on; raises when the start of the stack has failed."""
        status = each.status
        match status.state:
            case "waiting":
                if all(self._parts[name].was_ready for name in each.part.after if name in self._parts):
                    self._prepare(each)
            case "restarting":
                if time.monotonic() >= each.due:
                    self._prepare(each)
            case "preparing":
                if _finished(each.work):
                    each.spawn()
                    status.state = "starting"
                    each.work = self._pool.submit(each.wait_until_ready)
            case "starting":
                if each.part.job:
                    status.detail = each.log.last_line()
                if _finished(each.work):
                    self._started(each)
            case "ready" | "unready":
                self._look(each)

    def _prepare(self, each: PartProcess) -> None:
        each.status.state = "preparing"
        each.status.began = time.time()
        each.work = self._pool.submit(each.prepare)

    def _started(self, each: PartProcess) -> None:
        code = each.exit_code
        if code is not None and not (each.part.job and code == 0):
            self._crashed(each, code)
            return
        each.was_ready = True
        each.status.took = round(time.time() - each.status.began, 1)
        each.status.detail = ""
        if each.part.job:
            each.status.state, each.status.pid = "done", None
        else:
            each.status.state = "ready"
            each.due, each.work = time.monotonic() + self._look_seconds, None

    def _look(self, each: PartProcess) -> None:
        """Sees to it that a running part runs, and now and then that it can still be used."""
        if (code := each.exit_code) is not None:
            self._crashed(each, code)
        elif each.work is None and time.monotonic() >= each.due:
            each.work = self._pool.submit(each.problem)
        elif _finished(each.work):
            problem = each.work.result() if each.work else None
            each.status.state, each.status.detail = ("unready", problem) if problem else ("ready", "")
            each.due, each.work = time.monotonic() + self._look_seconds, None

    def _crashed(self, each: PartProcess, code: int) -> None:
        status = each.status
        steady = each.was_ready and time.time() - status.since > STEADY_SECONDS
        status.pid, status.detail, status.last_error = None, "", f"exit code {code}: {each.log.trouble()}"
        status.restarts = 1 if steady else status.restarts + 1
        if not each.was_ready and (each.part.job or code == REFUSED or status.restarts >= CRASHES_AT_START):
            status.state = "failed"
            end = "\n".join(f"  {line}" for line in each.log.lines(12))
            raise StartFailed(f"{each.part.title} ended with exit code {code}. The end of {each.log.path}:\n{end}")
        if code == REFUSED:
            status.state = "refused"
            return
        status.state = "restarting"
        each.due = time.monotonic() + back_off(status.restarts)

    def _shut_down(self) -> None:
        """Stops the parts, those that others need last."""
        for generation in stop_order([each.part for each in self._parts.values()]):
            for part in generation:
                self._parts[part.name].status.state = "stopping"
            self._write()
            ends = [self._pool.submit(self._parts[part.name].end) for part in generation]
            while not all(end.done() for end in ends):
                self._write()
                time.sleep(TICK)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _write(self) -> None:
        text = self.status.to_json()
        if text != self._written:
            self.status.write(self.data)
            self._written = text


def _finished(work: Future[str | None] | None) -> bool:
    """Whether a thread is done with its work; raises what it raised."""
    if work is None or not work.done():
        return False
    work.result()
    return True


def stop_order(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts in the order of stopping: nothing before what needs it."""
    left, order = list(parts), list[list[Part]]()
    while left:
        needed = {name for part in left for name in part.after}
        order.append([part for part in left if part.name not in needed])
        left = [part for part in left if part.name in needed]
    return order


def run(parts: Sequence[Part], data: Path, look_seconds: float = LOOK_SECONDS) -> None:
    """Runs a stack, and ends this process with it: threads that still wait for something are not waited for."""
    code = Supervisor(parts, data, look_seconds).run()
    sys.stderr.flush()
    os._exit(code)
