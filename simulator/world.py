"""Who is active in a month: the companies that were always there and the newcomers of the last two years."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from simulator import companies, identifiers, reference
from simulator.companies import COUNTRIES, PARTIES, PLACES, USES, Line

STAY = 24
"""For how many months a newcomer is seen; most young exporters give up within two years."""


@dataclass(frozen=True)
class Habits:
    """The lines of a month as columns, one row a line. A choice never made has its odds above 1."""

    lines: tuple[Line, ...]
    company: np.ndarray
    goods: np.ndarray
    cumulative: np.ndarray
    """Cumulative activity in this month."""
    settled: np.ndarray
    """The same of the companies born before this month."""
    born: np.ndarray
    place: np.ndarray
    agent: np.ndarray
    country: np.ndarray
    country_odds: np.ndarray
    place_odds: np.ndarray
    party: np.ndarray
    use: np.ndarray
    log_price: np.ndarray
    log_kg: np.ndarray
    log_kg_spread: np.ndarray
    tare: np.ndarray
    concentration: np.ndarray
    empresa: np.ndarray
    certificate: np.ndarray
    operation: np.ndarray
    inward: np.ndarray

    def lines_of(self, line: int) -> list[Line]:
        """Every line of the company that has this one."""
        return [self.lines[other] for other in np.flatnonzero(self.company == self.company[line])]


class World:
    """The companies of one dataset and seed, month by month. Months count from year 0: `year * 12 + month - 1`."""

    def __init__(self, dataset: str, seed: int, size: int) -> None:
        """`size` is the number of companies that were always there."""
        self._dataset, self._seed, self._size = dataset, seed, size
        rng = identifiers.randomness("companies", dataset, seed)
        # Few declare most: about a quarter of the companies make four fifths of the declarations.
        activity = (np.arange(size) + 4.0) ** -1.05
        activity /= activity.sum()
        numbers = 800_000_000 + rng.choice(90_000_000, size=size, replace=False)
        self._settled = [
            line for share, number in zip(activity, numbers, strict=True) for line in companies.found(dataset, rng, share, 0, int(number))
        ]
        self._newcomers = lru_cache(maxsize=2 * STAY)(self._found_newcomers)
        self.habits = lru_cache(maxsize=4)(self._habits)

    def price_level(self, month: int) -> np.ndarray:
        """The usual price of each of the goods in a month, USD per kg."""
        goods = reference.goods(self._dataset)
        noise = identifiers.randomness("prices", self._dataset, self._seed, month).normal(size=len(goods))
        return np.array([product.usd_per_kg for product in goods]) * np.exp(noise * [product.monthly_spread for product in goods])

    def _found_newcomers(self, month: int) -> list[Line]:
        rng = identifiers.randomness("newcomers", self._dataset, self._seed, month)
        first = date(month // 12, month % 12 + 1, 1).toordinal()
        lines: list[Line] = []
        for _ in range(rng.poisson(self._size / 100)):
            activity = 0.3 / self._size * rng.lognormal(0, 0.8)
            # Newer companies have NITs from 900 million on.
            number = int(900_000_000 + rng.integers(99_999_999))
            lines += companies.found(self._dataset, rng, activity, first + int(rng.integers(28)), number)
        return lines

    def _habits(self, month: int) -> Habits:
        lines = [*self._settled, *(line for past in range(month - STAY + 1, month + 1) for line in self._newcomers(past))]
        weights = np.array([line.weight * line.months[month % 12] for line in lines])
        born = np.array([line.born for line in lines])
        settled = weights * (born < date(month // 12, month % 12 + 1, 1).toordinal())
        number_of = {empresa: number for number, empresa in enumerate(dict.fromkeys(line.empresa for line in lines))}
        return Habits(
            lines=tuple(lines),
            company=np.array([number_of[line.empresa] for line in lines]),
            goods=np.array([line.goods for line in lines]),
            cumulative=np.cumsum(weights) / weights.sum(),
            settled=np.cumsum(settled) / settled.sum(),
            born=born,
            place=_table([line.places for line in lines], (PLACES,), 0),
            agent=_table([line.agents for line in lines], (PLACES,), None),
            country=_table([line.countries for line in lines], (COUNTRIES,), ""),
            country_odds=_table([line.country_odds for line in lines], (COUNTRIES,), 2.0),
            place_odds=_table([line.place_odds for line in lines], (COUNTRIES, PLACES), 2.0),
            party=_table([line.parties for line in lines], (COUNTRIES, PARTIES), ""),
            use=_table([line.uses for line in lines], (USES,), None),
            log_price=np.array([line.log_price for line in lines]),
            log_kg=np.array([line.log_kg for line in lines]),
            log_kg_spread=np.array([line.log_kg_spread for line in lines]),
            tare=np.array([line.tare for line in lines]),
            concentration=np.array([line.concentration for line in lines]),
            empresa=np.array([line.empresa for line in lines], dtype=object),
            certificate=np.array([line.certificate for line in lines], dtype=object),
            operation=np.array([line.operation for line in lines], dtype=object),
            inward=np.array([line.inward for line in lines]),
        )


def _table(rows: Sequence[Any], shape: tuple[int, ...], missing: object) -> np.ndarray:
    """Ragged rows as one array, filled up with `missing`."""
    kind = type(missing) if isinstance(missing, int | float) else object
    table = np.full((len(rows), *shape), missing, dtype=kind)
    for number, row in enumerate(rows):
        values = np.array(row, dtype=kind)
        table[number][tuple(slice(size) for size in values.shape)] = values
    return table
