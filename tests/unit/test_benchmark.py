"""The comparison of detectors: its data, its rivals, and a page that says what was measured."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.declarations import SPEC, parsed, rows
from training.alterations import SINGLE, UNTRAINED
from training.benchmark import korea, tables
from training.benchmark.cases import Case
from training.benchmark.compare import FEATURES, RAW, compare, versions
from training.benchmark.detection_page import page
from training.benchmark.habits import blur, relink
from training.benchmark.results import ALTERATIONS, CORRUPTIONS, VIGIA, Detector, Found, Results, Run
from training.benchmark.rivals import RIVALS, Rival, fit
from training.benchmark.views import Views
from training.evaluate import MIXED
from training.learn import Recipe
from training.measures import Detection

DOCS = Path(__file__).parents[2] / "docs"


def tiny() -> Case:
    return Case("tiny", SPEC, parsed(rows(700)), parsed(rows(400, seed=5, first=date(2025, 11, 1), days=60)))


def measured(roc_auc: float, precision: float) -> Detection:
    return Detection(roc_auc, precision, (0.9, 0.6, 0.35), (0.18, 0.61, 0.72))


def run(seed: int, better: float) -> Run:
    kinds = [MIXED, *(kind.name for kind in (*SINGLE, *UNTRAINED))]
    detectors = {
        Detector(VIGIA, "declarations", CORRUPTIONS): measured(0.9 + better, 0.5 + better),
        Detector("ECOD", FEATURES): measured(0.7 + better, 0.3),
        Detector("ECOD", RAW): measured(0.6 + better, 0.1),
        Detector("gradient boosting", FEATURES, ALTERATIONS): measured(0.98, 0.8),
    }
    found = [Found(detector, dict.fromkeys(kinds, each)) for detector, each in detectors.items()]
    untouched = {"value ×10": measured(0.77 + better, 0.33)}
    return Run(korea.NAME, seed, 3000, 1000, dict.fromkeys(kinds, 50), found, untouched)


RESULTS = Results({"pyod": "1.2.3"}, False, [run(1, 0.0), run(2, 0.02)])


def test_the_published_declarations_are_read_whole_and_in_the_order_of_time() -> None:
    earlier, later = korea.read(SPEC, "train"), korea.read(SPEC, "valid")
    assert (len(earlier), len(later)) == (37_385, 8_134)
    days = [row.fecha for row in [*earlier, *later]]
    assert days == sorted(days)
    assert {len(row.subpartida) for row in earlier} == {6}
    assert all(row.valor_fob_usd is not None and row.peso_neto_kg is not None and row.pais and row.via for row in later)


def test_most_published_declarations_repeat_the_product_value_and_weight_of_an_earlier_one() -> None:
    """The page says so, since it makes wrong amounts easier to find than in real trade."""
    earlier, later = (
        [(row.subpartida, row.valor_fob_usd, row.peso_neto_kg) for row in korea.read(SPEC, split)] for split in ("train", "valid")
    )
    known = set(earlier)
    assert np.mean([each in known for each in later]) == pytest.approx(korea.COPIED, abs=0.005)


def test_relinking_moves_company_ids_and_nothing_else() -> None:
    before = korea.read(SPEC, "valid")[:2000]
    after = relink(before, seed=1)
    assert Counter(row.empresa for row in after) == Counter(row.empresa for row in before)
    assert [msgspec.structs.replace(row, empresa="X") for row in after] == [msgspec.structs.replace(row, empresa="X") for row in before]
    assert relink(before, seed=1) == after != relink(before, seed=2)


def test_relinked_companies_have_fewer_ports_and_chapters() -> None:
    before = korea.read(SPEC, "valid")[:2000]

    def different(items: list, field: str) -> int:
        return len({(row.empresa, getattr(row, field)[:2]) for row in items})

    for field in ("puerto", "subpartida", "pais"):
        assert different(relink(before, seed=1), field) < different(before, field)


def test_blurring_touches_amounts_alone() -> None:
    before = korea.read(SPEC, "valid")[:500]
    after = blur(before, seed=1)
    same = {"valor_fob_usd": None, "peso_neto_kg": None}
    assert [msgspec.structs.replace(row, **same) for row in after] == [msgspec.structs.replace(row, **same) for row in before]
    factors = [a.valor_fob_usd / b.valor_fob_usd for a, b in zip(after, before, strict=True) if b.valor_fob_usd]
    assert 0.05 < np.std(np.log(factors)) < 0.15


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_a_rival_gives_finite_scores_and_finds_what_sticks_out(rival: Rival) -> None:
    random = np.random.default_rng(0)
    known, new = random.normal(size=(600, 6)), random.normal(size=(200, 6))
    new[17] = 25.0
    scores = fit(rival, known, seed=1)(new)
    assert np.isfinite(scores).all()
    assert scores.argmax() == 17


def test_what_rivals_see_is_finite_and_marks_what_is_missing() -> None:
    case = tiny()
    views = Views(case.spec, case.earlier)
    bare = msgspec.structs.replace(case.later[0], pais=None, valor_fob_usd=None, puerto="NEVER SEEN", contraparte=None)
    columns = views.encoder.columns([case.later[0], bare])
    for matrix in (views.raw(columns), views.features(columns), views.out_of_fold(views.table)):
        assert np.isfinite(matrix).all()
    whole, gaps = views.raw(columns)
    assert (whole != gaps).sum() == 4
    priced = [d for d, needs in enumerate(views.encoder.needs) if needs[views.encoder.fields.index("valor_fob_usd")]]
    assert (views.features(columns)[1, priced] == 0).all()


def test_every_detector_is_judged_on_every_kind_and_the_same_seed_gives_the_same_figures() -> None:
    quick = Recipe(epochs=1, width=16, folds=2)
    pca = tuple(rival for rival in RIVALS if rival.name == "PCA")
    first, again = (compare(tiny(), 1, lambda text: None, quick, pca, study=study) for study in (True, False))
    assert first.found == again.found
    assert [each.detector.title for each in first.found] == [
        "Vigía",
        "PCA on raw columns",
        "PCA on our features",
        "self-taught gradient boosting on our features",
        "gradient boosting on our features",
    ]
    assert all(each.kinds.keys() == first.altered.keys() for each in first.found)
    assert first.untouched.keys() == {kind.name for kind in SINGLE}


def test_the_tables_say_what_was_measured() -> None:
    everyone = tables.all_detectors(RESULTS.runs).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in everyone[2:]] == [
        "gradient boosting on our features",
        "**Vigía**",
        "ECOD on our features",
        "ECOD on raw columns",
    ]
    assert "| **0.910 (0.900–0.920)** | **0.510 (0.500–0.520)** | 0.90 / 0.60 / 0.35 | 0.18 / 0.61 / 0.72 |" in everyone[3]
    assert "0.710 (0.700–0.720) | 0.300 |" in everyone[4]
    assert "| port never used | 0.910 (0.900–0.920) | 0.510 (0.500–0.520) | 0.300, ECOD on our features | 0.800 |" in tables.by_kind(
        RESULTS.runs, SINGLE
    )
    (studied,) = tables.never_replaced(RESULTS.runs).splitlines()[2:]
    assert studied == "| value ×10 | `valor_fob_usd` | 0.780 (0.770–0.790) | 0.330 | 0.910 | 0.510 |"


def test_the_page_is_the_same_from_saved_figures(tmp_path: Path) -> None:
    RESULTS.save(tmp_path / "figures.json")
    text = page(Results.read(tmp_path / "figures.json"))
    assert text == page(RESULTS)
    assert "in **91.0%** of pairs" in text
    assert "pyod 1.2.3" in text
    assert "| customs declarations of Korea | 3,000 | 1,000 | 1, 2 |" in text


def test_the_published_page_is_what_its_figures_say() -> None:
    assert page(Results.read(DOCS / "detection.json")) == (DOCS / "detection.md").read_text("utf-8")


def test_the_libraries_are_named_with_their_releases() -> None:
    assert set(versions()) == {"numpy", "scikit-learn", "pyod", "torch", "onnxruntime"}
    assert all(release[0].isdigit() for release in versions().values())


def test_simulated_declarations_to_judge_come_after_those_to_learn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    from cli.bench import detection

    monkeypatch.setattr(detection, "EARLIER", 600)
    monkeypatch.setattr(detection, "LATER", 100)
    case = detection.simulated("sustancias_controladas", seed=3)
    assert (len(case.earlier), len(case.later)) == (600, 100)
    assert max(row.fecha for row in case.earlier) <= min(row.fecha for row in case.later)
