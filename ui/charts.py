"""The pictures, in Vega-Lite, which Streamlit brings along. Colours are told apart by the colour-blind, and on white."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from ui import words
from ui.words import say

Row = dict[str, Any]

STRANGER, USUAL, PALE, NEUTRAL, DARK = "#b3400f", "#0b5cad", "#a9c4e4", "#8794a3", "#0b1118"
"""What makes stranger, what makes more usual and its pale ground, what does neither, and ink."""

EDGES = 24
"""Pixels that Streamlit leaves above and below a chart, within its height."""

STEP = 40
"""Pixels of a bar with its label above it: so a label has the whole width, on a phone too."""


def chart(rows: Sequence[Row], **options: Any) -> alt.Chart:
    """A chart of rows, as wide as its place on the page."""
    return alt.Chart(alt.InlineData(values=list(rows)), width="container", **options)


def finished(chart: Any) -> Any:
    """A chart with this screen's ink, and numbers and dates as the reader writes them."""
    axis = {"labelColor": DARK, "titleColor": DARK, "gridColor": "#e3e8ee", "labelFontSize": 12, "labelLimit": 240, "labelOverlap": False}
    return chart.configure(
        axis=axis, view={"stroke": None}, legend={"labelColor": DARK, "titleColor": DARK, "labelLimit": 300}, locale=words.vega()
    )


def listed(rows: Sequence[Row], x: alt.X, color: Any, tooltip: Sequence[alt.Tooltip], x2: str | None = None) -> Any:
    """Bars below each other in the order of the rows: above each its `label` on the left and its `text` on the right."""
    ordered = chart([{**row, "order": order} for order, row in enumerate(rows)], height=STEP * max(1, len(rows)) + EDGES)
    y = alt.Y("order:O", axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0))
    ends = {"x2": x2} if x2 else {}
    bars = ordered.mark_bar(height=12, yOffset=9, y2Offset=9, cornerRadius=2).encode(y=y, x=x, color=color, tooltip=list(tooltip), **ends)
    above = {"y": y, "tooltip": list(tooltip)}
    labels = ordered.mark_text(align="left", dy=-8, color=DARK, fontSize=12, limit=alt.ExprRef("width - 60"))
    texts = ordered.mark_text(align="right", dy=-8, color=DARK, fontSize=12, fontWeight=600)
    labels = labels.encode(x=alt.value(0), text="label:N", **above)
    return bars + labels + texts.encode(x=alt.value("width"), text="text:N", **above)


def traffic(points: Sequence[Row]) -> Any:
    """Declarations as bars and alerts as a line with an axis of its own. Rows have `at` and `until` (moments without a zone, as
    they are to be read), `declarations` and `alerts`."""
    x = alt.X("at:T", title=None, axis=alt.Axis(format="%d/%m %H:%M", labelAngle=0, tickCount=6, labelOverlap=True))
    tips = [
        alt.Tooltip("at:T", title=say("From"), format="%d/%m %H:%M"),
        alt.Tooltip("declarations:Q", title=say("Declarations"), format=",d"),
        alt.Tooltip("alerts:Q", title=say("Alerts"), format=",d"),
    ]
    return _with_alerts(chart(points, height=250), x, "middle:T", tips, "until:T")


def months(rows: Sequence[Row]) -> Any:
    """A company's declarations and alerts by month. Rows have `month` as it is read, `declarations` and `alerts`."""
    tips = [
        alt.Tooltip("month:N", title=say("Month")),
        alt.Tooltip("declarations:Q", title=say("Declarations"), format=",d"),
        alt.Tooltip("alerts:Q", title=say("Alerts"), format=",d"),
    ]
    x = alt.X("month:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True))
    return _with_alerts(chart(rows, height=190), x, alt.X("month:N", sort=None), tips)


def _with_alerts(ground: alt.Chart, x: alt.X, middle: Any, tips: Sequence[alt.Tooltip], until: str | None = None) -> Any:
    ends = {"x2": until, "y2": alt.datum(0)} if until else {}
    whole = alt.Axis(tickMinStep=1, tickCount=5)
    bars = (ground.mark_bar(color=PALE) if until else ground.mark_bar(color=PALE, width=alt.RelativeBandSize(0.7))).encode(
        x=x, y=alt.Y("declarations:Q", title=say("Declarations"), axis=whole), tooltip=list(tips), **ends
    )
    axis = alt.Axis(tickMinStep=1, tickCount=5, titleColor=STRANGER, labelColor=STRANGER)
    line = ground.mark_line(color=STRANGER, point=alt.OverlayMarkDef(color=STRANGER, size=40)).encode(
        x=middle, y=alt.Y("alerts:Q", title=say("Alerts"), axis=axis, scale=alt.Scale(domainMin=0)), tooltip=list(tips)
    )
    return finished(alt.layer(bars, line).resolve_scale(y="independent"))


def tops(rows: Sequence[Row], measure: str) -> Any:
    """Bars of those with the most. Rows have `label`, `declarations`, `alerts`."""
    tips = [
        alt.Tooltip("label:N", title=" "),
        alt.Tooltip("declarations:Q", title=say("Declarations"), format=",d"),
        alt.Tooltip("alerts:Q", title=say("Alerts"), format=",d"),
    ]
    color = alt.value(STRANGER if measure == "alerts" else USUAL)
    told = sorted(({**row, "text": words.whole(row[measure])} for row in rows), key=lambda row: -row[measure])
    return finished(listed(told, alt.X(f"{measure}:Q", axis=None), color, tips))


def over_versions(rows: Sequence[Row], form: str) -> Any:
    """A figure over the versions. Rows have `version`, `value` and `measure`; `form` is how Vega writes the value."""
    return finished(
        chart(rows, height=270)
        .mark_line(point=alt.OverlayMarkDef(size=60))
        .encode(
            x=alt.X("version:O", title=say("Version"), sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(format=form, tickCount=4, labelOverlap=True)),
            color=alt.Color(
                "measure:N",
                sort=None,
                scale=alt.Scale(range=[USUAL, STRANGER, "#5b6b7c"]),
                legend=alt.Legend(title=None, orient="top", labelLimit=320),
            ),
            tooltip=[
                alt.Tooltip("version:O", title=say("Version")),
                alt.Tooltip("measure:N", title=" "),
                alt.Tooltip("value:Q", title=say("Value"), format=form),
            ],
        )
    )


def signals(rows: Sequence[Row]) -> Any:
    """How near each signal of the watch is to its limit, which is the line. Rows have `label`, `text`, `share` of the limit and
    `drifted`."""
    tips = [alt.Tooltip("label:N", title=" "), alt.Tooltip("text:N", title=say("Value"))]
    most = max(1.2, *(row["share"] for row in rows))
    color = alt.condition("datum.drifted", alt.value(STRANGER), alt.value(USUAL))
    x = alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, most], nice=False))
    limit = alt.Chart(alt.InlineData(values=[{"at": 1}])).mark_rule(color=DARK, strokeDash=[4, 3]).encode(x="at:Q")
    return finished(listed(rows, x, color, tips) + limit)
