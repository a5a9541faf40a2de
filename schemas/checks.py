"""What each kind of field accepts, and the one place where text is normalised.

Every check takes the field and a value of the right JSON type and returns the normalised value, or None for a blank
optional text; what it cannot accept raises Rejection.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Literal

from schemas.datasets import FieldSpec, Kind

Code = Literal[
    "empty_value",
    "too_large",
    "invalid_utf8",
    "not_json",
    "not_object",
    "too_deep",
    "missing_field",
    "wrong_type",
    "empty_field",
    "too_long",
    "bad_character",
    "bad_format",
    "not_finite",
    "out_of_range",
    "wrong_dataset",
]
"""Why a message is no declaration, in one word: part of the contract, for headers and metrics."""

MAX_REQUIRED = 64
MAX_OPTIONAL = 128
"""The longest text in a required and in an optional field, in characters."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
TARIFF = re.compile(r"[0-9]{6,10}")
COUNTRY = re.compile(r"[A-Za-z]{2}")
_HOURS = "([01][0-9]|2[0-3]):[0-5][0-9]"
DATE = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([Tt]{_HOURS}:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]{_HOURS}))?")


class Rejection(Exception):
    """A message is no declaration: a stable code, the field at fault (None: the whole message), and a sentence."""

    def __init__(self, code: Code, field: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message


def shown(value: object) -> str:
    """A value as an error message quotes it: short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def normalise_place(name: str) -> str:
    """A place's one spelling: upper case, without accents, single spaces ("Buenaventura " and "BUENAVENTURA" are one port)."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return " ".join(plain.upper().split())


def _spaced(value: str) -> str:
    """The same text without outer spaces and with single inner ones; the same object when there is nothing to do."""
    if value[0] == " " or value[-1] == " " or "  " in value or not value.isprintable():
        return " ".join(value.split())
    return value


def _readable(field: FieldSpec, value: str) -> str:
    """The text itself, once its length and its characters are known to be acceptable."""
    _short(field, value)
    if not value.isprintable() and CONTROL.search(value):
        raise Rejection("bad_character", field.name, f"{field.name} holds a control character, in {shown(value)}: send plain text")
    return value


def _short(field: FieldSpec, value: str) -> str:
    limit = MAX_REQUIRED if field.required else MAX_OPTIONAL
    if len(value) > limit:
        raise Rejection("too_long", field.name, f"{field.name} has {len(value):,} characters: at most {limit} are accepted")
    return value


def _blank(field: FieldSpec) -> str | None:
    """A blank optional text is a missing one; a blank required one is an error."""
    if field.required:
        raise Rejection("empty_field", field.name, f"{field.name} is empty: send its value")
    return None


def key(field: FieldSpec, value: str) -> str | None:
    """An identifier: kept exactly as it was sent."""
    return value if _readable(field, value).strip() else _blank(field)


def text(field: FieldSpec, value: str) -> str | None:
    """A name or a category: outer and doubled spaces go."""
    clean = _spaced(_readable(field, value)) if value else value
    return clean or _blank(field)


def place(field: FieldSpec, value: str) -> str | None:
    """A place: see `normalise_place`."""
    clean = normalise_place(_readable(field, value))
    return _short(field, clean) or _blank(field)  # a ligature such as ﷺ becomes many letters


def tariff(field: FieldSpec, value: str) -> str | None:
    """A tariff code: six to ten digits."""
    if TARIFF.fullmatch(value):
        return value
    if not _readable(field, value).strip():
        return _blank(field)
    raise Rejection(
        "bad_format", field.name, f"{field.name} is {shown(value)}: it must have 6 to 10 digits and nothing else, as in 0901119000"
    )


def country(field: FieldSpec, value: str) -> str | None:
    """A country code, in upper case."""
    if COUNTRY.fullmatch(value):
        return value.upper()
    if not _readable(field, value).strip():
        return _blank(field)
    raise Rejection("bad_format", field.name, f"{field.name} is {shown(value)}: it must be an ISO 3166-1 alpha-2 code, as in CO")


def day(field: FieldSpec, value: str) -> str | None:
    """A date or date-time of RFC 3339, as the date that was written."""
    if not _readable(field, value).strip():
        return _blank(field)
    try:
        if DATE.fullmatch(value):
            return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        pass
    raise Rejection(
        "bad_format",
        field.name,
        f"{field.name} is {shown(value)}: it must be an RFC 3339 date or date-time, as in 2025-09-30 or 2025-09-30T08:15:00Z",
    )


TEXT_CHECKS: dict[Kind, Callable[[FieldSpec, str], str | None]] = {
    "key": key,
    "entity": text,
    "tariff": tariff,
    "place": place,
    "country": country,
    "category": text,
    "text": text,
    "date": day,
}
"""The check of each kind of field whose values are text."""


def number(field: FieldSpec, value: float) -> float:
    """A finite number in the field's range."""
    if value != value or value in (float("inf"), float("-inf")):
        raise Rejection("not_finite", field.name, f"{field.name} is {value}: send a finite number, or leave the field out")
    if value < 0 or (field.kind == "percent" and value > 100):
        allowed = "from 0 to 100" if field.kind == "percent" else "0 or more"
        raise Rejection(
            "out_of_range", field.name, f"{field.name} is {shown(value)}: it must be {allowed}" + (f" {field.unit}" if field.unit else "")
        )
    return float(value)


def check(field: FieldSpec, value: object) -> str | float | None:
    """The normalised value of any JSON value; raises Rejection."""
    if value is None:
        if field.required:
            raise Rejection("missing_field", field.name, f"{field.name} is missing: every declaration must have it")
        return None
    if field.numeric:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return number(field, _as_float(value))
        told = "it must be a plain number such as 1234.5, without quotes or separators of thousands"
        raise Rejection("wrong_type", field.name, f"{field.name} is {shown(value)}: {told}")
    if isinstance(value, str):
        return TEXT_CHECKS[field.kind](field, value)
    raise Rejection("wrong_type", field.name, f"{field.name} is {shown(value)}: it must be text, in quotes")


def _as_float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
