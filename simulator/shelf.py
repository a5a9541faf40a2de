"""The rows of the source: one endless CSV table a dataset, of which as much can be read as its time has come for."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice
from math import floor
from random import Random
from threading import Lock
from typing import Any

from schemas import datasets
from simulator import identifiers
from simulator.faults import break_row
from simulator.generate import PER_DAY, Generator

ANOMALY_SHARE = 0.01
"""The share of declarations after the history that are odd on purpose."""

_CURSOR = re.compile(r"([A-Z2-7]{8})-([0-9]{1,18})")


class BadCursor(ValueError):
    """A cursor that this shelf never gave out; the message says what to do."""


@dataclass(frozen=True)
class Page:
    """Some rows as encoded CSV lines, and the cursor that goes on after them."""

    header: bytes
    lines: list[bytes]
    next_cursor: str


class Shelf:
    """The rows of one dataset: `rows` clean ones from the year before `until`, then `per_day` a day as their time comes.

    The same arguments make the same rows at the same cursors, in every process. Any thread may read.
    """

    def __init__(self, dataset: str, *, rows: int, seed: int, until: date, per_day: float = PER_DAY, broken_share: float = 0.0) -> None:
        """`broken_share` of the rows are no declarations. Raises LookupError for a dataset that there is none of."""
        self.spec = datasets.load(dataset)
        self.header = _encode([field.name for field in self.spec.fields])
        self._rows, self._seed, self._per_day, self._broken_share = rows, seed, per_day, broken_share
        self._begin = datetime.combine(until, time(), UTC)
        self._tag = identifiers.stream_tag(dataset, rows, seed, until, per_day, broken_share)
        generator = Generator(dataset, seed)
        stream = (event for event, _ in generator.stream(until, ANOMALY_SHARE, per_day=per_day))
        self._events: Iterator[dict[str, Any]] = chain(generator.history(rows, until), stream)
        self._lines: list[bytes] = []
        self._lock = Lock()

    def page(self, cursor: str | None, limit: int, now: datetime) -> Page:
        """At most `limit` of the rows that are there `now`, from the cursor on (None: from the first); raises BadCursor."""
        start = self._position(cursor) if cursor else 0
        end = min(start + limit, self._there(now))
        with self._lock:
            made = len(self._lines)
            self._lines += map(self._line, range(made, end), islice(self._events, max(0, end - made)))
            lines = self._lines[start:end]
        return Page(self.header, lines, f"{self._tag}-{start + len(lines)}")

    def _position(self, cursor: str) -> int:
        found = _CURSOR.fullmatch(cursor)
        if found is None or found[1] != self._tag:
            raise BadCursor(
                f"cursor {cursor[:40]!r} was not given out here for {self.spec.name}, or before the source was set up anew: "
                "send an X-Next-Cursor of this dataset as it came, or none to start from the first row"
            )
        return int(found[2])

    def _there(self, now: datetime) -> int:
        """How many rows there are: one of the stream at midnight of `until`, the others at equal distances after it."""
        days = (now - self._begin) / timedelta(days=1)
        return self._rows + (floor(days * self._per_day) + 1 if days >= 0 else 0)

    def _line(self, position: int, event: dict[str, Any]) -> bytes:
        cells = [str(event.get(field.name, "")) for field in self.spec.fields]
        rng = Random(f"{self.spec.name} {self._seed} {position}")  # noqa: S311  # a simulation, which must be repeatable
        return _encode(break_row(rng, self.spec, cells) if rng.random() < self._broken_share else cells)


class _Line:
    """A file whose `write` hands the text back, which is what `writerow` then returns."""

    def write(self, text: str) -> str:
        return text


_WRITER = csv.writer(_Line())


def _encode(cells: list[str]) -> bytes:
    return str(_WRITER.writerow(cells)).encode()
