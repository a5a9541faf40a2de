"""What `training.benchmark.explaining` measured: some lines for the terminal, and a page of the documentation."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from core.shapley import EXACT_LIMIT, PERMUTATIONS
from training.benchmark.explainers import EXACT, KERNEL, SAMPLED, UNSELECTED, VALUES, WHOLE
from training.benchmark.explaining import BATCH, COMPARED, ManyFields, Measured, Spread

COMMAND = "vigia bench explanation --out docs/explanation.md"
LIMIT_MS = 25.0
"""What the 95th percentile of one alert shall stay below."""


def summary(measured: Sequence[Measured]) -> list[str]:
    """The figures that matter most, a line each."""
    return [
        f"{'':38}{'ms, median':>12}{'ms, p95':>10}{f'ms, by {BATCH}':>10}{'Kernel ÷ values':>18}{'÷ whole':>10}{'gap':>10}",
        *(
            f"{each.model:38}{each.median.median:12.1f}{each.p95.median:10.1f}{each.batched.median:10.1f}"
            f"{each.ratio[VALUES].median:18.1f}{each.ratio[WHOLE].median:10.1f}{each.gap:10.0e}"
            for each in measured
        ),
    ]


def page(measured: Sequence[Measured], many: Sequence[ManyFields], rounds: int, rows: int | None) -> str:
    """The Markdown page; `rows` is how many simulated declarations each model was trained on, None if on others."""
    parts = [
        "# What an explanation costs, and how exact it is",
        f"Written by `{COMMAND}`: do not edit. One core of {_processor()}; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "numpy", "shap"))
        + (f". Each model learned from {rows:,} simulated declarations" if rows else "")
        + ". The alerts are those with the highest scores among simulated later declarations, some of them odd on purpose. "
        + f"Times are milliseconds an alert on one thread: the median of {rounds} rounds, with the least and the most in brackets.",
        "An explanation holds the Shapley value of each field and what would have been normal in it. A coalition is a set of fields "
        "that stay visible; its worth is the error with the others masked, by the same network in the same session. Up to "
        f"{EXACT_LIMIT} fields every coalition is asked, so the values are exact; above that, those of {PERMUTATIONS} fixed permutations.",
        *_alone(measured),
        *_beside_shap(measured),
        *(_sampled(many) if many else ()),
    ]
    return "\n\n".join(parts) + "\n"


def _alone(measured: Sequence[Measured]) -> list[str]:
    worst = max(each.p95.most for each in measured)
    rows = [
        (each.model, _range(each.fields), each.alerts, *map(_spread, (each.median, each.p95, each.batched)), f"{each.gap:.0e}")
        for each in measured
    ]
    return [
        "## One alert at a time, and many",
        f"The 95th percentile of one alert has to stay below {LIMIT_MS:.0f} ms: in the worst round it was {worst:.1f} ms. The gap is the "
        "largest difference between the sum of the contributions and error − base value.",
        _table(("model", "fields", "alerts", "median", "p95", f"in batches of {BATCH}", "gap"), rows),
    ]


def _beside_shap(measured: Sequence[Measured]) -> list[str]:
    times = [
        (each.model, *(_spread(each.compared[name]) for name in (VALUES, WHOLE, EXACT, KERNEL)), _spread(each.ratio[VALUES]))
        for each in measured
    ]
    off = [(each.model, *(_share(each.off[name]) for name in (EXACT, KERNEL, UNSELECTED, SAMPLED))) for each in measured]
    return [
        "## Beside shap",
        f"{COMPARED} of these alerts, explained in turns by all. shap gets the masked error as a function of the visible fields, a "
        "background row with none of them, and its own defaults; encoding the declaration counts for everyone. Only the whole "
        "explanation says what would have been normal. The ratio is KernelExplainer's time to that of the Shapley values, round by round.",
        _table(("model", VALUES, WHOLE, EXACT, KERNEL, "ratio"), times),
        "How far from the values of the whole explanation, in percent of the error that is explained: the mean over fields and alerts, "
        "and the largest. KernelExplainer keeps ten fields unless told otherwise, and gives the others nothing. The permutations are "
        f"forced here: {EXACT_LIMIT} fields or fewer need none.",
        _table(("model", EXACT, KERNEL, UNSELECTED, SAMPLED), off),
    ]


def _sampled(many: Sequence[ManyFields]) -> list[str]:
    times = [
        (each.fields, each.alerts, f"{each.coalitions:,} of {2**each.fields:,}", f"{each.ms[WHOLE]:.1f}", f"{each.p95:.1f}", *values)
        for each in many
        for values in [[f"{each.ms[name]:.1f}" for name in (SAMPLED, EXACT, KERNEL)]]
    ]
    off = [(each.fields, *(_share(each.off[name]) for name in (SAMPLED, KERNEL, UNSELECTED)), f"{each.gap:.0e}") for each in many]
    return [
        f"## More than {EXACT_LIMIT} fields",
        "A model of `sustancias_controladas` that reads every field there is. Alerts lose optional fields by chance until the number is "
        "met, and those that are no longer alerts are left out. Medians in turns, one round.",
        _table(("fields", "alerts", "coalitions", WHOLE, "its p95", SAMPLED, "all coalitions", KERNEL), times),
        "How far from the values of all coalitions, in percent of the error, as above; and the gap of the permutations.",
        _table(("fields", SAMPLED, KERNEL, UNSELECTED, "gap"), off),
    ]


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _spread(spread: Spread) -> str:
    return f"{spread.median:.1f} ({spread.least:.1f}–{spread.most:.1f})"


def _share(off: tuple[float, float]) -> str:
    mean, most = (f"{100 * share:.2g}" for share in off)
    return f"{mean}, {most}"


def _range(bounds: tuple[int, int]) -> str:
    return str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]}–{bounds[1]}"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
