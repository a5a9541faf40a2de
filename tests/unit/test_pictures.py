"""A training run leaves two pictures, however short it was and whatever errors it found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from adapters.bundle import load
from cli.train import _Stages
from tests.declarations import parsed, rows
from training.learn import Curves
from training.pictures import draw, summary

USUAL = np.random.default_rng(0).lognormal(-4, 1, 3000)


@pytest.mark.parametrize(
    ("curves", "held_out", "threshold"),
    [
        (Curves([1.4, 0.3, 0.2], [0.4, 0.25, 0.26]), USUAL, float(np.quantile(USUAL, 0.99))),
        (Curves([0.9], [0.5]), np.array([0.0, 1e-30, 0.5, 1e9]), 0.7),
        (Curves([0.2, 0.2], [0.2, 0.2]), np.full(75, 0.5), 0.5),
        (Curves([0.2], [0.2]), np.zeros(75), 0.0),
    ],
    ids=["usual", "one epoch and far errors", "all alike", "no errors"],
)
@pytest.mark.filterwarnings("error")
def test_two_pictures_of_800_by_500_are_drawn(tmp_path: Path, curves: Curves, held_out: np.ndarray, threshold: float) -> None:
    paths = draw(tmp_path / "new" / "pictures", curves, held_out, threshold)
    assert [path.name for path in paths] == ["curves.png", "errors.png"]
    assert [imread(path).shape[:2] for path in paths] == [(500, 800)] * 2


def test_drawing_is_nobody_elses_business(tmp_path: Path) -> None:
    """No pyplot, which would keep the figures, and no matplotlib before there is something to draw."""
    code = (
        "import sys, pathlib, types, numpy\nfrom training import pictures\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"pictures.draw(pathlib.Path({str(tmp_path)!r}), types.SimpleNamespace(training=[1.0], later=[1.0]), numpy.ones(9), 1.0)\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


@pytest.mark.filterwarnings("error:All-NaN:RuntimeWarning")
def test_the_shapley_values_of_many_declarations_are_one_picture_and_no_figure_stays_open(tmp_path: Path, trained: Path) -> None:
    import matplotlib.pyplot as plt

    summary(tmp_path / "pictures" / "shap.png", load(trained), parsed(rows(40)))
    height, width = imread(tmp_path / "pictures" / "shap.png").shape[:2]
    assert height > 300
    assert width > 500
    assert plt.get_fignums() == []


def test_the_clock_of_a_stage_stops_when_the_next_one_begins() -> None:
    stages = _Stages(Console(quiet=True))
    for call in (("read", 20_000, 0), ("read", 20_010, 0), ("train", 0, 28), ("train", 9, 28), ("calibrate", 0, 1)):
        stages(*call)
    read, train, calibrate = stages.shown.tasks
    assert [read.finished, train.finished, calibrate.finished] == [True, True, False]
    assert [task.fields["done"] for task in stages.shown.tasks] == ["20,010 rows", "9 of 28 epochs", ""]
