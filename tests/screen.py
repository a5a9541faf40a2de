"""The analysts' screen in this process, as Streamlit's own test harness runs it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from tests.catalogues import ROOT
from ui import reading

PATIENCE = 60


@contextmanager
def fresh(address: str) -> Iterator[None]:
    """The screen's settings and memory, as in a process that has just begun with this API."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_URL", address)
        for each in (reading.settings, reading._api):
            each.cache_clear()
        st.cache_data.clear()
        yield
    for each in (reading.settings, reading._api):
        each.cache_clear()


def page(name: str, /, **address: str | list[str]) -> AppTest:
    """A page of the screen, opened by its address."""
    config.set_option("runner.magicEnabled", False)  # as `python -m ui` runs it
    screen = AppTest.from_file(str(ROOT / "ui" / "app.py"), default_timeout=PATIENCE)
    for key, value in address.items():
        screen.query_params[key] = value
    return (screen.switch_page(f"views/{name}.py") if name != "resumen" else screen).run()


def read(screen: AppTest) -> str:
    """All the words on a page."""
    kinds = ("title", "header", "markdown", "caption", "info", "warning", "error", "success", "metric", "button")
    shown = [element for kind in kinds for element in getattr(screen, kind)]
    return "\n".join(f"{getattr(each, 'label', '')} {each.value}" for each in shown)


def press(screen: AppTest, label: str) -> AppTest:
    return next(each for each in screen.button if each.label == label).click().run()
