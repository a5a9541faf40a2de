"""What the network learns from: copies in which one field was replaced, hidden fields, and values that nobody ever had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.columns import FIRST, MISSING, UNKNOWN
from tests.declarations import SPEC, parsed, rows, write_csv
from training import learn
from training.corruption import masks, replace_one, unsee
from training.dataset import Collector, Table
from training.learn import Recipe
from training.train import train


@pytest.fixture(scope="module")
def table() -> Table:
    collector = Collector(SPEC)
    collector.add(parsed(rows(1500)))
    return collector.table()


def test_one_field_is_replaced_in_each_copy_and_named(table: Table) -> None:
    copy, which = replace_one(table.columns, table.vocabulary, np.zeros(1500, dtype=int), np.random.default_rng(0))
    layout = table.vocabulary.layout
    for i in range(len(layout.fields)):
        if i in layout.of_field:
            columns = [k for k, column in enumerate(layout.columns) if column.field == i]
            changed = (copy.codes[:, columns] != table.columns.codes[:, columns]).any(axis=1)
        else:
            j = layout.numeric.index(i)
            changed = copy.amounts[:, j] != table.columns.amounts[:, j]
        assert (changed == (which == i)).all(), layout.fields[i].name
    assert 0.5 < (which >= 0).mean() < 1  # some draws give the same value
    assert (copy.present == table.columns.present).all()


def test_fields_that_are_left_alone_are_never_replaced(table: Table) -> None:
    alone = ("puerto", "valor_fob_usd")
    _, which = replace_one(table.columns, table.vocabulary, np.zeros(1500, dtype=int), np.random.default_rng(0), alone)
    replaced = {table.vocabulary.layout.fields[i].name for i in which[which >= 0]}
    assert replaced
    assert not replaced & set(alone)


def test_masks_meet_every_number_of_fields_and_show_nothing_that_is_not_there() -> None:
    random = np.random.default_rng(0)
    present = random.random((20_000, 8)) < 0.9
    shown = masks(present, random)
    assert not shown[~present].any()
    counts = np.bincount(shown[present.all(axis=1)].sum(axis=1).astype(int), minlength=9)
    assert (counts > 50).all()
    assert counts[8] > 0.3 * counts.sum()


def test_only_what_a_company_never_had_becomes_new_to_everyone(table: Table) -> None:
    layout = table.vocabulary.layout
    unused = np.zeros_like(table.columns.present)
    port = next(i for i, field in enumerate(layout.fields) if field.name == "puerto")
    unused[:500, port] = True
    copy = unsee(table.columns, table.vocabulary, unused, np.random.default_rng(0))
    changed = copy.codes != table.columns.codes
    assert set(np.flatnonzero(changed.any(axis=0))) == {layout.of_field[port]}
    assert not changed[500:].any()
    assert set(copy.codes[changed]) == {UNKNOWN}
    assert 0.1 < changed[:500].any(axis=1).mean() < 0.6
    assert (table.columns.codes[:, layout.of_field[port]] >= FIRST).all()
    assert MISSING not in copy.codes[:, layout.of_field[port]]


def test_large_tables_are_gone_through_fewer_times() -> None:
    recipe = Recipe()
    assert recipe.epochs_for(30_000) == recipe.epochs
    assert recipe.least_epochs < recipe.epochs_for(850_000) < recipe.epochs
    assert recipe.epochs_for(10**9) == recipe.least_epochs


def test_a_table_of_more_than_one_chunk_is_learned_from_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "CHUNK", 300)
    report = train(SPEC, write_csv(tmp_path / "t.csv", rows(1200)), tmp_path / "b", recipe=Recipe(epochs=4, width=16))
    assert report.curves.later[-1] < report.curves.later[0]
