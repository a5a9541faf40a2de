"""The dashboards as pictures, from the very queries that Grafana would make: to look at what an operator sees."""

import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.prometheus import Prometheus, dashboards, filled

ROW_INCHES, WIDTH_INCHES, COLUMNS = 0.32, 18, 24


def draw(prometheus: Prometheus, since: float, until: float, into: Path) -> None:
    """Writes a picture of each dashboard over a time."""
    into.mkdir(parents=True, exist_ok=True)
    for name, dashboard in dashboards().items():
        panels = [panel for panel in dashboard["panels"] if panel.get("targets")]
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
        figure = Figure((WIDTH_INCHES, rows * ROW_INCHES), facecolor="white", layout="none")
        figure.suptitle(dashboard["title"], x=0.01, y=1 - 0.2 / rows, ha="left", weight="bold")
        for panel in panels:
            place, height = panel["gridPos"], 1 - 1 / rows
            margin = (0.028, 0.75 / rows)
            box = (
                place["x"] / COLUMNS + margin[0],
                height * (1 - (place["y"] + place["h"]) / rows) + margin[1],
                place["w"] / COLUMNS - margin[0] - 0.008,
                height * place["h"] / rows - margin[1] * 2,
            )
            axes = figure.add_axes(box)
            axes.set_title("\n".join(textwrap.wrap(panel["title"], place["w"] * 5)), loc="left", fontsize=8, weight="bold")
            _fill(axes, panel, [(target, prometheus.over(filled(target["expr"]), since, until)) for target in panel["targets"]])
        figure.savefig(into / f"{name}.png", dpi=75)


def _fill(axes: Axes, panel: dict[str, Any], found: list[tuple[dict[str, Any], list[dict[str, Any]]]]) -> None:
    if not any(series for _, series in found):
        _words(axes, "sin datos", 12)
    elif panel["type"] in ("stat", "table", "bargauge"):
        told = _labels if panel["type"] == "table" else _legend
        lines = [f"{told(target, each)}  {float(each['values'][-1][1]):.4g}" for target, series in found for each in series]
        _words(axes, "\n".join(lines[:12]), 13 if panel["type"] == "stat" else 7)
    elif panel["type"] == "heatmap":
        _heat(axes, found[0][1])
    else:
        for target, series in found:
            for each in series:
                times = [matplotlib.dates.date2num(datetime.fromtimestamp(at, UTC)) for at, _ in each["values"]]
                axes.plot(times, [float(value) for _, value in each["values"]], linewidth=1.2, label=_legend(target, each)[:40])
        axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))
        axes.tick_params(labelsize=6)
        axes.grid(alpha=0.3)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.legend(fontsize=6, loc="upper left", ncols=2, framealpha=0.6)


def _words(axes: Axes, text: str, size: int) -> None:
    axes.set_axis_off()
    axes.text(0.0, 1.0, text, fontsize=size, va="top", transform=axes.transAxes)


def _heat(axes: Axes, series: list[dict[str, Any]]) -> None:
    """Buckets are cumulative: each less the one below it."""
    ordered = sorted(series, key=lambda each: float(each["metric"]["le"].replace("+Inf", "inf")))
    longest = max(len(each["values"]) for each in ordered)
    counts = np.array([[0.0] * (longest - len(each["values"])) + [float(value) for _, value in each["values"]] for each in ordered])
    axes.imshow(np.diff(counts, axis=0, prepend=0).clip(0), aspect="auto", origin="lower", cmap="Blues")
    axes.set_yticks(range(len(ordered)), [each["metric"]["le"] for each in ordered], fontsize=5)
    axes.set_xticks([])


def _legend(target: dict[str, Any], series: dict[str, Any]) -> str:
    text = target.get("legendFormat") or ""
    for name, value in series["metric"].items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text if text and text != "__auto" else _labels(target, series)


def _labels(_: dict[str, Any], series: dict[str, Any]) -> str:
    return " · ".join(value for name, value in series["metric"].items() if name != "__name__")
