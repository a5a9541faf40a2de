"""Try it: type or paste a declaration, or upload a table; see score, explanation, and what would make it normal."""

from __future__ import annotations

import csv
import io
from typing import Any

import streamlit as st

from ui import entry, pieces, reading, words
from ui.client import Answer
from ui.words import say

TEMPLATE_FIELDS = ("declaration_id", "empresa", "subpartida", "puerto", "fecha", "pais", "via", "valor_fob_usd", "peso_neto_kg")


def verdict(declaration: dict[str, Any] | None, key: str) -> None:
    """The answer to what was last sent, which stays while other things on the page are used."""
    if declaration:
        with st.spinner(say("Scoring…")):
            st.session_state[key] = reading.api().explain(declaration)
    found: Answer | None = st.session_state.get(key)
    if found is None:
        return
    pieces.verdict(found)
    pieces.remedy(found)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.header(say("Why"), anchor=False)
        pieces.reasons(found)
    with right:
        st.header(say("Declared and expected"), anchor=False)
        pieces.expectations(found)


def table(dataset: str) -> None:
    """An uploaded table, scored."""
    names = [name for name in TEMPLATE_FIELDS if name in reading.fields(dataset)]
    st.markdown(say("A CSV table with the contract's column names, divided by commas, in UTF-8; at most 10,000 rows."))
    st.download_button(say("An empty table to fill in"), ",".join(names) + "\n", f"{dataset}.csv", "text/csv", icon=":material/download:")
    file = st.file_uploader(say("Table"), ["csv", "json"], key=f"upload-{dataset}")
    if file is None:
        return
    with st.spinner(say("Scoring…")):
        lines = reading.api().batch(file.name, file.getvalue(), dataset)
    good = [line for line in lines if "rejected" not in line]
    alerts = sum(line["anomaly"] for line in good)
    figures = st.columns(3)
    figures[0].metric(say("Declarations scored"), words.whole(len(good)))
    figures[1].metric(say("Anomalies"), words.whole(alerts))
    figures[2].metric(say("Rows that are no declarations"), words.whole(len(lines) - len(good)))
    rows = [
        {
            say("Row"): line["row"],
            say("Declaration"): line["declaration_id"] or "—",
            say("Score"): words.decimal(line["score"]) if "score" in line else "—",
            say("Anomaly"): "▲" if line.get("anomaly") else "",
            say("Why there is no score"): line["rejected"]["message"] if "rejected" in line else "",
        }
        for line in sorted(lines, key=lambda line: -line.get("score", 99.0))
    ]
    st.dataframe(rows, hide_index=True, alt=say("Declarations scored"))
    st.download_button(say("Download the scores"), as_csv(lines), "scores.csv", "text/csv", icon=":material/download:")


def as_csv(lines: list[Answer]) -> str:
    """The scores as `vigia score` writes them, with the rejected rows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("row", "declaration_id", "score", "error", "anomaly", "rejected"))
    for line in lines:
        told = line["rejected"]["message"] if "rejected" in line else ""
        writer.writerow((line["row"], line["declaration_id"], line.get("score"), line.get("error"), line.get("anomaly"), told))
    return text.getvalue()


@pieces.guarded
def page() -> None:
    """The page."""
    st.title(say("Try it"), anchor=False)
    dataset = pieces.dataset_choice("of")
    if dataset is None:
        return
    form, paste, upload = st.tabs([say("Form"), say("Paste JSON"), say("Upload a table")])
    with form:
        pieces.guarded(verdict)(entry.typed(dataset), f"typed-{dataset}")
    with paste:
        pieces.guarded(verdict)(entry.pasted(dataset, "try"), f"pasted-{dataset}")
    with upload:
        pieces.guarded(table)(dataset)


page()
