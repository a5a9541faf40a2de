"""Anyone's table can be read: three formats, either direction of a mapping, and errors that say what to change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet
import pytest

from adapters import tables
from adapters.tables import TableError
from schemas.declaration import Declaration, Rejected
from tests.declarations import SPEC, rows, write_csv

COLUMNS = {"empresa": "Importer ID", "subpartida": "HS6 Code", "puerto": "Office", "valor_fob_usd": "Item Price"}


def read(path: Path, mapping: Path | None = None, **options: Any) -> list[Declaration | Rejected]:
    return [row for piece in tables.read(path, mapping, SPEC, **options) for row in piece]


def foreign(folder: Path, n: int = 3) -> Path:
    items = [{COLUMNS.get(name, name): row[name] for name in COLUMNS} for row in rows(n)]
    return write_csv(folder / "foreign.csv", items)


def test_csv_jsonl_and_parquet_give_the_same_declarations(tmp_path: Path) -> None:
    items = rows(50)
    csv = write_csv(tmp_path / "t.csv", items)
    jsonl = tmp_path / "t.jsonl"
    jsonl.write_text("\n".join(json.dumps(item) for item in items), "utf-8")
    parquet = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), parquet)
    # Each reading makes a type of its own for the dataset, so the values are compared.
    found = [[msgspec.to_builtins(row) for row in read(path)] for path in (csv, jsonl, parquet)]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 50
    assert all(isinstance(row, Declaration) for row in read(csv))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("section", [False, True])
@pytest.mark.parametrize("form", ["toml", "json"])
def test_a_mapping_may_be_written_in_either_direction(tmp_path: Path, turned: bool, section: bool, form: str) -> None:
    pairs = {column: field for field, column in COLUMNS.items()} if turned else COLUMNS
    mapping = tmp_path / f"mapping.{form}"
    if form == "json":
        mapping.write_text(json.dumps({"columns": pairs} if section else pairs), "utf-8")
    else:
        head = "[columns]\n" if section else ""
        mapping.write_text(head + "".join(f'"{left}" = "{right}"\n' for left, right in pairs.items()), "utf-8")
    found = read(foreign(tmp_path), mapping)
    assert [row.empresa for row in found if isinstance(row, Declaration)] == [row["empresa"] for row in rows(3)]


def test_rows_without_a_key_are_numbered(tmp_path: Path) -> None:
    mapping = tmp_path / "m.json"
    mapping.write_text(json.dumps(COLUMNS), "utf-8")
    assert [row.declaration_id for row in read(foreign(tmp_path), mapping) if isinstance(row, Declaration)] == ["1", "2", "3"]


def test_columns_that_are_not_read_are_named_once(tmp_path: Path) -> None:
    said: list[str] = []
    items = [{**row, "Fraud": 1} for row in rows(5)]
    read(write_csv(tmp_path / "t.csv", items), notice=said.append)
    assert said == ["t.csv: columns that no field is read from: Fraud"]


def test_a_bad_row_is_rejected_where_it_stands(tmp_path: Path) -> None:
    items = rows(3)
    items[1]["peso_neto_kg"] = "a lot"
    found = read(write_csv(tmp_path / "t.csv", items))
    assert [type(row) is Rejected for row in found] == [False, True, False]
    lines = tmp_path / "t.jsonl"
    lines.write_text('[1]\nnot json\n{"empresa": "A", "subpartida": "110100", "puerto": "X"}\n', "utf-8")
    assert [row.code if isinstance(row, Rejected) else None for row in read(lines)] == ["not_object", "not_json", None]


def test_spreadsheet_damage_is_repaired(tmp_path: Path) -> None:
    """A subpartida that lost its leading zero, and numbers where text is meant."""
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{"empresa": 900123, "subpartida": 90111, "puerto": "cartagena "}]), path)
    (row,) = read(path)
    assert isinstance(row, Declaration)
    assert (row.empresa, row.subpartida, row.puerto) == ("900123", "090111", "CARTAGENA")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "there is no file"),
        ("empty.csv", "", "is empty"),
        ("t.xlsx", "x", "a table is a .csv, .jsonl or .parquet"),
        ("t.csv", "a,b\n1,2\n", r"no column for empresa, subpartida, puerto: its columns are a, b"),
        ("t.parquet", "not parquet at all", "cannot be read as parquet"),
        ("t.csv", "empresa,subpartida,puerto\n1,2\n", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(TableError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"empresa": "Nope", "subpartida": "HS6 Code", "puerto": "Office"}, r"no column 'Nope': its columns are Importer ID"),
        ({"empresa": "Importer ID", "weight": "Item Price", "puerto": "Office"}, r"names 'weight', which exportaciones does not have"),
        ({"Importer ID": "empresa", "Office": "empresa"}, "more than one column"),
        ({"empresa": 3}, "must pair names with names"),
        ([], "must pair names with names"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said(tmp_path: Path, mapping: object, message: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(mapping), "utf-8")
    with pytest.raises(TableError, match=message):
        read(foreign(tmp_path), path)
