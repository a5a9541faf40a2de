"""Pictures of a training run, for who looks at its directory: how it learned, and how odd it finds what came after."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.scoring import DEFAULT_BUDGET, Scorer
from schemas.declaration import Declaration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from training.learn import Curves

_INK, _LEARNED, _HELD_OUT, _ALERT = "#333333", "#8a8a8a", "#0072b2", "#d55e00"
_LEAST = 1e-6
"""Smaller errors, down to a float's zero, are drawn as this: a logarithmic axis has no zero."""
_BARS = 60


def draw(
    directory: Path, curves: Curves, held_out: NDArray[np.float64], threshold_error: float, budget: float = DEFAULT_BUDGET
) -> list[Path]:
    """Writes `curves.png` and `errors.png` into the directory, made if need be, and returns their paths.

    `held_out` are the errors of held-out declarations, of which the share `budget` lies above `threshold_error`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    figures = {"curves.png": _curves(curves), "errors.png": _errors(held_out, threshold_error, budget)}
    for name, figure in figures.items():
        figure.savefig(directory / name)
    return [directory / name for name in figures]


def _curves(curves: Curves) -> Figure:
    from matplotlib.ticker import LogLocator, MaxNLocator

    figure, axes = _empty("Loss by epoch: how well it tells which field was replaced", "epoch", "cross-entropy, nats (logarithmic)")
    epochs = np.arange(1, len(curves.later) + 1)
    best = int(np.argmin(curves.later))
    told = f"best, and kept: epoch {epochs[best]}, {curves.later[best]:.4f} nats"
    axes.plot(epochs, curves.training, color=_LEARNED, marker=".", linestyle="--", label="training rows")
    axes.plot(epochs, curves.later, color=_HELD_OUT, marker=".", linewidth=2, label="held-out rows")
    axes.axvline(float(epochs[best]), color=_ALERT, linewidth=1, linestyle=":")
    axes.plot(epochs[best], curves.later[best], color=_ALERT, marker="o", markersize=9, linestyle="none", label=told)
    axes.set_xlim(0.5, len(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(LogLocator(subs=(1.5, 2, 3, 5, 7)))
    axes.yaxis.set_minor_formatter("{x:g}")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _errors(held_out: NDArray[np.float64], threshold_error: float, budget: float) -> Figure:
    figure, axes = _empty(f"Errors of {len(held_out):,} held-out declarations", "error, nats (logarithmic)", "declarations (logarithmic)")
    shown, line = np.maximum(held_out, _LEAST), max(threshold_error, _LEAST)
    alert = held_out > threshold_error
    step = max(np.log10(max(shown.max(), line) / min(shown.min(), line)) / _BARS, 0.01)
    first, last = np.floor(np.log10([shown.min() / line, shown.max() / line]) / step)
    edges = line * 10 ** (step * np.arange(min(first, 0) - 1, max(last, 0) + 3))  # no bar lies on both sides of the threshold
    axes.hist(shown[~alert], edges, color=_HELD_OUT, label="no alert")
    axes.hist(shown[alert], edges, color=_ALERT, label=f"alert ({alert.sum():,})")
    told = f"threshold: {threshold_error:.3g} nats, budget {100 * budget:g}% of normal declarations"
    axes.axvline(line, color=_INK, linewidth=1.5, linestyle="--", label=told)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:,g}")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _empty(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """A figure of 800 × 500 pixels that belongs to nobody else: pyplot would keep it, and ask for a display."""
    from matplotlib.figure import Figure  # takes over a second, which training that fails need not wait for

    figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, color=_INK, fontsize=14, loc="left")
    axes.set_xlabel(x, color=_INK, fontsize=11)
    axes.set_ylabel(y, color=_INK, fontsize=11)
    axes.grid(color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def summary(file: Path, scorer: Scorer, declarations: Sequence[Declaration]) -> None:
    """Draws the Shapley values of many declarations, field by field, the weightiest first: a point is a declaration, further
    right where the field makes it odder."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    names = list(scorer.encoder.fields)
    explained = scorer.explain(declarations)
    values, colours = np.zeros((len(explained), len(names))), np.full((len(explained), len(names)), np.nan)
    for row, explanation in enumerate(explained):
        for each in explanation.contributions:
            at = names.index(each.field)
            values[row, at] = each.contribution
            if isinstance(each.value, float):  # names and codes have no order to colour them by
                colours[row, at] = np.log1p(each.value)
    bases = np.array([each.base_value for each in explained])
    found = shap.Explanation(values, bases, colours, feature_names=names)
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # of fields without a single amount
        shap.plots.beeswarm(found, max_display=len(names), color_bar_label="amount", show=False)
    figure = plt.gcf()
    figure.suptitle(f"What makes {len(explained):,} declarations odd, in nats of the error", fontsize=12)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=100, bbox_inches="tight")
    plt.close(figure)
