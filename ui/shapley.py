"""The pictures of explanations: what each field adds to an error, in one declaration and over many, and what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from ui import words
from ui.charts import DARK, NEUTRAL, PALE, STRANGER, USUAL, Row, chart, finished, listed
from ui.words import say

_LEAST = 0.005
"""A base that is nearer to nothing has no bar of its own."""


def waterfall(contributions: Sequence[Row], base: float, error: float) -> Any:
    """How the fields lead from the base to the error. Rows have `label` (field and value) and `contribution`."""
    rows, at = [], base
    if abs(base) >= _LEAST:
        rows.append({"label": say("Base: nothing is known"), "text": words.decimal(base), "from": 0.0, "to": base, "what": "sum"})
    for each in contributions:
        size = each["contribution"]
        rows.append(
            {
                "label": each["label"],
                "text": words.signed(size),
                "from": at,
                "to": at + size,
                "what": "stranger" if size > 0 else "usual",
            }
        )
        at += size
    rows.append({"label": say("Reconstruction error"), "text": words.decimal(error), "from": 0.0, "to": error, "what": "sum"})
    color = alt.Color("what:N", scale=alt.Scale(domain=["stranger", "usual", "sum"], range=[STRANGER, USUAL, DARK]), legend=None)
    tips = [alt.Tooltip("label:N", title=say("Field")), alt.Tooltip("text:N", title=say("Contribution"))]
    x = alt.X("from:Q", title=None, axis=alt.Axis(tickCount=6, labelOverlap=True, domain=False))
    return finished(listed(rows, x, color, tips, x2="to:Q"))


def expectation(normal: Row, declared: float) -> Any:
    """What would have been normal (`value`, `low`, `high`), and what was declared, on a logarithmic scale without figures: these
    are in the text beside it."""
    low, high, expected = normal["low"], normal["high"], normal["value"]
    there = [each for each in (low, high, expected, declared) if each > 0]
    least, most = min(there, default=1.0) / 1.5, max(there, default=1.0) * 1.5
    # Nothing at all has no logarithm: it stands at the left end.
    scale = alt.Scale(type="log", domain=[least, most], nice=False, clamp=True)
    axis = alt.X("at:Q", scale=scale, title=None, axis=None)
    line = chart([{"at": least, "to": most}], height=30).mark_rule(color="#d5dce4").encode(x=axis, x2="to:Q")
    band = chart([{"at": max(low, least), "to": max(high, least)}], height=30)
    bar = band.mark_bar(height=14, color=PALE, cornerRadius=3).encode(x=axis, x2="to:Q")
    marks = [{"at": max(expected, least), "shape": "expected"}, {"at": max(declared, least), "shape": "declared"}]
    points = (
        chart(marks, height=30)
        .mark_point(filled=True, size=120, opacity=1)
        .encode(
            x=axis,
            shape=alt.Shape("shape:N", scale=alt.Scale(domain=["expected", "declared"], range=["circle", "diamond"]), legend=None),
            color=alt.Color("shape:N", scale=alt.Scale(domain=["expected", "declared"], range=[USUAL, STRANGER]), legend=None),
        )
    )
    return finished(line + bar + points)


def likely(values: Sequence[Row]) -> Any:
    """The values that the model finds most probable. Rows have `label`, `probability` and `declared`."""
    rows = [{**each, "text": words.percent(each["probability"], 0)} for each in values]
    tips = [alt.Tooltip("label:N", title=say("Value")), alt.Tooltip("text:N", title=say("Probability"))]
    x = alt.X("probability:Q", axis=None, scale=alt.Scale(domain=[0, 1]))
    return finished(listed(rows, x, alt.condition("datum.declared", alt.value(STRANGER), alt.value(USUAL)), tips))


def importance(rows: Sequence[Row]) -> Any:
    """How much each field moves errors. Rows have `label` and `mean_absolute`, falling."""
    told = [{**row, "text": words.decimal(row["mean_absolute"], 3)} for row in rows]
    tips = [alt.Tooltip("label:N", title=say("Field")), alt.Tooltip("text:N", title=say("Mean |Shapley value|"))]
    return finished(listed(told, alt.X("mean_absolute:Q", axis=None), alt.value(USUAL), tips))


def beeswarm(rows: Sequence[Row], order: Sequence[str]) -> Any:
    """Every declaration as a point on its field's line. Rows have `label`, `contribution`, `value` (as read) and `rank` (0 to 1)."""
    ground = chart(rows, height=34 * max(1, len(order)) + 60)
    points = ground.mark_circle(size=26, opacity=0.65).encode(
        y=alt.Y("label:N", sort=list(order), title=None, axis=alt.Axis(labelLimit=150)),
        yOffset=alt.YOffset("jitter:Q"),
        x=alt.X("contribution:Q", title=say("← more usual · stranger →"), axis=alt.Axis(tickCount=5)),
        color=alt.Color(
            "rank:Q",
            scale=alt.Scale(range=["#2166ac", "#c9c9c9", "#b2182b"]),
            legend=alt.Legend(title=None, orient="top", labelExpr=_ends(), values=[0, 1], gradientLength=165, labelFontSize=11),
        ),
        tooltip=[
            alt.Tooltip("label:N", title=say("Field")),
            alt.Tooltip("value:N", title=say("Value")),
            alt.Tooltip("contribution:Q", title=say("Contribution"), format=".3f"),
        ],
    )
    zero = alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(color=NEUTRAL).encode(x="at:Q")
    return finished(zero + points.transform_calculate(jitter="sqrt(-2*log(random()))*cos(2*PI*random())"))


def _ends() -> str:
    return f"datum.value < 0.5 ? '{say('low or common')}' : '{say('high or rare')}'"


def dependence(rows: Sequence[Row], numeric: bool, title: str) -> Any:
    """A field's contribution over what it holds. Rows have `value`, `shown` and `contribution`. Codes stand below each other, so
    that they can be read."""
    told = say("Contribution to the error")
    tips = [alt.Tooltip("shown:N", title=title), alt.Tooltip("contribution:Q", title=say("Contribution"), format=".3f")]
    side = alt.Axis(tickCount=6)
    if numeric:
        # Nothing at all has no logarithm.
        scale = alt.Scale(type="log" if all(row["value"] > 0 for row in rows) else "symlog", nice=False)
        x = alt.X("value:Q", title=title, scale=scale, axis=alt.Axis(format="~s", tickCount=6, labelOverlap=True))
        y = alt.Y("contribution:Q", title=told, axis=side)
        return finished(chart(rows, height=340).mark_circle(size=45, color=USUAL, opacity=0.6).encode(x=x, y=y, tooltip=tips))
    height = 26 * max(1, len({row["shown"] for row in rows})) + 50
    strangest = alt.EncodingSortField("contribution", op="mean", order="descending")
    rowed = alt.Y("shown:N", title=None, sort=strangest, axis=alt.Axis(labelLimit=150, grid=True))
    x = alt.X("contribution:Q", title=told, axis=side)
    return finished(chart(rows, height=height).mark_circle(size=45, color=USUAL, opacity=0.6).encode(x=x, y=rowed, tooltip=tips))
