"""The entry point that Streamlit runs on every rerun: language, navigation, and the page that was asked for."""

import logging
from pathlib import Path

import streamlit as st

from adapters.catalogue import deferred
from ui import pieces, words
from ui.client import Trouble
from ui.words import say

HERE = Path(__file__).parent

# A material icon would be fetched from another host.
st.set_page_config(page_title="Vigía", page_icon=str(HERE / "favicon.svg"), layout="wide")

PAGES = [
    ("resumen", deferred("Overview"), "dashboard"),
    ("alertas", deferred("Alerts"), "notifications"),
    ("interpretabilidad", deferred("Interpretability"), "insights"),
    ("probar", deferred("Try it"), "science"),
    ("grafo", deferred("Graph"), "hub"),
    ("modelos", deferred("Models"), "model_training"),
]

# What the theme has no options for: the empty height above a page, the sizes of headings, and rows of alerts as dense as a list.
STYLE = """<style>
.stMainBlockContainer {padding-top: 3rem; padding-bottom: 2rem}
a:focus-visible {outline: 2px solid #0b5cad !important; outline-offset: 1px}
h1 {font-size: 2rem !important}
h2 {font-size: 1.25rem !important; padding: 0.5rem 0 0.25rem !important}
[class*="st-key-alert-"] {padding: 0.5rem 1rem !important}
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * {color: #4a5866 !important; opacity: 1}
@media (max-width: 640px) {
  .stMainBlockContainer {padding: 4.25rem 1rem 2rem}
  [class*="st-key-alert-"] .stColumn {min-width: calc(50% - 1rem) !important}
}
</style>"""

if asked := st.query_params.get("lang"):
    st.session_state["language"] = asked
if (spoken := words.language()) != next(iter(words.NAMES)):
    # Pages forget what is in the address when another one is opened.
    st.query_params["lang"] = spoken

page = st.navigation(
    [
        st.Page(f"views/{path}.py", title=say(title), icon=f":material/{icon}:", url_path=path, default=path == "resumen")
        for path, title, icon in PAGES
    ]
)

st.logo(HERE / "logo.svg", size="large", icon_image=HERE / "logo.svg")
st.html(STYLE)
with st.sidebar:
    st.markdown(say("What is odd in foreign trade, as it happens. People decide what it means."))
    languages = list(words.NAMES)
    chosen = st.radio("Idioma · Language", languages, languages.index(spoken), format_func=words.NAMES.__getitem__, horizontal=True)
    if chosen != spoken:
        st.session_state["language"] = chosen
        pieces.remember("lang", None if chosen == languages[0] else chosen)
        st.rerun()
    # Screen readers choose their voice by this, and Streamlit always says English.
    st.html(f"<script>document.documentElement.lang = '{spoken}'</script>", unsafe_allow_javascript=True)

try:
    page.run()
except Trouble as error:
    pieces.trouble(error, "page")
except Exception:
    logging.getLogger("ui").exception("the page %s failed", page.url_path)
    pieces.failed()
