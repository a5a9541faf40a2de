"""Graph: what is around a company, a code, a port or a chapter, with the anomalies marked."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st
from st_link_analysis import EdgeStyle, NodeStyle, st_link_analysis

from adapters.catalogue import deferred
from ui import export, links, pieces, reading, words
from ui.client import Answer
from ui.pieces import among
from ui.words import say

KINDS = {"empresa": deferred("Company"), "subpartida": deferred("Tariff code"), "puerto": deferred("Port"), "capitulo": deferred("Chapter")}
COLORS = {"empresa": "#0b5cad", "subpartida": "#5b3a8e", "puerto": "#1a7253", "capitulo": "#5b6b7c", "anomalia": "#b3400f"}
ICONS = {"empresa": "business", "subpartida": "inventory", "puerto": "place", "capitulo": "folder", "anomalia": "flag"}
MARKED = " ▲"
"""Follows the name of what has anomalies: colour alone would not tell everybody."""

HEIGHT = 560
DEPTHS, LIMITS, LIMIT = [1, 2, 3], [25, 50, 100, 150, 300], 100


def asked() -> dict[str, Any]:
    """What to show, kept in the address."""
    known = st.query_params
    first = st.columns([2, 4, 2, 2], vertical_alignment="bottom")
    kinds = list(KINDS)
    kind = first[0].selectbox(say("Kind"), kinds, kinds.index(among("kind", kinds, kinds[0])), format_func=lambda name: say(KINDS[name]))
    name = first[1].text_input(say("Name or code"), known.get("name", ""), max_chars=64, placeholder=say("As it is declared")).strip()
    depth = first[2].segmented_control(say("Steps"), DEPTHS, default=among("depth", DEPTHS, DEPTHS[0]), required=True)
    limit = first[3].select_slider(say("Nodes at most"), LIMITS, among("limit", LIMITS, LIMIT))
    with st.expander(say("Period and dataset"), icon=":material/filter_alt:"):
        second = st.columns(3)
        specs = reading.specs()
        options = [None, *specs]
        dataset = second[0].selectbox(
            say("Dataset"),
            options,
            options.index(among("dataset", options, None)),
            format_func=lambda each: say(specs[each]["title"]) if each else say("All datasets"),
        )
        since: date | None = second[1].date_input(say("Since"), day("since"), format="YYYY-MM-DD")
        until: date | None = second[2].date_input(say("Until"), day("until"), format="YYYY-MM-DD")
    if kind == "puerto":
        name = name.upper()
    shown = {"kind": kind, "name": name, "dataset": dataset, "depth": depth if depth != DEPTHS[0] else None}
    for each, value in {**shown, "limit": limit if limit != LIMIT else None, "since": since, "until": until}.items():
        pieces.remember(each, str(value) if value else None)
    return {
        "kind": kind,
        "name": name or suggestion(kind),
        "depth": depth or 1,
        "limit": limit,
        "dataset": dataset,
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
    }


def day(name: str) -> date | None:
    """A day that the address of the page holds."""
    try:
        return date.fromisoformat(st.query_params.get(name, ""))
    except ValueError:
        return None


def suggestion(kind: str) -> str:
    """Something to begin with: what the strangest alert is about."""
    alerts = reading.lately("alerts", sort="score", limit=1)["alerts"]
    if not alerts:
        return ""
    return str({**alerts[0], "capitulo": alerts[0]["subpartida"][:2]}[kind])


def picture(found: Answer) -> None:
    """The interactive graph."""
    nodes = [
        {"data": {"id": node["id"], "label": node["kind"], "name": caption(node, node["id"] == found["center"]), **details(node)}}
        for node in found["nodes"]
    ]
    edges = [
        {
            "data": {
                "id": edge["id"],
                "source": edge["source"],
                "target": edge["target"],
                "label": "ANOMALIA" if edge["anomalies"] or edge["kind"] == "INVOLUCRA" else edge["kind"],
                **{name: value for name, value in edge["properties"].items() if value is not None},
            }
        }
        for edge in found["edges"]
    ]
    styles = [_Node(kind, COLORS[kind], "name", ICONS[kind]) for kind in COLORS]
    lines = [
        _Edge("ANOMALIA", COLORS["anomalia"], labeled=None, directed=True),
        *(_Edge(kind, "#9aa7b5", labeled=None, directed=True) for kind in ("DECLARA", "OPERA_EN", "SALE_POR", "PERTENECE_A")),
    ]
    st_link_analysis(
        {"nodes": nodes, "edges": edges},
        layout="cose",
        node_styles=styles,
        edge_styles=lines,
        height=HEIGHT,
        key=f"graph-{found['center']}-{len(nodes)}-{len(edges)}",
    )


class _Node(NodeStyle):  # type: ignore[misc]  # the component publishes no types
    """A node whose caption is read at every size: by itself the component hides those of graphs with more than a few nodes."""

    def dump(self) -> dict[str, Any]:
        """The style in Cytoscape's terms."""
        styled: dict[str, Any] = super().dump()
        styled["style"] |= {"font-size": 4.5, "min-zoomed-font-size": 4, "color": "#17212b"}
        styled["style"] |= {"text-background-color": "#ffffff", "text-background-opacity": 0.8}
        return styled


class _Edge(EdgeStyle):  # type: ignore[misc]  # the component publishes no types
    """A relation as a thin line, so that names can be read between many of them."""

    def dump(self) -> dict[str, Any]:
        """The style in Cytoscape's terms."""
        styled: dict[str, Any] = super().dump()
        styled["style"] |= {"width": 1.2, "arrow-scale": 0.6}
        return styled


def caption(node: Answer, center: bool) -> str:
    """A node's name, with marks for the centre and for anomalies."""
    name = words.decimal(node["score_max"], 1) if node["kind"] == "anomalia" else node["name"]
    return (
        ("◉ " if center else "")
        + (name if len(name) <= 24 else f"{name[:23]}…")
        + (MARKED if node["anomalies"] and node["kind"] != "anomalia" else "")
    )


def details(node: Answer) -> dict[str, Any]:
    """What is shown of a node that is chosen."""
    shown = {name: value for name, value in node["properties"].items() if value is not None and name not in ("id", "label", "name")}
    if node["kind"] != "anomalia":
        shown |= {
            "anomalias": node["anomalies"],
            **({"score_maximo": round(node["score_max"], 2)} if node["score_max"] is not None else {}),
        }
    return shown


def legend() -> None:
    """What colours and marks mean."""
    names = {**KINDS, "anomalia": deferred("Anomaly")}
    marks = " · ".join(f'<span style="color:{COLORS[kind]}">●</span> {say(names[kind])}' for kind in COLORS)
    st.html(f"<p style='margin:0'>{marks} · ◉ {say('centre')} · ▲ {say('has anomalies')}</p>")


def relations(found: Answer) -> None:
    """The relations as a table, the strangest first: the graph for whoever cannot see it."""
    rows = [
        {
            say("From"): edge["source"].partition(":")[2],
            say("Relation"): edge["kind"],
            say("To"): edge["target"].partition(":")[2],
            say("Declarations"): edge["properties"].get("declaraciones"),
            say("Anomalies"): edge["anomalies"],
            say("Highest score"): edge["properties"].get("score_maximo"),
            say("Last date"): edge["properties"].get("ultima_fecha"),
        }
        for edge in sorted(found["edges"], key=lambda each: (-each["anomalies"], -(each["properties"].get("score_maximo") or 0)))
        if edge["kind"] != "INVOLUCRA"
    ]
    with st.expander(say("Relations as a table (%(many)s)", many=words.whole(len(rows)))):
        st.dataframe(
            rows, hide_index=True, placeholder="—", column_config={say("Highest score"): st.column_config.NumberColumn(format="%.2f")}
        )


@pieces.guarded
def page() -> None:
    """The page."""
    st.title(say("Graph"), anchor=False)
    wanted = asked()
    if not wanted["name"]:
        pieces.nothing(say("Give the name of a company or a port, or a code. Without alerts there is nothing to suggest."))
        return
    with st.spinner(say("Asking the graph…")):
        found = reading.lately("neighbourhood", wanted.pop("kind"), wanted.pop("name"), **wanted)
    kind, _, name = found["center"].partition(":")
    st.markdown(
        say(
            "**%(name)s**: %(nodes)s nodes, %(edges)s relations.",
            name=pieces.plain(name),
            nodes=words.whole(len(found["nodes"])),
            edges=words.whole(len(found["edges"])),
        )
        + (" " + say("There is more: the strangest and the busiest are shown.") if found["truncated"] else "")
    )
    legend()
    picture(found)
    with st.container(horizontal=True):
        st.link_button(say("In Neo4j Browser"), links.around(kind, name), icon=":material/open_in_new:")
        st.download_button("JSON", export.as_json(found), "vigia-grafo.json", "application/json", icon=":material/download:")
        st.download_button("CSV", export.as_csv(found), "vigia-grafo.csv", "text/csv", icon=":material/download:")
        st.download_button("GraphML", export.as_graphml(found), "vigia-grafo.graphml", "application/xml", icon=":material/download:")
    relations(found)


page()
