"""The log files of the parts: one a part, appended to by every start, with what a user wants to read of them."""

import contextlib
import json
import re
from pathlib import Path

ROTATE_BYTES = 20_000_000
"""A log that is larger than this when its part starts becomes `NAME.log.1`."""

TAIL_BYTES = 16_000
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x1f]")
TROUBLE = re.compile(r"error|exception|fatal|critical|refus|denied|failed|cannot|could not", re.IGNORECASE)


class Log:
    """One part's log file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._began = 0

    def begin(self) -> None:
        """A new start of the part: what was written before is no longer quoted."""
        if self.size() > ROTATE_BYTES:
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        self._began = self.size()

    def size(self) -> int:
        """Its bytes; 0 if there is none."""
        return self.path.stat().st_size if self.path.exists() else 0

    def lines(self, count: int) -> list[str]:
        """The last lines since `begin`, without empty ones."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(max(self._began, self.size() - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
        return [line for line in re.split(r"[\r\n]+", text) if line.strip()][-count:]

    def last_line(self) -> str:
        """The last line, as a person reads it."""
        return readable(*self.lines(1)[-1:])

    def trouble(self) -> str:
        """The line that says best what went wrong: the last that speaks of an error, or else the last."""
        lines = [readable(line) for line in self.lines(60)]
        telling = [line for line in lines if TROUBLE.search(line) and not line.startswith((" ", "\t"))]
        return (telling or lines or [""])[-1]


def readable(line: str = "") -> str:
    """A log line's message: a JSON object's `message`, anything else as it is, without control characters."""
    if line.startswith("{"):
        with contextlib.suppress(ValueError):
            line = str(json.loads(line).get("message", line))
    return CONTROL.sub("", line).rstrip()
