"""What people read: messages from the catalogues, and numbers, money and dates as they are written where they live."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st
from babel import dates, numbers

from adapters.catalogue import LANGUAGES, preferred, translations

LOCALES = {"es": "es_CO", "en": "en_US"}
NAMES = {"es": "Español", "en": "English"}


def language() -> str:
    """The language of this session: the one in the address, or the browser's."""
    asked = st.query_params.get("lang") or st.session_state.get("language")
    return asked if asked in LANGUAGES else preferred(None)


def say(message: str, **facts: object) -> str:
    """A message in the reader's language, with %(name)s for each of `facts`."""
    told = translations("ui", language()).gettext(message)
    return told % facts if facts else told


def locale() -> str:
    """How numbers and dates are written."""
    return LOCALES[language()]


def vega() -> dict[str, Any]:
    """How Vega writes numbers and dates."""
    if language() == "en":
        return {}
    months = [str(dates.get_month_names("wide", locale=locale())[month]) for month in range(1, 13)]
    short = [str(dates.get_month_names("abbreviated", locale=locale())[month]) for month in range(1, 13)]
    days = [str(dates.get_day_names("wide", locale=locale())[day]) for day in (6, *range(6))]
    return {
        "number": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", "\u00a0USD"]},
        "time": {
            "dateTime": "%d/%m/%Y %H:%M",
            "date": "%d/%m/%Y",
            "time": "%H:%M",
            "periods": ["a. m.", "p. m."],
            "days": days,
            "shortDays": [name[:3] for name in days],
            "months": months,
            "shortMonths": short,
        },
    }


def whole(value: float) -> str:
    """A count."""
    return numbers.format_decimal(round(value), locale=locale())


def decimal(value: float, places: int = 2) -> str:
    """A number with so many decimals."""
    return numbers.format_decimal(round(value, places), format=f"#,##0.{'0' * places}" if places else "#,##0", locale=locale())


def signed(value: float, places: int = 2) -> str:
    """A difference, with its sign."""
    return ("+" if value >= 0 else "−") + decimal(abs(value), places)


def percent(share: float, places: int = 1) -> str:
    """A share of one."""
    return numbers.format_percent(share, format=f"#,##0.{'0' * places}\u00a0%" if places else "#,##0\u00a0%", locale=locale())


def amount(value: float, unit: str | None) -> str:
    """An amount with its unit."""
    size = abs(value)
    places = 0 if size >= 1_000 or value == int(value) else 2 if size >= 1 else 4
    text = numbers.format_decimal(round(value, places), format="#,##0" + (f".{'#' * places}" if places else ""), locale=locale())
    return f"{text} {unit}" if unit else text


def moment(text: str, zone: str) -> str:
    """A moment, to the minute."""
    return str(dates.format_datetime(datetime.fromisoformat(text), "d MMM y, HH:mm", tzinfo=ZoneInfo(zone), locale=locale()))


def day(value: str | date) -> str:
    """A day."""
    return str(dates.format_date(date.fromisoformat(value) if isinstance(value, str) else value, "d MMM y", locale=locale()))


def month(text: str) -> str:
    """A month, such as 2026-01."""
    return str(dates.format_date(date.fromisoformat(f"{text}-01"), "MMM y", locale=locale()))


def ago(text: str) -> str:
    """How long ago a moment was, in words."""
    passed = min(datetime.fromisoformat(text) - datetime.now(UTC), timedelta(0))
    return str(dates.format_timedelta(passed, add_direction=True, locale=locale()))


def passed(text: str) -> str:
    """How long it is since a moment."""
    return str(dates.format_timedelta(datetime.now(UTC) - datetime.fromisoformat(text), locale=locale()))


def rarity(score: float) -> str:
    """What a score means: how many normal declarations there are for one as strange."""
    return say("one normal declaration in %(many)s looks this strange", many=whole(float(f"{10**score:.2g}")))


def value(held: Any, unit: str | None = None) -> str:
    """What a field holds, as it is read."""
    if held is None:
        return "—"
    return amount(held, unit) if isinstance(held, int | float) else str(held)
