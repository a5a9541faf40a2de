"""The pictures, in Vega-Lite, which Streamlit brings along. Colours are told apart by the colour-blind, and on white."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import altair as alt

from ui import words
from ui.words import say

Row = dict[str, Any]

STRANGER, USUAL, NEUTRAL, DARK, DECLARED = "#b3400f", "#0b5cad", "#8794a3", "#17212b", "#17212b"
"""What makes stranger, what makes more usual, what does neither, ink, and what was declared."""

SEVERITIES = {"low": "#5b6b7c", "medium": "#8a6100", "high": "#b3400f", "critical": "#9b1c31"}

_HEIGHT, _AXIS = 25, 60
"""Pixels of a bar with its label, and of an axis with its title."""


def _chart(rows: Sequence[Row], **options: Any) -> alt.Chart:
    return alt.Chart(_data(rows), width="container", **options)


def _roomy(ends: Iterable[float]) -> alt.Scale:
    """A scale whose longest bar leaves room for the figure at its end."""
    return alt.Scale(domainMax=1.25 * max(ends, default=1.0), nice=False)


def _data(rows: Sequence[Row]) -> Any:
    return alt.InlineData(values=list(rows))


def _finished(chart: Any) -> Any:
    axis = {"labelColor": DARK, "titleColor": DARK, "gridColor": "#e3e8ee", "labelFontSize": 12, "labelLimit": 240, "labelOverlap": False}
    return chart.configure(
        axis=axis, view={"stroke": None}, legend={"labelColor": DARK, "titleColor": DARK, "labelLimit": 300}, locale=words.vega()
    )


def waterfall(contributions: Sequence[Row], base: float, error: float) -> Any:
    """How the fields lead from the base to the error. Rows have `label` (field and value), `text` and `contribution`."""
    rows, at = [], base
    for order, each in enumerate(contributions):
        rows.append({**each, "order": order, "from": at, "to": at + each["contribution"], "stranger": each["contribution"] > 0})
        at += each["contribution"]
    chart = _chart(rows, height=_HEIGHT * len(rows) + _AXIS)
    y = alt.Y("label:N", sort=alt.SortField("order"), title=None)
    bars = chart.mark_bar(height=16, cornerRadius=2).encode(
        y=y,
        x=alt.X("from:Q", title=say("Reconstruction error"), scale=_roomy(row["to"] for row in rows)),
        x2="to:Q",
        color=alt.condition("datum.stranger", alt.value(STRANGER), alt.value(USUAL)),
        tooltip=[alt.Tooltip("label:N", title=say("Field")), alt.Tooltip("text:N", title=say("Contribution"))],
    )
    texts = chart.mark_text(align="left", dx=5, color=DARK, fontSize=12).encode(y=y, x=alt.X("end:Q"), text="text:N")
    texts = texts.transform_calculate(end="max(datum.from, datum.to)")
    total = alt.Chart(_data([{"error": error}])).mark_rule(color=DARK, strokeDash=[4, 3]).encode(x="error:Q")
    return _finished(bars + texts + total)


def expectation(normal: Row, declared: float, text: Callable[[float], str]) -> Any:
    """What would have been normal (`value`, `low`, `high`), and what was declared, on a logarithmic axis."""
    low, high, expected = normal["low"], normal["high"], normal["value"]
    smallest = max(min(filter(None, (low, declared, expected)), default=1.0), 1e-3)
    axis = alt.X(
        "at:Q", scale=alt.Scale(type="symlog", constant=smallest), title=None, axis=alt.Axis(format="~s", tickCount=5, labelOverlap=True)
    )
    band = _chart([{"at": low, "to": high, "told": f"{text(low)} - {text(high)}"}], height=42)
    bar = band.mark_bar(height=14, color=USUAL, opacity=0.35, cornerRadius=3).encode(
        x=axis, x2="to:Q", tooltip=[alt.Tooltip("told:N", title=say("Normal range"))]
    )
    marks = [
        {"at": expected, "what": say("Expected"), "told": text(expected), "shape": "expected"},
        {"at": declared, "what": say("Declared"), "told": text(declared), "shape": "declared"},
    ]
    points = (
        _chart(marks)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(
            x=axis,
            shape=alt.Shape("shape:N", scale=alt.Scale(domain=["expected", "declared"], range=["circle", "diamond"]), legend=None),
            color=alt.Color("shape:N", scale=alt.Scale(domain=["expected", "declared"], range=[USUAL, STRANGER]), legend=None),
            tooltip=[alt.Tooltip("what:N", title=""), alt.Tooltip("told:N", title="")],
        )
    )
    return _finished(bar + points)


def traffic(points: Sequence[Row]) -> Any:
    """Declarations as bars and alerts as a line with an axis of its own. Rows have `at` and `until` (moments without a zone, as
    they are to be read), `declarations` and `alerts`."""
    x = alt.X("at:T", title=None, axis=alt.Axis(format="%d/%m %H:%M", labelAngle=0, tickCount=6, labelOverlap=True))
    tips = [
        alt.Tooltip("at:T", title=say("From"), format="%d/%m %H:%M"),
        alt.Tooltip("declarations:Q", title=say("Declarations"), format=",d"),
        alt.Tooltip("alerts:Q", title=say("Alerts"), format=",d"),
    ]
    chart = _chart(points, height=250)
    bars = chart.mark_bar(color="#a9c4e4").encode(
        x=x, x2="until:T", y=alt.Y("declarations:Q", title=say("Declarations")), y2=alt.datum(0), tooltip=tips
    )
    axis = alt.Axis(tickMinStep=1, titleColor=STRANGER, labelColor=STRANGER)
    line = chart.mark_line(color=STRANGER, point=alt.OverlayMarkDef(color=STRANGER, size=35)).encode(
        x="middle:T", y=alt.Y("alerts:Q", title=say("Alerts"), axis=axis), tooltip=tips
    )
    return _finished(alt.layer(bars, line).resolve_scale(y="independent"))


def tops(rows: Sequence[Row], measure: str) -> Any:
    """Bars of those with the most. Rows have `label`, `declarations`, `alerts`."""
    chart = _chart(rows, height=_HEIGHT * max(1, len(rows)) + 10)
    y = alt.Y("label:N", sort=alt.SortField(measure, "descending"), title=None, axis=alt.Axis(labelLimit=190))
    tips = [
        alt.Tooltip("label:N", title=""),
        alt.Tooltip("declarations:Q", title=say("Declarations"), format=",d"),
        alt.Tooltip("alerts:Q", title=say("Alerts"), format=",d"),
    ]
    x = alt.X(f"{measure}:Q", title=None, axis=None, scale=_roomy(row[measure] for row in rows))
    bars = chart.mark_bar(height=15, color=STRANGER if measure == "alerts" else USUAL, cornerRadius=2).encode(y=y, x=x, tooltip=tips)
    texts = chart.mark_text(align="left", dx=4, color=DARK).encode(y=y, x=x, text=alt.Text(f"{measure}:Q", format=",d"))
    return _finished(bars + texts)


def importance(rows: Sequence[Row]) -> Any:
    """How much each field moves errors. Rows have `label` and `mean_absolute`."""
    chart = _chart(rows, height=_HEIGHT * max(1, len(rows)) + _AXIS)
    y = alt.Y("label:N", sort=alt.SortField("mean_absolute", "descending"), title=None)
    x = alt.X("mean_absolute:Q", title=say("Mean |Shapley value|"), scale=_roomy(row["mean_absolute"] for row in rows))
    bars = chart.mark_bar(height=15, color=USUAL, cornerRadius=2).encode(y=y, x=x)
    return _finished(
        bars + chart.mark_text(align="left", dx=4, color=DARK).encode(y=y, x=x, text=alt.Text("mean_absolute:Q", format=".3f"))
    )


def beeswarm(rows: Sequence[Row], order: Sequence[str]) -> Any:
    """Every declaration as a point on its field's line. Rows have `label`, `contribution`, `value` (as read) and `rank` (0 to 1)."""
    chart = _chart(rows, height=34 * max(1, len(order)) + 2 * _AXIS)
    points = chart.mark_circle(size=26, opacity=0.65).encode(
        y=alt.Y("label:N", sort=list(order), title=None),
        yOffset=alt.YOffset("jitter:Q"),
        x=alt.X("contribution:Q", title=say("Shapley value (to the right: stranger)")),
        color=alt.Color(
            "rank:Q",
            scale=alt.Scale(range=["#2166ac", "#c9c9c9", "#b2182b"]),
            legend=alt.Legend(title=say("Value of the field"), orient="top", labelExpr=_ends(), values=[0, 1], gradientLength=260),
        ),
        tooltip=[
            alt.Tooltip("label:N", title=say("Field")),
            alt.Tooltip("value:N", title=say("Value")),
            alt.Tooltip("contribution:Q", title=say("Contribution"), format=".3f"),
        ],
    )
    zero = alt.Chart(_data([{"at": 0}])).mark_rule(color=NEUTRAL).encode(x="at:Q")
    return _finished(zero + points.transform_calculate(jitter="sqrt(-2*log(random()))*cos(2*PI*random())"))


def _ends() -> str:
    return f"datum.value < 0.5 ? '{say('low or common')}' : '{say('high or rare')}'"


def dependence(rows: Sequence[Row], numeric: bool, title: str) -> Any:
    """A field's contribution over what it holds. Rows have `value` and `contribution`."""
    chart = _chart(rows, height=360)
    y = alt.Y("contribution:Q", title=say("Contribution to the error"))
    tips = [alt.Tooltip("shown:N", title=title), alt.Tooltip("contribution:Q", title=say("Contribution"), format=".3f")]
    if numeric:
        x = alt.X("value:Q", title=title, scale=alt.Scale(type="symlog"), axis=alt.Axis(format="~s"))
        return _finished(chart.mark_circle(size=45, color=USUAL, opacity=0.6).encode(x=x, y=y, tooltip=tips))
    x = alt.X("value:N", title=title, sort="-y", axis=alt.Axis(labelAngle=-40, labelLimit=130))
    return _finished(chart.mark_circle(size=45, color=USUAL, opacity=0.6).encode(x=x, y=y, tooltip=tips))


def months(rows: Sequence[Row]) -> Any:
    """A company's declarations and alerts by month. Rows have `month`, `declarations` and `alerts`."""
    parts = [
        {"month": row["month"], "what": what, "count": row[name]}
        for row in rows
        for name, what in (("declarations", say("Declarations")), ("alerts", say("Alerts")))
    ]
    return _finished(
        _chart(parts, height=190)
        .mark_bar()
        .encode(
            x=alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-40)),
            xOffset="what:N",
            y=alt.Y("count:Q", title=None, axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=[say("Declarations"), say("Alerts")], range=[USUAL, STRANGER]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=[
                alt.Tooltip("month:O", title=say("Month")),
                alt.Tooltip("what:N", title=""),
                alt.Tooltip("count:Q", title="", format=",d"),
            ],
        )
    )


def over_versions(rows: Sequence[Row], title: str) -> Any:
    """A figure over the versions. Rows have `version`, `value` and `measure`."""
    return _finished(
        _chart(rows, height=230)
        .mark_line(point=alt.OverlayMarkDef(size=60))
        .encode(
            x=alt.X("version:O", title=say("Version"), sort=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
            color=alt.Color("measure:N", scale=alt.Scale(range=[USUAL, STRANGER, "#5b6b7c"]), legend=alt.Legend(title=None, orient="top")),
            tooltip=["version:O", "measure:N", alt.Tooltip("value:Q", format=".4f")],
        )
    )
