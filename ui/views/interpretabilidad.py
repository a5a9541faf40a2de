"""Interpretability: what moves the model's errors over many declarations, field by field, and in a single one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ui import entry, pieces, reading, shapley, words
from ui.client import Answer
from ui.words import say

SAMPLES = (100, 200, 500)
MANY_VALUES = 15
"""How many values of a code a picture shows: the most frequent ones."""


def overall(dataset: str) -> None:
    """Importance, beeswarm and dependence, over the latest declarations or the latest alerts."""
    left, right = st.columns(2, vertical_alignment="bottom")
    of = left.segmented_control(
        say("Declarations"),
        ["recent", "alerts"],
        default="recent",
        format_func=lambda name: say("The latest") if name == "recent" else say("The latest with an alert"),
        required=True,
    )
    sample = right.select_slider(say("How many"), SAMPLES, 200)
    with st.spinner(say("Explaining the declarations…")):
        found = reading.a_while("influence", dataset, of or "recent", sample)
    if not found["rows"]:
        pieces.nothing(say("There are no such declarations yet. When some have come, they are explained here."))
        return
    st.caption(
        say("%(many)s declarations, by version %(version)s.", many=words.whole(len(found["rows"])), version=found["model"]["version"])
    )
    titles = {each["field"]: reading.title(dataset, each["field"]) for each in found["importance"]}
    importance = [{"label": titles[each["field"]], "mean_absolute": each["mean_absolute"]} for each in found["importance"]]
    first, second = st.columns([2, 3], gap="large")
    with first:
        st.header(say("What matters most"), anchor=False)
        st.altair_chart(shapley.importance(importance), alt=say("Mean of the absolute Shapley values of each field"))
        pieces.as_table([{say("Field"): row["label"], say("Mean"): words.decimal(row["mean_absolute"], 4)} for row in importance])
    with second:
        st.header(say("Each declaration, field by field"), anchor=False)
        st.altair_chart(
            shapley.beeswarm(swarm(dataset, found), [row["label"] for row in importance]),
            alt=say("Shapley values of every declaration, by field"),
        )
    st.header(say("How a field acts"), anchor=False)
    field = st.selectbox(say("Field"), list(titles), format_func=titles.__getitem__)
    numeric = reading.unit(dataset, field) is not None
    points = dependence(dataset, found, field, numeric)
    title = f"{titles[field]} ({reading.unit(dataset, field)})" if numeric else titles[field]
    st.altair_chart(shapley.dependence(points, numeric, title), alt=say("Contribution of the field over its value"))


def swarm(dataset: str, found: Answer) -> list[dict[str, Any]]:
    """A point for each declaration and field; its colour is the value's rank: the larger, or of codes the rarer, the redder."""
    by_field: dict[str, list[Answer]] = {}
    for row in found["rows"]:
        for each in row["contributions"]:
            by_field.setdefault(each["field"], []).append(each)
    points = []
    for field, held in by_field.items():
        values = [each["value"] for each in held]
        if reading.unit(dataset, field):
            keys = [-1.0 if value is None else value for value in values]  # what is missing is less than nothing
        else:
            keys = [-values.count(value) for value in values]
        order = sorted(keys)
        for each, key in zip(held, keys, strict=True):
            points.append(
                {
                    "label": reading.title(dataset, field),
                    "contribution": each["contribution"],
                    "value": words.value(each["value"], reading.unit(dataset, field)),
                    "rank": order.index(key) / max(1, len(order) - 1),
                }
            )
    return points


def dependence(dataset: str, found: Answer, field: str, numeric: bool) -> list[dict[str, Any]]:
    """What a field held, and what it contributed."""
    held = [each for row in found["rows"] for each in row["contributions"] if each["field"] == field and each["value"] is not None]
    if not numeric:
        counted: dict[Any, int] = {}
        for each in held:
            counted[each["value"]] = counted.get(each["value"], 0) + 1
        often = sorted(counted, key=lambda value: -counted[value])[:MANY_VALUES]
        held = [each for each in held if each["value"] in often]
    unit = reading.unit(dataset, field)
    return [{**each, "shown": words.value(each["value"], unit)} for each in held]


def one(dataset: str) -> None:
    """A single declaration: an alert, or one that is typed in."""
    asked = st.query_params.get("event_id")
    ways = {"alert": say("From the alerts"), "typed": say("Type one in")}
    way = st.segmented_control(say("Which one"), list(ways), default="alert", format_func=ways.__getitem__, required=True)
    if way == "typed":
        key = f"typed-one-{dataset}"
        if declaration := entry.pasted(dataset, "interpretability"):
            st.session_state[key] = reading.api().explain(declaration)
        if key in st.session_state:
            explained(st.session_state[key])
        return
    alerts = {each["event_id"]: each for each in reading.lately("alerts", dataset=dataset, limit=50)["alerts"]}
    if asked and asked not in alerts:
        alerts = {asked: reading.lately("alert", asked), **alerts}
    if not alerts:
        pieces.nothing(say("There are no alerts yet: type a declaration in."))
        return
    options = list(alerts)
    chosen = st.selectbox(
        say("Alert"), options, options.index(asked) if asked in options else 0, format_func=lambda event: named(alerts[event])
    )
    explained(reading.a_while("alert_explanation", chosen))


def named(alert: Answer) -> str:
    """An alert in a line."""
    return f"{words.decimal(alert['score'])} · {alert['empresa']} · {alert['subpartida']} · {alert['puerto']}"


def explained(found: Answer) -> None:
    """A verdict with its waterfall."""
    pieces.verdict(found)
    left, right = st.columns([3, 2], gap="large")
    with left:
        pieces.reasons(found)
        pieces.remedy(found)
    with right:
        pieces.expectations(found, most=4)


@pieces.guarded
def page() -> None:
    """The page."""
    st.title(say("Interpretability"), anchor=False)
    st.markdown(
        say(
            "Shapley values share the reconstruction error of a declaration out among its fields: what a field adds on average over all "
            "the orders in which the fields could be revealed to the model."
        )
    )
    dataset = pieces.dataset_choice("of")
    if dataset is None:
        return
    several, single = st.tabs(
        [say("Many declarations"), say("One declaration")],
        default=say("One declaration") if st.query_params.get("event_id") else say("Many declarations"),
    )
    parts = [(several, overall), (single, one)]
    # Whoever follows a link to one alert does not wait for two hundred declarations.
    for tab, part in reversed(parts) if st.query_params.get("event_id") else parts:
        with tab:
            pieces.guarded(part)(dataset)


page()
