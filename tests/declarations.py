"""A small world with habits, for tests that need a trained model: each company ships a few products through a few
ports at a price that its product has. Not a simulator: rows that a reader can predict."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from schemas import datasets
from schemas.declaration import Declaration, Parser

SPEC = datasets.load("exportaciones")
PARSER = Parser(SPEC)

_PORTS = ("CARTAGENA", "BUENAVENTURA", "SANTA MARTA", "BARRANQUILLA", "BOGOTA")
_COUNTRIES = ("US", "CN", "DE", "BR", "MX", "NL", "PA")
_PRODUCTS = tuple(f"{chapter:02d}{heading:02d}{line:02d}0000" for chapter in (8, 9, 27, 39, 62) for heading in (1, 3) for line in (10, 90))


def rows(n: int, seed: int = 0, first: date = date(2025, 1, 1), days: int = 300) -> list[dict[str, Any]]:
    """n rows in the order of their dates."""
    world, random = np.random.default_rng(7), np.random.default_rng(seed)
    companies = 60
    products = world.integers(0, len(_PRODUCTS), (companies, 2))
    ports = world.integers(0, len(_PORTS), (companies, 2))
    countries = world.integers(0, len(_COUNTRIES), (companies, 3))
    prices = np.exp(world.normal(1.0, 1.5, len(_PRODUCTS)))
    found = []
    for i in range(n):
        company = int(min(random.zipf(1.4), companies)) - 1
        product = int(products[company, random.integers(0, 2)])
        weight = float(np.round(np.exp(random.normal(6.0 + company % 3, 0.6)), 1))
        row = {
            "declaration_id": f"D{seed}-{i}",
            "fecha": (first + timedelta(days=i * days // n)).isoformat(),
            "empresa": f"90{company:07d}",
            "subpartida": _PRODUCTS[product],
            "puerto": _PORTS[ports[company, int(random.random() < 0.2)]],
            "pais": _COUNTRIES[countries[company, random.integers(0, 3)]],
            "pais_origen": "CO",
            "via": "MARITIMO" if ports[company, 0] < 4 else "AEREO",
            "agente": f"AG{company % 7}",
            "contraparte": f"C{company}-{random.integers(0, 4)}" if random.random() < 0.9 else None,
            "valor_fob_usd": round(weight * float(prices[product]) * float(np.exp(random.normal(0, 0.15))), 2),
            "peso_neto_kg": weight,
        }
        found.append(row)
    return found


def parsed(items: Iterable[dict[str, Any]]) -> list[Declaration]:
    """Rows as declarations."""
    found = [PARSER.from_row(item) for item in items]
    return [each for each in found if isinstance(each, Declaration)]


def altered(declaration: Declaration, **changes: Any) -> Declaration:
    """The declaration with some fields changed; None leaves one out."""
    values = {field.name: getattr(declaration, field.name) for field in SPEC.fields}
    found = PARSER.from_row({**values, **changes})
    assert isinstance(found, Declaration)
    return found


def bare(declarations: Iterable[Declaration]) -> list[Declaration]:
    """The declarations with nothing but their required fields."""
    return parsed([{name: getattr(each, name) for name in datasets.CORE_FIELDS} for each in declarations])


def write_csv(path: Path, items: list[dict[str, Any]]) -> Path:
    """Rows as a CSV file; missing values are blank."""
    names = list(items[0])
    lines = [",".join(names), *(",".join("" if item[name] is None else str(item[name]) for name in names) for item in items)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
