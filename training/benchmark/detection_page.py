"""The page of the documentation that says how well alterations are detected, wholly from what was measured."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from training.alterations import ENOUGH_PAST, SHARE, SINGLE, UNTRAINED
from training.benchmark import habits, korea, tables, taught
from training.benchmark.results import NOTHING, Results, Run
from training.benchmark.rivals import RIVALS
from training.train import LATER

_WIDTH = 130
_TITLES = {
    korea.NAME: "customs declarations of Korea",
    "exportaciones": "exports of Colombia, simulated",
    "sustancias_controladas": "controlled substances, simulated",
}


def page(results: Results) -> str:
    """The Markdown page: the first case at length, the others in a row each."""
    names = list(dict.fromkeys(run.case for run in results.runs))
    runs, others = results.of(names[0]), [results.of(name) for name in names[1:]]
    parts = ["# How well alterations are detected", *_summary(results, runs), *_kinds(runs)]
    if others:
        parts += ["## On simulated declarations", _text(_SIMULATED), tables.cases(others, [_title(each) for each in others])]
    parts += _protocol(results, names)
    return "\n\n".join(parts) + "\n"


def _summary(results: Results, runs: Sequence[Run]) -> list[str]:
    ours, other = tables.ours(runs), tables.best_other(runs)
    untold = next(each for each in tables.detectors(runs) if each.told == NOTHING)
    roc, precise = (tables.mixed(runs, ours, measure).mean for measure in (tables.roc_auc, tables.precision))
    return [
        *(["**A trial on a part of the data, with little training: figures to look at, not to quote.**"] if results.quick else []),
        _text(
            f"One in {round(1 / SHARE)} of later {_title(runs)} was altered on purpose. Vigía ranks an altered declaration above an "
            f"untouched one in **{roc:.1%}** of pairs (ROC-AUC). Its average precision is **{precise:.3f}**, where chance has "
            f"{SHARE:.3f} and the best of the others, not taught the alterations, has "
            f"{tables.mixed(runs, other, tables.precision).mean:.3f} ({other.title}), and the best of those told nothing "
            f"{tables.mixed(runs, untold, tables.precision).mean:.3f} ({untold.title})."
        ),
        tables.all_detectors(runs),
        _text(
            ("Means over seeds, with the least and the most in brackets. " if len(runs) > 1 else "")
            + "*Corruptions* are copies of real declarations with one field replaced by chance: Vigía's network and the self-taught "
            "gradient boosting learn to tell the two apart. Who was *taught the very alterations* has what nobody has in practice, and "
            "shows what is within reach with these features."
        ),
    ]


def _kinds(runs: Sequence[Run]) -> list[str]:
    parts = [
        "## Kind by kind",
        _text("One kind in each set. The best other is the best of those that were not taught the alterations; the one taught was."),
        tables.by_kind(runs, SINGLE),
        "## What training never met",
        _text(
            "Training replaces one field of a declaration at a time. These alterations touch two, which neither Vigía nor the one "
            "taught has met."
        ),
        tables.by_kind(runs, UNTRAINED),
    ]
    if any(run.untouched for run in runs):
        parts += [
            _text(
                "And these are models whose training never replaced the field that is altered. What they still find is no echo of "
                "training; what they lose against training as usual is what it taught."
            ),
            tables.never_replaced(runs),
        ]
    return parts


_SIMULATED = (
    "Clean histories of Vigía's own simulator to learn from, and its clean declarations of the following weeks, altered in the same "
    "way. They are kinder than customs data, since whoever made the simulator also made the detector."
)


def _protocol(results: Results, names: Sequence[str]) -> list[str]:
    altered = [count for run in results.runs for count in run.altered.values()]
    libraries = ", ".join(f"{name} {release}" for name, release in sorted(results.versions.items()))
    notes = "; ".join(f"{rival.name}: {rival.note}" for rival in RIVALS if rival.note)
    rows = [
        [_title(results.of(name)), f"{run.earlier:,}", f"{run.later:,}", ", ".join(str(each.seed) for each in results.of(name))]
        for name in names
        for run in results.of(name)[:1]
    ]
    return [
        "## How it was measured",
        tables.table(["declarations", "earlier", "later", "seeds"], rows),
        _text(
            "Everyone learns from the earlier declarations and ranks the later ones. The seed draws everything: habits, noise, "
            f"alterations and what is random in a detector. Each set has {SHARE:.0%} of its declarations altered ({min(altered)} to "
            f"{max(altered)} of them), in the mixed set in equal shares of the {len(SINGLE)} kinds that touch one field. Foreign chapters, "
            f"ports and countries are what this company never had, and only companies with at least {ENOUGH_PAST} earlier declarations "
            "get them. Untouched declarations are taken to be in order, though some are odd by themselves."
        ),
        _text(
            "Korea's declarations are synthetic but were drawn by a model of real ones (`training/benchmark/data/korea-customs`): imports "
            "of 2020, and the first quarter of 2021. Their companies were drawn independently of everything else, so nobody in them has "
            "habits. The rows stay; only the company ids move, so that each company specialises in products, ports and countries. "
            f"{habits.LOOSE:.0%} keep a random one. And {korea.COPIED:.0%} of the later ones repeat the subpartida, the value and the "
            f"weight of an earlier one: amounts get log-normal noise of {habits.NOISE:.0%} so that none does exactly, but prices per "
            "kilo remain steadier than in real trade, and wrong ones easier to find."
        ),
        _text(
            f"Vigía is trained as `vigia train` does, the last {LATER:.0%} by date kept back to stop and to calibrate. *Raw columns* are "
            "the frequency rank of each code, the tariff by its levels, log(1 + amount), and -1 for what is missing, standardised. *Our "
            "features* are the numbers that Vigía's network reads, 0 where a field is missing; the earlier declarations are seen out of "
            "fold, through statistics counted without their stretch of time, the later ones through those of all earlier ones. Gradient "
            f"boosting is scikit-learn's, on the earlier declarations and {taught.COPIES} rounds of altered copies; the others are PyOD's "
            f"with its settings, except for {notes}."
        ),
        _text(f"Libraries: {libraries}. One thread. This command writes this page, and the figures beside it as JSON:"),
        f"```sh\n{_command(results, names)}\n```",
    ]


def _command(results: Results, names: Sequence[str]) -> str:
    first, simulated = [",".join(str(run.seed) for run in results.of(name)) for name in [*names, ""][:2]]
    quick = " --quick" if results.quick else ""
    return f"vigia bench detection --out docs/detection.md --seeds {first} --simulated-seeds {simulated or repr('')}{quick}"


def _title(runs: Sequence[Run]) -> str:
    return _TITLES.get(runs[0].case, runs[0].case)


def _text(sentences: str) -> str:
    return textwrap.fill(sentences, _WIDTH, break_long_words=False, break_on_hyphens=False)
