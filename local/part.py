"""A part of the stack: one process, what it needs first, and how to see that it is ready."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


def bound(command: Sequence[str], signal_number: int = signal.SIGTERM, user: int | None = None) -> list[str]:
    """The command, run so that on Linux it gets the signal when this process dies; elsewhere the next `up` or `down` ends it.

    As root it can run as another `user`. The process must be started by a thread that lives as long as this process.
    """
    child = str(Path(__file__).with_name("child.py"))
    as_user = "-" if user is None else str(user)
    return [sys.executable, "-I", "-S", child, str(os.getpid()), str(int(signal_number)), as_user, "--", *command]


def nothing() -> None:
    """For parts that need no preparation."""


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    `ready` returns None when the part can be used, or else what is missing; it may raise OSError while nothing answers.
    `prepare` runs before every start and `settle` after the part is ready; both may take seconds. A `job` runs to its end,
    and is ready when it has ended well.
    """

    name: str
    title: str
    command: tuple[str, ...]
    ready: Callable[[], str | None] = lambda: None
    environment: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    after: tuple[str, ...] = ()
    prepare: Callable[[], None] = nothing
    settle: Callable[[], None] = nothing
    user: int | None = None
    job: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    start_seconds: float = 180.0
