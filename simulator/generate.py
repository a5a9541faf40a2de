"""Synthetic declarations: the clean history that models learn from, and the endless stream with anomalies in it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from simulator import identifiers, reference
from simulator.anomalies import Injector
from simulator.declare import Clerk
from simulator.world import World

BLOCK = 4096
"""How many events are drawn at once."""

PER_DAY = 5_700
"""Declarations a day: Colombia's exports at the end of 2025 were about 520,000 in a quarter."""

_HISTORY_DAYS = 365
_PREFIX = {"exportaciones": "EXP", "sustancias_controladas": "SQC"}
_COMPANIES = {"exportaciones": 600, "sustancias_controladas": 240}


@dataclass(frozen=True)
class Drift:
    """A lasting change of the world: from `since` on, the price of a subpartida is multiplied by `price_factor`."""

    since: date
    subpartida: str
    price_factor: float


class Generator:
    """Declarations of one dataset. The seed fixes the companies and their habits, so that history and stream agree.

    The same dataset, seed, arguments and start give the same events, on every platform and in every process.
    Declaration ids are derived from all of these: two runs that differ in any of them share no id.
    """

    def __init__(self, dataset: str, seed: int, *, companies: int | None = None, drift: Sequence[Drift] = ()) -> None:
        """`companies` are those there from the beginning; newcomers are added every month. Raises LookupError for
        a dataset that the simulator has no goods for."""
        self.goods = reference.goods(dataset)
        self.dataset, self.seed, self.drift = dataset, seed, tuple(drift)
        self.companies = companies or _COMPANIES[dataset]
        self.world = World(dataset, seed, self.companies)

    def history(self, n: int, until: date) -> Iterator[dict[str, Any]]:
        """`n` clean declarations in time order, spread over the 365 days before `until`."""
        start = until - timedelta(days=_HISTORY_DAYS)
        for event, _ in itertools.islice(self._events("history", start, n / _HISTORY_DAYS, 0.0), n):
            yield event

    def stream(
        self, start: date | datetime, anomaly_share: float, *, per_day: float = PER_DAY
    ) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Endless declarations from `start` on, `per_day` to a simulated day, each with the kind of the anomaly
        injected into it, or None. `anomalies.FIELDS` says which fields a kind touches."""
        if not 0 <= anomaly_share <= 1:
            raise ValueError(f"the share of anomalies must lie between 0 and 1, not {anomaly_share}")
        return self._events("stream", start, per_day, anomaly_share)

    def _events(
        self, what: str, start: date | datetime, per_day: float, anomaly_share: float
    ) -> Iterator[tuple[dict[str, Any], str | None]]:
        run = (self.seed, what, start.isoformat(), per_day, anomaly_share, self.companies, self.drift)
        rng = identifiers.randomness("events", self.dataset, *run)
        prefix = f"{_PREFIX[self.dataset]}-{identifiers.stream_tag(self.dataset, *run)}-"
        first = date(start.year, start.month, start.day).toordinal()
        clerk, injector = Clerk(self.goods), Injector(self.dataset)
        done = 0
        while True:
            month, count = _rest_of_month(first, done, per_day)
            days = first + ((done + np.arange(count)) / per_day).astype(np.int64)
            habits = self.world.habits(month)
            events, lines = clerk.declare(rng, habits, self.world.price_level(month), self._drift_factors(days), days)
            kinds = injector.inject(rng, habits, events, lines, anomaly_share)
            for number, event in enumerate(events, done + 1):
                event["declaration_id"] = f"{prefix}{number:09d}"
            yield from zip(events, kinds, strict=True)
            done += count

    def _drift_factors(self, days: np.ndarray) -> np.ndarray | None:
        """Per day and goods, what drift multiplies the price by; None where nothing drifts."""
        if not self.drift:
            return None
        factors = np.ones((len(days), len(self.goods)))
        for change in self.drift:
            moved = [number for number, product in enumerate(self.goods) if product.subpartida == change.subpartida]
            factors[np.ix_(np.flatnonzero(days >= change.since.toordinal()), np.array(moved, dtype=np.int64))] *= change.price_factor
        return factors


def _rest_of_month(first: int, done: int, per_day: float) -> tuple[int, int]:
    """The month of event number `done`, and how many events follow before the month or the block ends."""
    today = date.fromordinal(first + int(done / per_day))
    month = today.year * 12 + today.month - 1
    next_month = date((month + 1) // 12, (month + 1) % 12 + 1, 1).toordinal()
    days = first + ((done + np.arange(BLOCK)) / per_day).astype(np.int64)
    return month, int((days < next_month).sum())
