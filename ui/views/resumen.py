"""Overview: traffic, alert rate, who and where, the models in production, and the health of the parts."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from adapters.catalogue import deferred
from ui import charts, reading, words
from ui.client import Answer, Trouble
from ui.pieces import among, as_table, dataset_choice, figures, guarded, nothing, plain, remember, trouble
from ui.words import say

DAY = 24
PERIODS = {1: deferred("Last hour"), 24: deferred("Last 24 hours"), 168: deferred("Last 7 days"), 720: deferred("Last 30 days")}
PARTS = {"score": deferred("Scoring worker"), "graph": deferred("Graph writer"), "archive": deferred("Archive")}
"""The parts whose names are no product's."""

EVERY = "20s"


@st.fragment(run_every=EVERY)
@guarded
def happened(dataset: str | None, hours: int) -> None:
    """The figures of the period."""
    found = reading.lately("summary", dataset, hours)
    judged = f"{words.whole(found['confirmed'])} / {words.whole(found['dismissed'])}"
    figures(
        (say("Declarations"), words.whole(found["declarations"]), None),
        (say("Alerts"), words.whole(found["alerts"]), None),
        (say("Alert rate"), words.percent(found["alert_rate"], 2), say("Share of the declarations that raised an alert.")),
        (say("Confirmed / dismissed"), judged, say("What analysts said of alerts in this period.")),
    )
    if not found["declarations"]:
        nothing(say("No declarations in this period. With `vigia simulate` some are made up; a longer period may have more."))
        return
    st.header(say("Traffic"), anchor=False)
    st.altair_chart(charts.traffic(_local(found)), alt=say("Declarations and alerts over time"))
    columns = st.columns(3, gap="large")
    for column, (name, title, measure) in zip(
        columns,
        (
            ("puertos", say("Ports with the most declarations"), "declarations"),
            ("capitulos", say("Chapters with the most declarations"), "declarations"),
            ("empresas", say("Companies with the most alerts"), "alerts"),
        ),
        strict=True,
    ):
        with column:
            st.header(title, anchor=False)
            rows = [{**row, "label": _label(row)} for row in found[name] if row[measure]]
            if rows:
                st.altair_chart(charts.tops(rows, measure), alt=title)
                as_table(
                    [{say("Name"): row["label"], say("Declarations"): row["declarations"], say("Alerts"): row["alerts"]} for row in rows]
                )
            else:
                st.caption(say("None in this period."))


def _local(found: Answer) -> list[dict[str, Any]]:
    """The traffic's points with their beginning, middle and end in the time of the readers."""
    zone, size = ZoneInfo(reading.settings().timezone), timedelta(seconds=found["bucket_seconds"])
    points = []
    for point in found["traffic"]:
        at = datetime.fromisoformat(point["at"]).astimezone(zone).replace(tzinfo=None)
        points.append({**point, "at": at.isoformat(), "middle": (at + size / 2).isoformat(), "until": (at + size * 0.92).isoformat()})
    return points


def _label(row: Answer) -> str:
    return f"{row['name']} {row['title'].split(';')[0]}" if row["title"] else row["name"]


@st.fragment(run_every=EVERY)
@guarded
def serving(dataset: str | None) -> None:
    """The models in production."""
    st.header(say("Model in production"), anchor=False)
    for model in reading.lately("models"):
        if dataset in (None, model["dataset"]):
            with st.container(border=True):
                st.markdown(f"**{say(model['title'])}**")
                if model["version"] is None:
                    st.warning(say("There is no model yet: the first one is trained when Vigía starts."), icon=":material/hourglass_empty:")
                else:
                    st.markdown(f"{model['name']} · {say('version %(version)s', version=model['version'])}")
                if model["problem"]:
                    st.caption(f":material/warning: {say('The API says')}: {plain(model['problem'])}")


@st.fragment(run_every=EVERY)
@guarded
def health() -> None:
    """What is up and what is down."""
    st.header(say("Health of the parts"), anchor=False)
    parts: list[dict[str, Any]] = [{"name": "api", "title": "API", "up": True, "detail": None}, *map(dict, reading.lately("parts"))]
    for part in parts:
        part["title"] = say(PARTS.get(part["name"], part["title"]))
    down = [part for part in parts if not part["up"]]
    if not down:
        st.success(say("Everything answers."), icon=":material/check_circle:")
    for part in down:
        st.error(f"**{part['title']}**: {plain(part['detail'] or say('it does not answer'))}", icon=":material/error:")
    st.markdown(" ".join(f":{'green' if part['up'] else 'red'}-badge[{'✓' if part['up'] else '✗'} {part['title']}]" for part in parts))


st.title(say("Overview"), anchor=False)
try:
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        dataset = dataset_choice("of", every=True)
    with right:
        period = st.segmented_control(
            say("Period"),
            list(PERIODS),
            default=among("hours", list(PERIODS), DAY),
            format_func=lambda hours: say(PERIODS[hours]),
            required=True,
            key="hours",
        )
    remember("hours", str(period) if period != DAY else None)
    happened(dataset, period or DAY)
    one, other = st.columns(2, gap="large")
    with one:
        serving(dataset)
    with other:
        health()
except Trouble as error:
    trouble(error, "resumen")
