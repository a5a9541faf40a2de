"""The state file of a stack: what runs, since when, as which process. The supervisor writes it, everybody reads it."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import psutil

FILE = "stack.json"

Phase = Literal["starting", "ready", "stopping", "stopped", "failed"]
PartState = Literal[
    "waiting", "preparing", "starting", "ready", "unready", "done", "restarting", "refused", "failed", "stopping", "stopped"
]


@dataclass
class PartStatus:
    """What is known of one part.

    `born` is the process' creation time and `command` its command line, by which a reused pid is told apart. `began` and
    `since` are seconds since 1970: when the start began, and when the process did. `took` is how long it needed, in seconds.
    """

    title: str
    address: str
    state: PartState = "waiting"
    pid: int | None = None
    born: float = 0.0
    command: list[str] = field(default_factory=list)
    stop_signal: int = 15
    began: float = 0.0
    since: float = 0.0
    took: float = 0.0
    restarts: int = 0
    detail: str = ""
    last_error: str = ""


@dataclass
class StackStatus:
    """What is known of a stack."""

    pid: int
    born: float
    command: list[str]
    phase: Phase = "starting"
    problem: str = ""
    parts: dict[str, PartStatus] = field(default_factory=dict)

    def to_json(self) -> str:
        """This status as the text of the state file."""
        return json.dumps(asdict(self), indent=1)

    def write(self, data: Path) -> None:
        """Replaces the state file in one step, so that no reader sees half of it."""
        fresh = data / f".{FILE}.{os.getpid()}"
        fresh.write_text(self.to_json(), "utf-8")
        fresh.replace(data / FILE)


def read(data: Path) -> StackStatus | None:
    """The state of the stack with this data directory, or None if it never had one, or one of another version."""
    try:
        document = json.loads((data / FILE).read_text("utf-8"))
        parts = {name: PartStatus(**part) for name, part in document.pop("parts").items()}
        return StackStatus(**document, parts=parts)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def alive(pid: int | None, born: float, command: Sequence[str]) -> psutil.Process | None:
    """The process with this pid, if it is still the one that was meant: pids are used again."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        # It may still be on its way to becoming the command, and then its own command line ends with it.
        same = abs(process.create_time() - born) < 2.0 and process.cmdline()[-len(command) :] == list(command)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if same and process.status() != psutil.STATUS_ZOMBIE else None


def supervisor(status: StackStatus) -> psutil.Process | None:
    """The supervisor of a stack, if it lives."""
    return alive(status.pid, status.born, status.command)


def running(data: Path) -> StackStatus | None:
    """The state of the stack if its supervisor lives."""
    status = read(data)
    return status if status and supervisor(status) else None


def leftovers(status: StackStatus) -> list[tuple[psutil.Process, int]]:
    """Processes of a stack that outlived their supervisor, with those that they started, and the signal that stops each."""
    found: list[tuple[psutil.Process, int]] = []
    for part in status.parts.values():
        if process := alive(part.pid, part.born, part.command):
            found += [(each, part.stop_signal) for each in (process, *process.children(recursive=True))]
    return found
