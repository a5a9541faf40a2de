"""Declarations of several datasets as one flow: mixed, paced, and labelled beside the events."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from simulator.anomalies import FIELDS
from simulator.generate import PER_DAY, Drift, Generator

SHARES: Mapping[str, float] = {"exportaciones": 0.8, "sustancias_controladas": 0.2}
"""How much of mixed traffic each dataset makes, where there are several."""

_TICK = 0.05
_MOST_BEHIND = 2.0


@dataclass(frozen=True)
class Event:
    """A declaration ready to be sent, and the kind of the anomaly injected into it, if any."""

    dataset: str
    declaration: dict[str, Any]
    kind: str | None


def mixed(
    datasets: Sequence[str],
    seed: int,
    start: datetime,
    anomaly_share: float,
    *,
    per_day: float = PER_DAY,
    drift: Sequence[Drift] = (),
) -> Iterator[Event]:
    """Endless declarations of the datasets, in proportion to SHARES; `per_day` counts those of all of them."""
    total = sum(SHARES[dataset] for dataset in datasets)
    streams = [
        (dataset, SHARES[dataset] / total, Generator(dataset, seed, drift=drift).stream(start, anomaly_share, per_day=share_of_day))
        for dataset in datasets
        for share_of_day in [per_day * SHARES[dataset] / total]
    ]
    owed = [0.0] * len(streams)
    while True:
        for number, (_, share, _) in enumerate(streams):
            owed[number] += share
        turn = owed.index(max(owed))
        owed[turn] -= 1
        dataset, _, stream = streams[turn]
        declaration, kind = next(stream)
        yield Event(dataset, declaration, kind)


def paced(
    events: Iterator[Event],
    rate: float | None,
    stopped: Callable[[], bool],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[Event]]:
    """The events in blocks, `rate` a second on average (None: as fast as they are taken), until there are no more or
    `stopped`. After a stall it goes on at its rate and does not send what it owes all at once."""
    begin, sent = clock(), 0
    while not stopped():
        if rate is None:
            due = 1000
        else:
            behind = (clock() - begin) * rate - sent
            if behind > _MOST_BEHIND * rate + 1:
                begin, sent, behind = clock(), 0, 1.0
            due = min(int(behind), max(1, int(rate * _TICK * 4)))
            if due < 1:
                sleep(min(_TICK, max(0.001, (1 - behind) / rate)))
                continue
        block = list(islice(events, due))
        if not block:
            return
        sent += len(block)
        yield block


class Labels:
    """The side file of what was injected, one JSON object a line; no file, no labels. What is there already stays."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("ab") if path else None

    def note(self, events: Sequence[Event]) -> None:
        """Appends the labels of those events that have one."""
        if self._file is None:
            return
        lines = [
            {
                "declaration_id": event.declaration["declaration_id"],
                "dataset": event.dataset,
                "kind": event.kind,
                "fields": FIELDS[event.kind],
            }
            for event in events
            if event.kind is not None
        ]
        self._file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        self._file.flush()

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file:
            self._file.close()
