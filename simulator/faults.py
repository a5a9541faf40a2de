"""What goes wrong with the source: calls that fail or dawdle, and rows that break the contract. Chance is an argument."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from schemas.datasets import DatasetSpec, Kind

Failure = Literal["error", "unavailable", "cut_body", "cut_rows"]

FAILURES: tuple[Failure, ...] = ("error", "unavailable", "cut_body", "cut_rows")
"""How a call fails: with 500, with 503, with a body that ends before its Content-Length, or with a complete answer whose
rows end in the middle of a line."""


@dataclass(frozen=True)
class Fault:
    """What one call suffers: a wait, a failure, both or neither."""

    wait_s: float = 0.0
    failure: Failure | None = None


class Faults:
    """Deals out what calls suffer; the same `rng` deals the same again."""

    def __init__(
        self,
        rng: Random,
        *,
        failing_share: float = 0.0,
        slow_share: float = 0.0,
        slow_seconds: float = 0.0,
        failures: Sequence[Failure] = FAILURES,
    ) -> None:
        self._rng = rng
        self._failing_share, self._failures = failing_share, tuple(failures)
        self._slow_share, self._slow_seconds = slow_share, slow_seconds

    def draw(self) -> Fault:
        """What the next call suffers."""
        wait = self._slow_seconds if self._rng.random() < self._slow_share else 0.0
        return Fault(wait, self._rng.choice(self._failures) if self._rng.random() < self._failing_share else None)


def break_row(rng: Random, spec: DatasetSpec, cells: Sequence[str]) -> list[str]:
    """The cells of a row after an accident that nobody can undo. What stays of its `declaration_id` stays in its place."""
    return rng.choice(_WAYS)(rng, spec, list(cells))


def _blank(rng: Random, spec: DatasetSpec, cells: list[str]) -> list[str]:
    cells[rng.choice([number for number, field in enumerate(spec.fields) if field.required])] = ""
    return cells


def _decimal_comma(rng: Random, spec: DatasetSpec, cells: list[str]) -> list[str]:
    number = _one(rng, spec, "amount", "percent")
    cells[number] = _in_spanish(cells[number])
    return cells


def _unquoted_comma(rng: Random, spec: DatasetSpec, cells: list[str]) -> list[str]:
    """A decimal comma that no quotes protect: one cell becomes two."""
    number = _one(rng, spec, "amount", "percent")
    return [*cells[:number], *_in_spanish(cells[number]).split(","), *cells[number + 1 :]]


def _lost_cell(rng: Random, _: DatasetSpec, cells: list[str]) -> list[str]:
    del cells[rng.randrange(1, len(cells))]
    return cells


def _country_name(rng: Random, spec: DatasetSpec, cells: list[str]) -> list[str]:
    cells[_one(rng, spec, "country")] = rng.choice(("CHILE", "CHINA", "ITALY", "JAPAN", "SPAIN"))
    return cells


def _letter_in_code(rng: Random, spec: DatasetSpec, cells: list[str]) -> list[str]:
    number = _one(rng, spec, "tariff")
    cells[number] = cells[number][:-1] + "O"
    return cells


def _impossible_date(rng: Random, spec: DatasetSpec, cells: list[str]) -> list[str]:
    number = _one(rng, spec, "date")
    cells[number] = f"{cells[number][:4] or '2025'}-02-30"
    return cells


_WAYS: tuple[Callable[[Random, DatasetSpec, list[str]], list[str]], ...] = (
    _blank,
    _decimal_comma,
    _unquoted_comma,
    _lost_cell,
    _country_name,
    _letter_in_code,
    _impossible_date,
)


def _one(rng: Random, spec: DatasetSpec, *kinds: Kind) -> int:
    """The position of one of the fields of these kinds."""
    return rng.choice([number for number, field in enumerate(spec.fields) if field.kind in kinds])


def _in_spanish(number: str) -> str:
    """A number as a Colombian spreadsheet shows it: 1234.5 is 1.234,50."""
    return f"{float(number or 0):,.2f}".translate(str.maketrans(",.", ".,"))
