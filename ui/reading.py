"""Questions to the API that several readers and reruns share for a few seconds. What fails is never kept."""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

from ui import words
from ui.client import Answer, Api
from ui.settings import UiSettings


@cache
def settings() -> UiSettings:
    """The settings of this process."""
    return UiSettings()


@cache
def _api(language: str) -> Api:
    return Api(settings(), language)


def api() -> Api:
    """The client for this session's language."""
    return _api(words.language())


@st.cache_data(ttl=4, max_entries=500, show_spinner=False)
def _lately(question: str, language: str, arguments: tuple[Any, ...], named: tuple[tuple[str, Any], ...]) -> Any:
    return getattr(_api(language), question)(*arguments, **dict(named))


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def _a_while(question: str, language: str, arguments: tuple[Any, ...], named: tuple[tuple[str, Any], ...]) -> Any:
    return getattr(_api(language), question)(*arguments, **dict(named))


def lately(question: str, *arguments: Any, **named: Any) -> Any:
    """An answer that may be some seconds old."""
    return _lately(question, words.language(), arguments, tuple(sorted(named.items())))


def a_while(question: str, *arguments: Any, **named: Any) -> Any:
    """An answer that may be a minute old: it changes seldom, or is dear."""
    return _a_while(question, words.language(), arguments, tuple(sorted(named.items())))


def forget() -> None:
    """Asks anew from now on: something was changed."""
    _lately.clear()
    _a_while.clear()


def specs() -> dict[str, Answer]:
    """The datasets by name."""
    return {each["name"]: each for each in a_while("datasets")}


def fields(dataset: str) -> dict[str, Answer]:
    """A dataset's fields by name."""
    return {each["name"]: each for each in specs()[dataset]["fields"]}


def title(dataset: str, field: str) -> str:
    """A field's title in the reader's language."""
    known = fields(dataset).get(field)
    return words.say(known["title"]) if known else field


def unit(dataset: str, field: str) -> str | None:
    """A field's unit."""
    known = fields(dataset).get(field)
    return known["unit"] if known else None
