"""Anomalies put into clean declarations on purpose. Their labels travel beside the events, never in them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from simulator import identifiers, reference
from simulator.companies import Line
from simulator.reference import Goods
from simulator.world import Habits

FIELDS: Mapping[str, tuple[str, ...]] = {
    "overvalued": ("valor_fob_usd",),
    "undervalued": ("valor_fob_usd",),
    "weight": ("peso_neto_kg", "peso_bruto_kg"),
    "foreign_chapter": ("subpartida",),
    "strange_port": ("puerto", "aduana", "via"),
    "strange_country": ("pais", "contraparte"),
    "swapped_fields": ("valor_fob_usd", "peso_neto_kg"),
    "burst": ("valor_fob_usd", "peso_neto_kg", "peso_bruto_kg", "cantidad"),
    "strange_use": ("uso",),
    "strange_operation": ("operacion",),
    "concentration": ("concentracion_pct",),
}
"""What can be injected, with the fields that each kind touches."""

BURST = 5
"""How many declarations a burst has, where the block has room for them."""

EXPORT_LIMIT_USD = 10_000
"""Up to this value an exporter may declare without a customs agency, which makes it worth staying under."""

_ONLY_CONTROLLED = ("strange_use", "strange_operation", "concentration")

Event = dict[str, Any]
Change = Callable[[np.random.Generator, Event, Goods, Sequence[Line]], bool]


def kinds(dataset: str) -> tuple[str, ...]:
    """The kinds that are injected into one dataset."""
    controlled = reference.goods(dataset)[0].substance is not None
    return tuple(kind for kind in FIELDS if controlled or kind not in _ONLY_CONTROLLED)


class Injector:
    """Makes a share of the declarations of one dataset odd."""

    def __init__(self, dataset: str) -> None:
        self._goods = reference.goods(dataset)
        self._kinds = kinds(dataset)
        self._countries = sorted(
            {
                country
                for product in self._goods
                for name in (product.market, product.export_market)
                for country in reference.markets()[name]
            }
        )
        self._uses = sorted({use for product in self._goods if product.substance for use in product.substance.uses})
        self._changes: dict[str, Change] = {
            "overvalued": lambda rng, event, *_: _scale(event, rng.uniform(6, 20), "valor_fob_usd"),
            "undervalued": lambda rng, event, *_: _scale(event, 1 / rng.uniform(6, 20), "valor_fob_usd"),
            "weight": _weight,
            "foreign_chapter": self._foreign_chapter,
            "strange_port": _strange_port,
            "strange_country": self._strange_country,
            "swapped_fields": _swapped_fields,
            "burst": _under_limit,
            "strange_use": self._strange_use,
            "strange_operation": _strange_operation,
            "concentration": _concentration,
        }

    def inject(self, rng: np.random.Generator, habits: Habits, events: list[Event], lines: np.ndarray, share: float) -> list[str | None]:
        """Changes a share of the events in place and says what was done to each: a kind, or None."""
        labels: list[str | None] = [None] * len(events)
        odd = int(rng.binomial(len(events), share))
        order = iter(rng.permutation(len(events)).tolist())
        while odd > 0:
            position = next(spot for spot in order if labels[spot] is None)
            product, company = self._goods[habits.goods[lines[position]]], habits.lines_of(int(lines[position]))
            # A kind that this declaration has no room for (a use for goods without one) gives way to the next.
            kind = next(kind for kind in self._shuffled(rng) if self._changes[kind](rng, events[position], product, company))
            labels[position] = kind
            odd -= 1
            if kind == "burst":
                followers = [spot for spot in range(position + 1, len(events)) if labels[spot] is None][: min(BURST - 1, odd)]
                for spot in followers:
                    events[spot] = {**events[position]}
                    _under_limit(rng, events[spot], product, company)
                    labels[spot] = kind
                odd -= len(followers)
        return labels

    def _shuffled(self, rng: np.random.Generator) -> list[str]:
        """The kinds in random order. A burst labels several events, so it comes first that much less often."""
        order = [self._kinds[number] for number in rng.permutation(len(self._kinds))]
        return order if rng.random() < 1 / BURST else [kind for kind in order if kind != "burst"]

    def _foreign_chapter(self, rng: np.random.Generator, event: Event, _: Goods, company: Sequence[Line]) -> bool:
        usual = {self._goods[line.goods].chapter for line in company}
        others = [product.subpartida for product in self._goods if product.chapter not in usual]
        return _replace(rng, event, "subpartida", others)

    def _strange_country(self, rng: np.random.Generator, event: Event, _: Goods, company: Sequence[Line]) -> bool:
        usual = {country for line in company for country in line.countries}
        before = event["pais"]
        if not _replace(rng, event, "pais", [country for country in self._countries if country not in usual]):
            return False
        event["contraparte"] = identifiers.party(event["pais"], int(rng.integers(200)))
        if event.get("pais_origen") == before:
            event["pais_origen"] = event["pais"]
        return True

    def _strange_use(self, rng: np.random.Generator, event: Event, product: Goods, _: Sequence[Line]) -> bool:
        usual = product.substance.uses if product.substance else self._uses
        return _replace(rng, event, "uso", [use for use in self._uses if use not in usual])


def _weight(rng: np.random.Generator, event: Event, *_: object) -> bool:
    factor = rng.uniform(8, 30)
    return _scale(event, factor if rng.random() < 0.5 else 1 / factor, "peso_neto_kg", "peso_bruto_kg")


def _strange_port(rng: np.random.Generator, event: Event, _: Goods, company: Sequence[Line]) -> bool:
    usual = {place for line in company for place in line.places}
    others = [place for number, place in enumerate(reference.places()) if number not in usual]
    place = others[int(rng.integers(len(others)))]
    event.update(puerto=place.name, aduana=place.office, via=place.mode)
    return True


def _swapped_fields(_: np.random.Generator, event: Event, *__: object) -> bool:
    """Value and weight in each other's place, where one can tell: what costs about a dollar a kilogram stays the same."""
    value, weight = event["valor_fob_usd"], event["peso_neto_kg"]
    if 0.3 < value / weight < 3:
        return False
    event.update(valor_fob_usd=weight, peso_neto_kg=value)
    return True


def _under_limit(rng: np.random.Generator, event: Event, product: Goods, _: Sequence[Line]) -> bool:
    """One of several declarations just under a limit, for goods that are usually shipped well above it."""
    if product.substance is None:
        field, limit, usual = "valor_fob_usd", float(EXPORT_LIMIT_USD), product.typical_kg * product.usd_per_kg
    else:
        field, limit, usual = "peso_neto_kg", product.substance.threshold_kg, product.typical_kg
    if usual < 1.5 * limit or limit == 0:
        return False
    factor = limit * rng.uniform(0.95, 0.999) / event[field]
    return _scale(event, factor, "valor_fob_usd", "peso_neto_kg", "peso_bruto_kg", "cantidad")


def _strange_operation(rng: np.random.Generator, event: Event, _: Goods, company: Sequence[Line]) -> bool:
    usual = {line.operation for line in company}
    return _replace(rng, event, "operacion", [name for name in ("IMPORTACION", "EXPORTACION", "REEXPORTACION") if name not in usual])


def _concentration(rng: np.random.Generator, event: Event, product: Goods, _: Sequence[Line]) -> bool:
    if product.substance is None:
        return False
    usual = product.substance.concentration_pct
    shift = rng.uniform(25, 45)
    event["concentracion_pct"] = round(usual - shift if usual >= 50 else usual + shift, 1)
    return True


def _scale(event: Event, factor: float, *fields: str) -> bool:
    for field in fields:
        if field in event:
            event[field] = max(round(event[field] * float(factor), 2), 0.01)
    return True


def _replace(rng: np.random.Generator, event: Event, field: str, others: Sequence[str]) -> bool:
    """Puts one of the others there; False where there are none."""
    if others:
        event[field] = others[int(rng.integers(len(others)))]
    return bool(others)
