"""One part and the process that it has at the moment: start it, wait until it can be used, stop it with all it started."""

import contextlib
import os
import signal
import subprocess
import time
from concurrent.futures import Future
from pathlib import Path

import psutil

from local.log import Log
from local.part import Part, bound
from local.state import PartStatus

POLL_SECONDS = 0.25


class StartFailed(Exception):
    """A part did not come up; the message says which and why."""


class PartProcess:
    """A part at work. `status` is what others may know of it; `work` is what a thread is doing for it."""

    def __init__(self, part: Part, logs: Path) -> None:
        self.part = part
        self.log = Log(logs / f"{part.name}.log")
        self.status = PartStatus(part.title, part.address, stop_signal=int(part.stop_signal))
        self.process: subprocess.Popen[bytes] | None = None
        self.work: Future[str | None] | None = None
        self.was_ready = False
        self.due = 0.0
        """When it starts again, or is looked at again: a time of the monotonic clock."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs, or has not been started."""
        return self.process.poll() if self.process else None

    def spawn(self) -> None:
        """Starts the process; should this one die without a word, it is told to stop."""
        self.log.begin()
        with self.log.path.open("ab") as log:
            self.process = subprocess.Popen(
                bound(self.part.command, self.part.stop_signal, self.part.user),
                env={**os.environ, **self.part.environment},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.status.pid, self.status.since = self.process.pid, time.time()
        self.status.born = psutil.Process(self.process.pid).create_time()
        self.status.command = list(self.part.command)

    def prepare(self) -> None:
        """What comes before the start."""
        self.part.prepare()

    def wait_until_ready(self) -> None:
        """Blocks until the part can be used, or has ended; raises StartFailed when it takes too long, or what `ready` raises."""
        deadline, problem = time.monotonic() + self.part.start_seconds, ""
        while self.process and self.process.poll() is None:
            problem = "" if self.part.job else self.problem()
            if not problem and not self.part.job:
                self.part.settle()
                return
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{self.part.title} was not ready after {self.part.start_seconds:.0f} seconds: {problem or self.log.last_line()}. "
                    f"Its log: {self.log.path}"
                )
            time.sleep(POLL_SECONDS)

    def problem(self) -> str:
        """Why the part cannot be used now; empty when it can."""
        try:
            return self.part.ready() or ""
        except OSError as error:
            return str(error)

    def end(self) -> None:
        """Stops the process and whatever it started in its session; kills what does not stop in time."""
        if self.process:
            if self.process.poll() is None:
                self._signal(self.part.stop_signal)
                try:
                    self.process.wait(self.part.stop_seconds)
                except subprocess.TimeoutExpired:
                    self.status.detail = f"killed: it had not stopped after {self.part.stop_seconds:.0f} seconds"
            self._signal(signal.SIGKILL)
            self.process.wait()
        self.status.state, self.status.pid = "stopped", None

    def _signal(self, number: signal.Signals) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
