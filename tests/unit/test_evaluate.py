"""A model is judged on what came after its training, by alterations or by labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from core.errors import ConfigurationError
from core.scoring import Scorer
from tests.declarations import SPEC, parsed, rows, write_csv
from training import labels
from training.alterations import ENOUGH_PAST, SINGLE, Past, alter
from training.evaluate import MIXED, altered_sets, evaluate, labelled_sets
from training.learn import Recipe
from training.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scorer, Path]:
    folder = tmp_path_factory.mktemp("evaluated")
    table = write_csv(folder / "t.csv", rows(4000))
    return train(SPEC, table, folder / "bundle", recipe=Recipe(epochs=10, width=64)).scorer, folder


def test_alterations_change_the_named_fields_and_no_others() -> None:
    earlier, later = parsed(rows(2000)), parsed(rows(1000, seed=1))
    for kind in SINGLE:
        altered = alter(later, Past(earlier), [kind], seed=1, share=0.1)
        assert altered.labels.sum() == 100
        for before, after, by in zip(later, altered.declarations, altered.kinds, strict=True):
            changed = {field.name for field in SPEC.fields if getattr(before, field.name) != getattr(after, field.name)}
            assert changed == (set(kind.fields) if by else set())


def test_relational_alterations_need_a_past_and_give_what_a_company_never_had() -> None:
    earlier = parsed(rows(2000))
    past = Past(earlier)
    port = next(kind for kind in SINGLE if kind.fields == ("puerto",))
    altered = alter(parsed(rows(1000, seed=1)), past, [port], seed=1)
    for after in (row for row, by in zip(altered.declarations, altered.kinds, strict=True) if by):
        assert past.declared[after.empresa] >= ENOUGH_PAST
        assert after.puerto not in past.used[after.empresa, "puerto"]
    with pytest.raises(ValueError, match="there are none"):
        Past([])


def test_a_model_ranks_what_was_altered_above_what_was_not(trained: tuple[Scorer, Path]) -> None:
    scorer, _ = trained
    earlier, later = parsed(rows(4000)), parsed(rows(2000, seed=1))
    found = evaluate(scorer, later, altered_sets(later, Past(earlier), seed=1))
    assert next(iter(found.detection)) == MIXED
    assert found.detection[MIXED].roc_auc > 0.9
    assert found.named_first[MIXED][1] > 0.7
    assert found.alert_rate["all fields"] < 0.03
    assert 0 < found.explain_ms[0] <= found.explain_ms[1]


def test_nothing_to_alter_or_no_label_is_an_error() -> None:
    bare = [{"declaration_id": str(n), "empresa": f"E{n}", "subpartida": "110100", "puerto": "X"} for n in range(30)]
    with pytest.raises(ValueError, match="no declaration has a field that could be altered"):
        altered_sets(parsed(bare), Past(parsed(bare)), seed=1)
    with pytest.raises(ValueError, match="no declaration of the table has a label"):
        labelled_sets(parsed(bare), {})


def test_labels_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"declaration_id":"1","dataset":"x","kind":"weight","fields":["peso_neto_kg"]}\n{"kind":"weight"}\n', "utf-8")
    with pytest.raises(ConfigurationError, match="line 2 of the labels"):
        labels.read(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        labels.read(tmp_path / "none.jsonl")


def test_the_command_evaluates_by_alterations_and_by_labels(trained: tuple[Scorer, Path]) -> None:
    _, folder = trained
    later = rows(800, seed=3)
    for row in later[::20]:
        row["valor_fob_usd"] *= 50
    table, known = write_csv(folder / "later.csv", later), folder / "labels.jsonl"
    lines = [{"declaration_id": row["declaration_id"], "kind": "overvalued", "fields": ["valor_fob_usd"]} for row in later[::20]]
    known.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    command = ["evaluate", str(table), "--bundle", str(folder / "bundle"), "--out", str(folder / "found.json")]
    by_labels = CliRunner().invoke(app, [*command, "--labels", str(known)])
    assert by_labels.exit_code == 0, by_labels.output
    found = json.loads((folder / "found.json").read_text("utf-8"))
    assert found["rows"] == 760
    assert found["detection"]["overvalued"]["roc_auc"] > 0.9
    altered = CliRunner().invoke(app, [*command, "--past", str(folder / "t.csv")])
    assert altered.exit_code == 0, altered.output
    assert "port never used" in altered.output
    known.write_text("nonsense\n", "utf-8")
    wrong = CliRunner().invoke(app, [*command, "--labels", str(known)])
    assert wrong.exit_code == 2
    assert "line 1 of the labels" in wrong.output
    assert np.isfinite(found["explain_ms"]).all()
