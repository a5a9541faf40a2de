"""Draws blocks of clean declarations from the habits of a month, in columns rather than value by value."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from simulator import reference
from simulator.companies import PARTY_ODDS, USE_ODDS
from simulator.reference import Goods
from simulator.world import Habits

# How often an optional field is missing from a declaration that could have it.
MISSING = {
    "fecha": 0.002,
    "pais_origen": 0.03,
    "via": 0.005,
    "aduana": 0.005,
    "agente": 0.02,
    "contraparte": 0.03,
    "unidad": 0.01,
    "peso_bruto_kg": 0.015,
    "cantidad": 0.01,
    "uso": 0.01,
    "certificado": 0.03,
    "concentracion_pct": 0.04,
}

PRICE_NOISE = 0.06
"""How far one shipment's price strays from its company's, as a standard deviation of the logarithm."""


class Clerk:
    """Fills in the declarations of one dataset."""

    def __init__(self, goods: Sequence[Goods]) -> None:
        places = reference.places()
        self._controlled = goods[0].substance is not None
        self._subpartida = _texts(product.subpartida for product in goods)
        self._unit = _texts(product.unit for product in goods)
        self._kg_per_unit = np.array([product.kg_per_unit for product in goods])
        self._substance = _texts(product.substance.name if product.substance else None for product in goods)
        self._concentration_spread = np.array([product.substance.concentration_sd / 3 if product.substance else 0 for product in goods])
        self._place = _texts(place.name for place in places)
        self._office = _texts(place.office for place in places)
        self._mode = _texts(place.mode for place in places)

    def declare(
        self, rng: np.random.Generator, habits: Habits, prices: np.ndarray, drift: np.ndarray | None, days: np.ndarray
    ) -> tuple[list[dict[str, Any]], np.ndarray]:
        """Declarations on these days of one month, without ids, and for each the line of `habits` that it follows.

        `prices` are the month's in USD per kg of each of the goods, `drift` multiplies them per day and goods.
        """
        n = len(days)
        line = np.searchsorted(habits.cumulative, rng.random(n), side="right")
        early = habits.born[line] > days
        line[early] = np.searchsorted(habits.settled, rng.random(int(early.sum())), side="right")
        line = np.minimum(line, len(habits.lines) - 1)

        goods = habits.goods[line]
        country = _choose(habits.country_odds[line], rng.random(n))
        slot = _choose(habits.place_odds[line, country], rng.random(n))
        party = _choose(np.cumsum(PARTY_ODDS), rng.random(n))
        place = habits.place[line, slot]
        partner = habits.country[line, country]

        kg = np.round(np.maximum(np.exp(rng.normal(habits.log_kg[line], habits.log_kg_spread[line])), 0.05), 2)
        usd = kg * prices[goods] * np.exp(rng.normal(habits.log_price[line], PRICE_NOISE))
        if drift is not None:
            usd *= drift[np.arange(n), goods]
        gross = kg * np.maximum(habits.tare[line] + rng.normal(0, 0.006, n), 1)
        units = kg / self._kg_per_unit[goods] * np.where(self._kg_per_unit[goods] == 1, 1, np.exp(rng.normal(0, 0.02, n)))
        # Things are counted; what is weighed or measured keeps its decimals.
        units = np.where(self._unit[goods] == "U", np.maximum(np.rint(units), 1), np.round(units, 2))
        abroad = habits.inward[line] | (rng.random(n) < 0.004)

        columns: dict[str, np.ndarray | list[Any]] = {
            "declaration_id": [""] * n,
            "empresa": habits.empresa[line],
            "subpartida": self._subpartida[goods],
            "puerto": self._place[place],
            "fecha": _dates(days),
            "pais": partner,
            "pais_origen": np.where(abroad, partner, "CO"),
            "via": self._mode[place],
            "aduana": self._office[place],
            "agente": habits.agent[line, slot],
            "contraparte": habits.party[line, country, party],
            "unidad": self._unit[goods],
            "valor_fob_usd": np.round(np.maximum(usd, 0.01), 2).tolist(),
            "peso_neto_kg": kg.tolist(),
            "peso_bruto_kg": np.round(gross, 2).tolist(),
            "cantidad": units.tolist(),
        }
        if self._controlled:
            content = rng.normal(habits.concentration[line], self._concentration_spread[goods])
            columns |= {
                "sustancia": self._substance[goods],
                "uso": habits.use[line, _choose(np.cumsum(USE_ODDS), rng.random(n))],
                "operacion": habits.operation[line],
                "certificado": habits.certificate[line],
                "concentracion_pct": np.round(np.clip(content, 0.1, 100), 1).tolist(),
            }
        return _rows(columns, rng), line


def _rows(columns: dict[str, np.ndarray | list[Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    names = tuple(columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for name, share in MISSING.items():
        if name in columns:
            for number in np.flatnonzero(rng.random(len(rows)) < share).tolist():
                del rows[number][name]
    for number in [number for number, agent in enumerate(columns["agente"]) if agent is None]:
        rows[number].pop("agente", None)
    return rows


def _choose(odds: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """The position of each chance in (each row of) cumulative odds; `odds` above 1 are never reached."""
    # The last real choice takes what rounding left over: its odds may be a hair under 1.
    return np.asarray((chance[:, None] * (1 - 1e-9) >= odds[..., :-1]).sum(axis=1))


def _dates(days: np.ndarray) -> list[str]:
    distinct = {int(day): date.fromordinal(int(day)).isoformat() for day in np.unique(days)}
    return [distinct[day] for day in days.tolist()]


def _texts(values: Any) -> np.ndarray:
    """An array of objects: its items come out as str, never as numpy.str_."""
    return np.array(list(values), dtype=object)
