"""Ways to give a declaration: a form with the dataset's fields, JSON, or a table."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from ui import reading
from ui.words import say

EXAMPLE = {"empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}
SHAPES = {"date": "2026-01-31", "country": "US"}
"""How the fields of a kind are written, where that is not plain from their titles."""

COLUMNS = 3


def typed(dataset: str) -> dict[str, Any] | None:
    """A form with the fields that the model reads; returns what was sent."""
    known = [field for field in reading.fields(dataset).values() if field["required"] or field["modelled"] or field["kind"] == "date"]
    with st.form(f"declare-{dataset}"):
        values: dict[str, Any] = {}
        for at, field in enumerate(known):
            title = (
                say(field["title"])
                + (f" ({field['unit']})" if field["unit"] else "")
                + (" *" if field["required"] and field["kind"] != "key" else "")
            )
            # Row by row, so that on a phone the fields stay in their order.
            if at % COLUMNS == 0:
                columns = st.columns(COLUMNS)
            column = columns[at % COLUMNS]
            if field["kind"] in ("amount", "percent"):
                most = 100.0 if field["kind"] == "percent" else None
                values[field["name"]] = column.number_input(title, 0.0, most, None, format="%.2f", key=f"{dataset}-{field['name']}")
            else:
                given, shape = EXAMPLE.get(field["name"], ""), SHAPES.get(field["kind"])
                text = column.text_input(title, given, max_chars=128, placeholder=shape, key=f"{dataset}-{field['name']}")
                values[field["name"]] = text.strip()
        st.caption(say("Fields with * are needed; every other makes the verdict better."))
        sent = st.form_submit_button(say("Score it"), icon=":material/play_arrow:", type="primary")
    return {"dataset": dataset, **{name: value for name, value in values.items() if value not in ("", None)}} if sent else None


def pasted(dataset: str, key: str) -> dict[str, Any] | None:
    """A declaration in JSON; returns what was sent, if it is an object."""
    with st.form(f"paste-{key}-{dataset}"):
        example = json.dumps(EXAMPLE, ensure_ascii=False, indent=1)
        text = st.text_area(say("The declaration, in JSON"), example, height=200, max_chars=20_000)
        sent = st.form_submit_button(say("Score it"), icon=":material/play_arrow:", type="primary")
    if not sent:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        st.warning(say("This is not JSON: %(reason)s. Quotes around names and text, no comma at the end.", reason=error))
        return None
    if not isinstance(found, dict):
        st.warning(say("Give one declaration: an object in braces."))
        return None
    return {"dataset": dataset, **found}
