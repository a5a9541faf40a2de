"""The tables of the simulated world: goods, places, markets and seasons. `data/README.md` says where their facts come from."""

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

AIR = "4"
"""DANE's code of the transport mode."""


@dataclass(frozen=True)
class Substance:
    """What a controlled substance's declarations have beyond other goods'."""

    name: str
    threshold_kg: float
    """The monthly quantity from which it is controlled; 0 means any quantity."""
    concentration_pct: float
    concentration_sd: float
    uses: tuple[str, ...]
    export_share: float


@dataclass(frozen=True)
class Goods:
    """A subpartida with its usual price, shipment and partners. Spreads are of the natural logarithm."""

    subpartida: str
    usd_per_kg: float
    monthly_spread: float
    unit: str
    kg_per_unit: float
    typical_kg: float
    tare: float
    market: str
    export_market: str
    route: str
    season: str
    weight: float
    substance: Substance | None = None

    @property
    def chapter(self) -> str:
        """The first two digits: the chapter of the Harmonized System."""
        return self.subpartida[:2]


@dataclass(frozen=True)
class Place:
    """A port, airport or border crossing, with its customs office and transport mode as DANE codes."""

    name: str
    office: str
    mode: str


@cache
def goods(dataset: str) -> tuple[Goods, ...]:
    """What is traded in a dataset; raises LookupError for a dataset that the simulator has no goods for."""
    if dataset == "exportaciones":
        return tuple(_product(row) for row in _rows("products.csv"))
    if dataset == "sustancias_controladas":
        return tuple(_controlled(row) for row in _rows("substances.csv"))
    raise LookupError(f"the simulator knows exportaciones and sustancias_controladas, not {dataset!r}")


@cache
def places() -> tuple[Place, ...]:
    """Every place that goods can leave or enter through; a place's position here is its number elsewhere."""
    return tuple(Place(row["puerto"], row["aduana"], row["via"]) for row in _rows("places.csv"))


@cache
def routes() -> Mapping[str, Mapping[str, float]]:
    """Per route, the weights of its places by name."""
    return {name: table for name, table in _toml("routes.toml").items() if name != "reach"}


@cache
def reach() -> Mapping[str, frozenset[str]]:
    """The countries that a land or river place reaches; a place that is not listed reaches all."""
    return {place: frozenset(countries) for place, countries in _toml("routes.toml")["reach"].items()}


@cache
def markets() -> Mapping[str, Mapping[str, float]]:
    """Per market, the weights of its countries."""
    markets: dict[str, dict[str, float]] = _toml("markets.toml")
    return markets


@cache
def seasons() -> Mapping[str, tuple[float, ...]]:
    """Per season, the relative activity of the twelve months."""
    return {name: tuple(months) for name, months in _toml("seasons.toml").items()}


def _product(row: Mapping[str, str]) -> Goods:
    return Goods(
        subpartida=row["subpartida"],
        usd_per_kg=float(row["usd_por_kg"]),
        monthly_spread=float(row["sd_log_mensual"]),
        unit=row["unidad"],
        kg_per_unit=float(row["kg_por_unidad"]),
        typical_kg=float(row["kg_tipico"]),
        tare=float(row["tara"]),
        market=row["mercado"],
        export_market=row["mercado"],
        route=row["ruta"],
        season=row["temporada"],
        weight=float(row["peso"]),
    )


def _controlled(row: Mapping[str, str]) -> Goods:
    return Goods(
        subpartida=row["subpartida"],
        usd_per_kg=float(row["usd_por_kg"]),
        monthly_spread=float(row["sd_log_mensual"]),
        unit=row["unidad"],
        kg_per_unit=float(row["kg_por_unidad"]),
        typical_kg=float(row["kg_tipico"]),
        tare=1.04,
        market="quimicos_entrada",
        export_market="quimicos_salida",
        route="quimicos",
        season="plana",
        weight=float(row["peso"]),
        substance=Substance(
            name=row["sustancia"],
            threshold_kg=float(row["umbral_mensual_kg"]),
            concentration_pct=float(row["concentracion_pct"]),
            concentration_sd=float(row["concentracion_sd"]),
            uses=tuple(row["usos"].split("|")),
            export_share=float(row["exporta"]),
        ),
    )


def _rows(file: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader((files("simulator") / "data" / file).read_text("utf-8").splitlines())


def _toml(file: str) -> dict[str, Any]:
    return tomllib.loads((files("simulator") / "data" / file).read_text("utf-8"))
