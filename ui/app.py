"""The entry point that Streamlit runs on every rerun: language, navigation, and the page that was asked for."""

from pathlib import Path

import streamlit as st

from adapters.catalogue import deferred
from ui import pieces, words
from ui.client import Trouble
from ui.words import say

# A material icon would be fetched from another host.
st.set_page_config(page_title="Vigía", page_icon=str(Path(__file__).with_name("favicon.svg")), layout="wide")

PAGES = [
    ("resumen", deferred("Overview"), "dashboard"),
    ("alertas", deferred("Alerts"), "notifications"),
    ("interpretabilidad", deferred("Interpretability"), "insights"),
    ("probar", deferred("Try it"), "science"),
    ("grafo", deferred("Graph"), "hub"),
    ("modelos", deferred("Models"), "model_training"),
]

if asked := st.query_params.get("lang"):
    st.session_state["language"] = asked

page = st.navigation(
    [
        st.Page(f"views/{path}.py", title=say(title), icon=f":material/{icon}:", url_path=path, default=path == "resumen")
        for path, title, icon in PAGES
    ]
)

# Streamlit leaves the height of a heading above every page.
st.html("<style>.stMainBlockContainer {padding-top: 3rem} h1 {font-size: 2rem !important} h3 {font-size: 1.25rem !important}</style>")

with st.sidebar:
    st.markdown(f"### Vigía\n{say('What is odd in foreign trade, as it happens. People decide what it means.')}")
    languages = list(words.NAMES)
    chosen = st.radio(
        "Idioma · Language", languages, languages.index(words.language()), format_func=words.NAMES.__getitem__, horizontal=True
    )
    if chosen != words.language():
        st.session_state["language"] = st.query_params["lang"] = chosen
        st.rerun()

try:
    page.run()
except Trouble as error:
    pieces.trouble(error)
