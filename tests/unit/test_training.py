"""Training turns any sound table into a sound bundle, and any other into a sentence."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from adapters.bundle import load
from adapters.session import OnnxNetwork
from core.errors import ConfigurationError
from core.features import Inputs
from schemas import datasets
from schemas.declaration import Declaration, Parser
from tests.declarations import SPEC, parsed, rows, write_csv
from training.autoencoder import Autoencoder, Shape
from training.dataset import Collector
from training.export import to_onnx
from training.learn import Recipe
from training.train import Report, train

QUICK = Recipe(epochs=1, width=16, folds=2)


def quick(folder: Path, items: list[dict[str, Any]], name: str = "bundle", **options: Any) -> Report:
    return train(SPEC, write_csv(folder / "rows.csv", items), folder / name, recipe=QUICK, **options)


def test_the_same_rows_and_seed_give_the_same_model(tmp_path: Path) -> None:
    items = rows(800)
    first, again, other = (quick(tmp_path, items, f"bundle{n}", seed=seed).scorer for n, seed in enumerate((1, 1, 2)))
    assert first.model == again.model != other.model
    assert first.score(parsed(items)).error.tolist() == again.score(parsed(items)).error.tolist()


def test_the_network_learns_to_tell_replaced_fields(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "rows.csv", rows(2000))
    report = train(SPEC, table, tmp_path / "bundle", recipe=Recipe(epochs=6, width=32))
    assert report.rows == 2000
    assert report.curves.later[-1] < report.curves.later[0]
    assert report.held_out_loss == min(report.curves.later)


@pytest.mark.parametrize("kind", ["random", "extreme", "missing"])
def test_torch_and_onnxruntime_agree(kind: str) -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    fields, numbers, n = 9, 40, 300
    network = Autoencoder(Shape(random.random((numbers, fields)) < 0.2, (0, 1, 4), (10, 50, 4), 32, 4)).eval()
    scale = 1e4 if kind == "extreme" else 1.0
    inputs = Inputs(
        (random.normal(size=(n, numbers)) * scale).astype(np.float32),
        random.integers(0, 4, (n, 3)),
        (random.random((n, fields)) < (0.0 if kind == "missing" else 0.7)).astype(np.float32),
    )
    with torch.no_grad():
        wanted, _ = network(*(torch.from_numpy(part) for part in inputs))
    found = OnnxNetwork(to_onnx(network)).energies(inputs)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-4)
    assert (found[inputs.mask == 0] == 0).all()


def test_the_exported_network_names_its_opset_and_producer() -> None:
    network = Autoencoder(Shape(np.ones((3, 2), dtype=bool), (), (), 8, 2))
    model = onnx.load_from_string(to_onnx(network))
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    assert (model.producer_name, model.producer_version) == ("vigia", f"torch {torch.__version__}")


def test_too_few_rows_are_refused_with_the_reasons_of_the_rejected(tmp_path: Path) -> None:
    items = [{**row, "peso_neto_kg": "heavy"} for row in rows(600)]
    with pytest.raises(ConfigurationError, match=r"0 usable declarations .* 600 × .* in peso_neto_kg"):
        quick(tmp_path, items)


def test_a_table_in_which_nothing_varies_is_refused(tmp_path: Path) -> None:
    items = [{"empresa": "A", "subpartida": "110100", "puerto": "X"} for _ in range(600)]
    with pytest.raises(ConfigurationError, match="nothing in it goes with anything else"):
        quick(tmp_path, items)


def test_the_place_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("years of work", "utf-8")
    with pytest.raises(ConfigurationError, match="new or empty directory"):
        quick(tmp_path, rows(600))


@pytest.mark.parametrize(
    "change",
    [
        {"empresa": "ONLY ONE SAS"},
        {"pais": "US", "via": "MARITIMO", "pais_origen": "CO"},
        {"pais": None, "via": None, "agente": None, "contraparte": None, "valor_fob_usd": None, "peso_neto_kg": None},
        {"fecha": None},
        {"valor_fob_usd": 0, "peso_neto_kg": 0},
        {"subpartida": "110100"},
        {"valor_fob_usd": 1e300},
    ],
    ids=["one company", "constant columns", "required fields only", "no dates", "zero amounts", "one subpartida", "huge amounts"],
)
def test_poor_tables_still_make_a_sound_model(tmp_path: Path, change: dict[str, Any]) -> None:
    """The bundle loads (its golden vectors hold) and full declarations get finite scores: a field that training never
    saw is not read."""
    report = quick(tmp_path, [{**row, **change} for row in rows(700)])
    scores = load(tmp_path / "bundle").score(parsed(rows(50, seed=5)))
    assert np.isfinite(scores.score).all()
    assert np.isfinite(report.held_out_loss)
    report.scorer.explain(parsed(rows(2, seed=5)))


def test_the_later_rows_are_the_last_by_date() -> None:
    collector = Collector(SPEC)
    collector.add(parsed(reversed(rows(1000))))
    table = collector.table()
    earlier, later = table.split(0.2, seed=1)
    assert len(later) == 200
    assert max(table.dates[earlier].tolist()) <= min(table.dates[later].tolist())


def test_the_other_dataset_needs_no_code_of_its_own(tmp_path: Path) -> None:
    """Percentages, substances and uses: the specification is all that says so."""
    spec = datasets.load("sustancias_controladas")
    random = np.random.default_rng(0)
    items = []
    for row in rows(900):
        strong = random.random() < 0.5
        uses = {"sustancia": "ACETONA" if strong else "TOLUENO", "uso": "LIMPIEZA" if strong else "SOLVENTE"}
        items.append({**row, **uses, "concentracion_pct": round(95 + 4 * random.random() if strong else 40 * random.random(), 1)})
    train(spec, write_csv(tmp_path / "rows.csv", items), tmp_path / "bundle", recipe=QUICK)
    scorer = load(tmp_path / "bundle")
    assert scorer.model.name == "autoencoder-sustancias-controladas"
    declaration = Parser(spec).from_row(items[0])
    assert isinstance(declaration, Declaration)
    (explanation,) = scorer.explain([declaration])
    percent = next(each for each in explanation.contributions if each.field == "concentracion_pct")
    assert 0 <= percent.expected["low"] <= percent.expected["value"] <= percent.expected["high"] <= 100


def test_the_command_lines_train_and_score_a_table_with_other_names(tmp_path: Path) -> None:
    import typer
    from typer.testing import CliRunner

    from cli.score import score as score_command
    from cli.train import train as train_command

    names = {"empresa": "Exporter", "subpartida": "Code", "puerto": "Port", "valor_fob_usd": "USD", "peso_neto_kg": "kg"}
    items = [{names[name]: row[name] for name in names} for row in rows(700)]
    items[3]["kg"] = "unknown"
    data, mapping, out = write_csv(tmp_path / "t.csv", items), tmp_path / "m.toml", tmp_path / "scores.csv"
    mapping.write_text("[columns]\n" + "\n".join(f'{column} = "{field}"' for field, column in names.items()), "utf-8")
    app = typer.Typer()
    app.command()(train_command)
    app.command()(score_command)
    run = CliRunner().invoke
    options = ["--mapping", str(mapping)]
    trained = run(
        app, ["train", "--dataset", "exportaciones", "--data", str(data), "--out", str(tmp_path / "b"), "--epochs", "1", *options]
    )
    assert trained.exit_code == 0, trained.output
    assert "rejected rows" in trained.output
    scored = run(app, ["score", str(data), "--bundle", str(tmp_path / "b"), "--out", str(out), *options])
    assert scored.exit_code == 0, scored.output
    with out.open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["declaration_id", "score", "error"]
    assert [row["declaration_id"] for row in table] == [str(n) for n in range(1, 701) if n != 4]
    with (tmp_path / "scores.csv.rejected.csv").open(encoding="utf-8") as file:
        (rejected,) = csv.DictReader(file)
    assert (rejected["line"], rejected["field"]) == ("4", "peso_neto_kg")
    missing = run(app, ["score", str(tmp_path / "none.csv"), "--bundle", str(tmp_path / "b"), "--out", str(out)])
    assert missing.exit_code == 2
    assert "there is no file" in missing.output
    unknown = run(app, ["train", "--dataset", "flores", "--data", str(data), "--out", str(tmp_path / "c")])
    assert unknown.exit_code == 2
    assert "there is no dataset 'flores'" in unknown.output
