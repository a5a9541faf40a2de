"""The tables of the detection page, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from training.alterations import SINGLE, Kind
from training.benchmark.results import ALTERATIONS, VIGIA, Detector, Measure, Run, Spread, of_detector, spread
from training.evaluate import MIXED
from training.measures import SHARES, Detection

NONE = "–"
AT = " / ".join(f"{share:.0%}".removesuffix("%") for share in SHARES) + " %"


def roc_auc(found: Detection) -> float:
    """The share of pairs that are ranked right."""
    return found.roc_auc


def precision(found: Detection) -> float:
    """The average precision."""
    return found.average_precision


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(found: Spread | None) -> str:
    """A mean with its least and most, where there is more than one seed."""
    if found is None:
        return NONE
    return f"{found.mean:.3f}" if found.least == found.most else f"{found.mean:.3f} ({found.least:.3f}–{found.most:.3f})"


def detectors(runs: Sequence[Run]) -> list[Detector]:
    """Those of a case, the highest average precision on mixed alterations first."""
    return sorted((each.detector for each in runs[0].found), key=lambda detector: -mixed(runs, detector, precision).mean)


def ours(runs: Sequence[Run]) -> Detector:
    """Vigía itself."""
    return next(each for each in detectors(runs) if each.name == VIGIA)


def reference(runs: Sequence[Run]) -> Detector:
    """The detector that was taught the alterations."""
    return next(each for each in detectors(runs) if each.told == ALTERATIONS)


def best_other(runs: Sequence[Run], kind: str = MIXED) -> Detector:
    """The one with the highest average precision that is not ours and was not taught the alterations."""
    others = [each for each in detectors(runs) if each.name != VIGIA and each.told != ALTERATIONS]
    return max(others, key=lambda each: (of_detector(runs, each, kind, precision) or Spread(0, 0, 0)).mean)


def mixed(runs: Sequence[Run], detector: Detector, measure: Measure) -> Spread:
    """One measure of one detector on mixed alterations, over the seeds."""
    return spread(measure(each.kinds[MIXED]) for run in runs for each in run.found if each.detector == detector)


def all_detectors(runs: Sequence[Run]) -> str:
    """Every detector on mixed alterations, best first; ours is bold."""
    rows = []
    for each in detectors(runs):
        bold = "**" if each.name == VIGIA else ""
        both = [f"{bold}{shown(mixed(runs, each, measure))}{bold}" for measure in (roc_auc, precision)]
        rows.append([f"{bold}{each.title}{bold}", each.told, *both, _highest(runs, each, "precision"), _highest(runs, each, "recall")])
    return table(["detector", "told to look for", "ROC-AUC", "average precision", f"precision at {AT}", f"recall at {AT}"], rows)


def by_kind(runs: Sequence[Run], kinds: Sequence[Kind]) -> str:
    """Ours on each kind of alteration, with the best other's average precision and that of who was taught."""
    rows = []
    for kind in kinds:
        if of_detector(runs, ours(runs), kind.name, precision) is None:
            continue
        other = best_other(runs, kind.name)
        mine = [shown(of_detector(runs, ours(runs), kind.name, measure)) for measure in (roc_auc, precision)]
        theirs = [of_detector(runs, each, kind.name, precision) for each in (other, reference(runs))]
        rows.append([kind.name, *mine, f"{_mean(theirs[0])}, {other.title}", _mean(theirs[1])])
    return table(["altered", "ROC-AUC", "average precision", "of the best other", "of the one taught"], rows)


def never_replaced(runs: Sequence[Run]) -> str:
    """For each kind, our model that never saw its field replaced beside the one trained as usual."""
    rows = []
    for kind in SINGLE:
        studied = [run.untouched[kind.name] for run in runs if kind.name in run.untouched]
        if studied:
            usual = [of_detector(runs, ours(runs), kind.name, measure) for measure in (roc_auc, precision)]
            without = [spread(map(measure, studied)) for measure in (roc_auc, precision)]
            rows.append([kind.name, *(f"`{field}`" for field in kind.fields), *map(shown, without), *map(_mean, usual)])
    return table(["altered", "never replaced", "ROC-AUC", "average precision", "ROC-AUC as usual", "average precision as usual"], rows)


def cases(every: Sequence[Sequence[Run]], titles: Sequence[str]) -> str:
    """Further datasets, a row each: ours, the best other and who was taught, on mixed alterations."""
    rows = []
    for runs, title in zip(every, titles, strict=True):
        mine = [shown(mixed(runs, ours(runs), measure)) for measure in (roc_auc, precision)]
        other, taught = best_other(runs), reference(runs)
        best = f"{_mean(mixed(runs, other, precision))}, {other.title}"
        rows.append([title, *mine, best, _mean(mixed(runs, taught, precision))])
    return table(["dataset", "ROC-AUC", "average precision", "of the best other", "of the one taught"], rows)


def _mean(found: Spread | None) -> str:
    return NONE if found is None else f"{found.mean:.3f}"


def _highest(runs: Sequence[Run], detector: Detector, measure: str) -> str:
    found = [getattr(each.kinds[MIXED], measure) for run in runs for each in run.found if each.detector == detector]
    return " / ".join(f"{fmean(each):.2f}" for each in zip(*found, strict=True))
