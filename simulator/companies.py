"""Companies with habits: what each one trades, through which places, with whom, at which price."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator import identifiers, reference
from simulator.reference import AIR, Goods

PLACES, COUNTRIES, PARTIES, USES = 3, 6, 3, 2
"""How many of each a company has for one kind of goods, at most."""

PLACE_ODDS = np.array([0.8, 0.16, 0.04])
PARTY_ODDS = np.array([0.72, 0.22, 0.06])
USE_ODDS = np.array([0.85, 0.15])


@dataclass(frozen=True)
class Line:
    """One company's trade in one kind of goods. Choices come with their cumulative probabilities."""

    empresa: str
    goods: int
    weight: float
    """Its share of all activity, before the season; not normalised."""
    months: np.ndarray
    """Relative activity per month, January first."""
    born: int
    """The day (proleptic ordinal) of the first declaration; 0 for companies that were always there."""
    places: Sequence[int]
    agents: Sequence[str | None]
    """The customs agency at each place; None where the company declares for itself."""
    countries: Sequence[str]
    country_odds: np.ndarray
    place_odds: np.ndarray
    """Per country, the odds of each place: some reach only the neighbours."""
    parties: Sequence[Sequence[str]]
    """The foreign parties in each country."""
    log_price: float
    """The logarithm of its own price over the usual one."""
    log_kg: float
    log_kg_spread: float
    tare: float
    inward: bool
    """Whether the goods enter the country: the partner is then also their origin."""
    operation: str | None = None
    uses: Sequence[str] = ()
    certificate: str | None = None
    concentration: float = 0.0


def found(dataset: str, rng: np.random.Generator, activity: float, born: int, number: int) -> Iterator[Line]:
    """The lines of one new company. `activity` is its share of all trade, `number` makes its NIT."""
    goods = reference.goods(dataset)
    empresa = identifiers.nit(number)
    taste = rng.gumbel(size=len(reference.places()))  # one liking per place, whatever the goods: companies have homes
    agentless = rng.random() < 0.06
    certificate = f"CCITE-{number % 100_000:05d}-{rng.integers(20, 26)}"
    for rank, index in enumerate(_range_of_goods(goods, rng)):
        product = goods[index]
        inward = product.substance is not None and rng.random() > product.substance.export_share
        market = reference.markets()[product.market if inward or product.substance is None else product.export_market]
        places = _places(product, taste, rng, market)
        named = [reference.places()[place] for place in places]
        countries, country_odds, place_odds = _countries(market, [place.name for place in named], rng)
        yield Line(
            empresa=empresa,
            goods=index,
            weight=activity * product.weight / (1 + rank) / max(product.weight, 1),
            months=np.array(reference.seasons()[product.season]) * np.exp(rng.normal(0, 0.15, 12)),
            born=born,
            places=places,
            place_odds=place_odds,
            agents=[None if agentless else identifiers.agent(place.office, int(rng.zipf(1.8)) % 12) for place in named],
            countries=countries,
            country_odds=country_odds,
            parties=[[identifiers.party(country, int(160 * rng.random() ** 2)) for _ in range(PARTIES)] for country in countries],
            log_price=float(rng.normal(0, 0.16)),
            log_kg=float(np.log(_usual_kg(product, named[0].mode)) + rng.normal(0, 0.55)),
            log_kg_spread=float(rng.uniform(0.15, 0.5)),
            tare=1 + (product.tare - 1) * float(rng.uniform(0.8, 1.25)),
            inward=inward,
            **_controlled(product, inward, certificate, rng),
        )


def _controlled(product: Goods, inward: bool, certificate: str, rng: np.random.Generator) -> dict[str, Any]:
    substance = product.substance
    if substance is None:
        return {}
    uses = list(rng.permutation(substance.uses)[:USES])
    return {
        "operation": "IMPORTACION" if inward else ("REEXPORTACION" if rng.random() < 0.12 else "EXPORTACION"),
        "uses": [str(use) for use in uses] * (USES // len(uses)),
        "certificate": certificate,
        "concentration": min(100.0, float(rng.normal(substance.concentration_pct, substance.concentration_sd))),
    }


def _range_of_goods(goods: Sequence[Goods], rng: np.random.Generator) -> list[int]:
    """The goods of one company, the main one first: the others mostly go the same way to the same markets."""
    weights = np.array([product.weight for product in goods])
    main = int(rng.choice(len(goods), p=weights / weights.sum()))
    alike = weights * [
        (1.0 if product.market == goods[main].market else 0.02) * (3.0 if product.chapter == goods[main].chapter else 1.0)
        for product in goods
    ]
    alike[main] = 0
    others = min(int(rng.geometric(0.45)) - 1, 6, int((alike > 0).sum()))
    return [main, *(int(other) for other in rng.choice(len(goods), size=others, replace=False, p=alike / alike.sum()))]


def _places(product: Goods, taste: np.ndarray, rng: np.random.Generator, market: Collection[str]) -> list[int]:
    """Up to three places on the goods' route from which the market is reached, the company's favourite first."""
    route, reach = reference.routes()[product.route], reference.reach()
    usable = [
        (-np.log(route[place.name]) - taste[number], number)
        for number, place in enumerate(reference.places())
        if place.name in route and not reach.get(place.name, frozenset(market)).isdisjoint(market)
    ]
    count = int(rng.choice([1, 2, 3], p=[0.5, 0.36, 0.14]))
    return [number for _, number in sorted(usable)[:count]]


def _countries(market: Mapping[str, float], places: Sequence[str], rng: np.random.Generator) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Up to six countries that the company's places reach, their odds, and per country the odds of each place."""
    reach = reference.reach()
    reached = np.array([[country in reach.get(place, market) for place in places] for country in market])
    likings = np.log(list(market.values())) + rng.gumbel(size=len(market)) + 2 * reached[:, 0]
    ordered = [int(number) for number in np.argsort(-likings, kind="stable") if reached[number].any()]
    ordered = ordered[: min(1 + int(rng.geometric(0.4)), COUNTRIES)]
    names = list(market)
    favour = PLACE_ODDS[: len(places)]
    return (
        [names[number] for number in ordered],
        _cumulative(0.55 ** np.arange(len(ordered)) + 0.01),
        np.array([_cumulative(favour * reached[number]) for number in ordered]),
    )


def _usual_kg(product: Goods, mode: str) -> float:
    """A usual shipment; what flies is never a shipload."""
    return min(product.typical_kg, 2_500.0) if mode == AIR else product.typical_kg


def _cumulative(odds: np.ndarray) -> np.ndarray:
    return np.cumsum(odds / odds.sum())
