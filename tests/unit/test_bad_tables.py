"""Whatever is brought as a table, `vigia train` and `vigia score` take it or say in one sentence what is wrong with it."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from adapters import tables
from adapters.tables import TableError
from cli.main import app
from schemas.declaration import Declaration, Rejected
from tests.declarations import SPEC, rows, write_csv

ROWS = rows(700)
HEADER = ",".join(ROWS[0])
TEXT = HEADER + "\n" + "".join(",".join("" if value is None else str(value) for value in row.values()) + "\n" for row in ROWS)


def vigia(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def train(data: Path, out: Path, *more: object) -> Result:
    return vigia("train", "--dataset", SPEC.name, "--data", data, "--out", out, "--epochs", 1, *more)


def score(data: Path, bundle: Path, out: Path, *more: object) -> Result:
    return vigia("score", data, "--bundle", bundle, "--out", out, *more)


def read(path: Path) -> list[Declaration | Rejected]:
    return [row for piece in tables.read(path, None, SPEC) for row in piece]


def sentence(result: Result) -> str:
    """What a command that failed as it should has said: one line, without a stack."""
    assert result.exit_code == 2, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("vigia ")]
    assert "Traceback" not in result.output
    return line


def file(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(folder: Path, **change: Any) -> Path:
    path = folder / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{**row, **change} for row in ROWS]), path)
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    made = train(write_csv(folder / "rows.csv", ROWS), folder / "bundle")
    assert made.exit_code == 0, made.output
    return folder / "bundle"


UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (lambda folder: file(folder, "t.csv", ""), "t.csv is empty: a table has a row of column names"),
    "blank": (lambda folder: file(folder, "t.csv", "\n\n \n"), "t.csv is blank: a table has a row of column names"),
    "blank lines": (lambda folder: file(folder, "t.jsonl", "\n\n"), "no line that is a JSON object: write one declaration a line"),
    "one JSON array": (lambda folder: file(folder, "t.jsonl", json.dumps(ROWS)), "without an array around them"),
    "binary": (lambda folder: file(folder, "t.csv", b"a,b\n\x1b[31m\xfe\xff,1\n"), "not text in UTF-8, from byte 9 on: save it as CSV in"),
    "zeros": (lambda folder: file(folder, "t.csv", bytes(5000)), "not text in UTF-8, from byte 0 on"),
    "compressed": (lambda folder: file(folder, "t.csv", gzip.compress(TEXT.encode())), "not text in UTF-8, from byte 1 on"),
    "UTF-16": (lambda folder: file(folder, "t.csv", TEXT.encode("utf-16")), "not text in UTF-8, from byte 0 on"),
    "Latin-1": (lambda folder: file(folder, "t.csv", TEXT.replace("CARTAGENA", "IBAGUÉ").encode("latin-1")), "not text in UTF-8, from"),
    "semicolons": (lambda folder: file(folder, "t.csv", TEXT.replace(",", ";")), "divided by ';': write it with commas"),
    "tabs": (lambda folder: file(folder, "t.csv", TEXT.replace(",", "\t")), r"divided by '\t': write it with commas"),
    "a name twice": (lambda folder: file(folder, "t.csv", TEXT.replace("agente", "empresa", 1)), "more than one column 'empresa': rename"),
    "a short row": (lambda folder: file(folder, "t.csv", TEXT + "a,b,c\n"), "Row #702: Expected 12 columns, got 3: a,b,c"),
    "a directory": (lambda folder: folder, "is a directory: name one .csv, .jsonl or .parquet file"),
    "nested": (lambda folder: parquet(folder, empresa={"nit": "1"}), "struct<nit: string> in column 'empresa', which empresa is read from"),
    "a list": (
        lambda folder: parquet(folder, valor_fob_usd=[1.0]),
        "in column 'valor_fob_usd', which valor_fob_usd is read from: write it",
    ),
    "bytes": (
        lambda folder: parquet(folder, empresa=b"\xff"),
        "binary in column 'empresa', which empresa is read from: write it as a plain",
    ),
    "no column": (lambda folder: file(folder, "t.csv", TEXT.replace("puerto", "port", 1)), "has no column for puerto: its columns are"),
}


@pytest.mark.parametrize(("made", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_table_that_cannot_be_read_is_one_sentence_and_no_output(
    tmp_path: Path, bundle: Path, made: Callable[[Path], Path], message: str
) -> None:
    (tmp_path / "in").mkdir()
    data, out = made(tmp_path / "in"), tmp_path / "out"
    assert message in sentence(train(data, out))
    assert message in sentence(score(data, bundle, out))
    assert not out.exists()


def test_a_sentence_about_a_table_is_harmless_to_the_terminal_and_keeps_its_brackets(tmp_path: Path, bundle: Path) -> None:
    said = sentence(train(file(tmp_path, "t.csv", "Value [USD],\x1b[2J,[/red]\n1,2,3\n"), tmp_path / "out"))
    assert "its columns are Value [USD], \ufffd[2J, [/red]; pair them" in said
    data = file(tmp_path, "t.csv", TEXT.replace("agente", "Agent [name]", 1))
    for run in (train(data, tmp_path / "model"), score(data, bundle, tmp_path / "scores.csv")):
        assert run.exit_code == 0, run.output
        assert "t.csv: columns that no field is read from: Agent [name]\n" in run.output


def test_a_wide_table_is_not_listed_whole(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"its columns are c0, c1, .*, c19 and 980 more; pair them"):
        read(file(tmp_path, "t.csv", ",".join(f"c{n}" for n in range(1000)) + "\n"))


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_header_alone_is_a_table_without_rows(tmp_path: Path, bundle: Path, end: str) -> None:
    """It has nothing to learn from, and nothing to score is no fault: on some days nothing is declared."""
    data, out = file(tmp_path, "t.csv", HEADER + end), tmp_path / "scores.csv"
    assert "0 usable declarations are too few to learn from: at least 500 are needed" in sentence(train(data, tmp_path / "b"))
    assert score(data, bundle, out).exit_code == 0
    assert out.read_text("utf-8").splitlines() == ["declaration_id,score,error"]


def test_ten_rows_are_too_few_to_learn_from_and_enough_to_score(tmp_path: Path, bundle: Path) -> None:
    data = write_csv(tmp_path / "t.csv", ROWS[:10])
    assert "10 usable declarations are too few" in sentence(train(data, tmp_path / "b"))
    assert "10 declarations scored" in score(data, bundle, tmp_path / "scores.csv").output


REJECTED = {
    "a date that is none": ("fecha", "31/02/2025", "bad_format"),
    "a day that is none": ("fecha", "2025-02-31", "bad_format"),
    "thousands separators": ("valor_fob_usd", '"1.234,5"', "wrong_type"),
    "English thousands": ("valor_fob_usd", '"1,234.5"', "wrong_type"),
    "infinity": ("peso_neto_kg", "inf", "not_finite"),
    "a negative weight": ("peso_neto_kg", "-1", "out_of_range"),
    "no company": ("empresa", None, "missing_field"),
}


@pytest.mark.parametrize(("field", "value", "code"), REJECTED.values(), ids=REJECTED)
def test_a_row_with_a_bad_value_is_rejected_alone_by_code_and_field(
    tmp_path: Path, bundle: Path, field: str, value: object, code: str
) -> None:
    data, out = write_csv(tmp_path / "t.csv", [ROWS[0], {**ROWS[1], field: value}, ROWS[2]]), tmp_path / "scores.csv"
    result = score(data, bundle, out)
    assert result.exit_code == 0
    assert f"1 rows rejected (1 × {code} in {field}): {out}.rejected.csv says why" in result.output
    with (tmp_path / "scores.csv.rejected.csv").open(encoding="utf-8") as listed:
        (row,) = csv.DictReader(listed)
    assert (row["line"], row["code"], row["field"]) == ("2", code, field)


def test_a_table_of_which_every_row_is_rejected_fails_with_the_reasons(tmp_path: Path, bundle: Path) -> None:
    data, out = write_csv(tmp_path / "t.csv", [{**row, "fecha": "31/12/2025"} for row in ROWS]), tmp_path / "scores.csv"
    assert "(700 rows were rejected: 700 × bad_format in fecha)" in sentence(train(data, tmp_path / "b"))
    result = score(data, bundle, out)
    assert result.exit_code == 2
    assert f"700 rows rejected (700 × bad_format in fecha): {out}.rejected.csv says why" in result.output


def test_rows_with_the_same_id_are_all_scored(tmp_path: Path, bundle: Path) -> None:
    """A table is scored row by row: to fold what was sent twice is the stream's work."""
    data, out = write_csv(tmp_path / "t.csv", [{**row, "declaration_id": "D"} for row in ROWS[:3]]), tmp_path / "scores.csv"
    assert score(data, bundle, out).exit_code == 0
    assert [line.split(",")[0] for line in out.read_text("utf-8").splitlines()] == ["declaration_id", "D", "D", "D"]


def test_a_column_that_is_nested_is_no_matter_where_it_is_not_read(tmp_path: Path) -> None:
    assert all(isinstance(row, Declaration) for row in read(parquet(tmp_path, extra={"a": [1]})))


def test_a_byte_order_mark_and_line_breaks_in_cells_are_read_over(tmp_path: Path) -> None:
    found = read(file(tmp_path, "t.csv", b"\xef\xbb\xbf" + TEXT.replace("MARITIMO", '"MARI\nTIMO"', 1).encode()))
    assert len(found) == 700
    assert [row.code for row in found if isinstance(row, Rejected)] == ["bad_character"]


@pytest.mark.parametrize("place", ["there", "there/below"])
def test_a_bundle_cannot_be_written_at_a_file(tmp_path: Path, place: str) -> None:
    there = file(tmp_path, "there", "years of work")
    said = sentence(train(write_csv(tmp_path / "t.csv", ROWS), tmp_path / place))
    assert f"{there} is a file, and a bundle is a directory: name another place with --out" in said
    assert there.read_text("utf-8") == "years of work"


@pytest.mark.parametrize("place", ["", "below/it"])
def test_a_place_that_cannot_be_written_to_is_known_before_anything_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Root may write everywhere, so the system's answer is replaced."""
    closed, ask = tmp_path / "closed", os.access
    closed.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: ask(path, mode) and (Path(path) != closed or not mode & os.W_OK))
    said = sentence(train(write_csv(tmp_path / "t.csv", ROWS), closed / place))
    assert f"nothing can be written into {closed}: name another directory" in said


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (".", "is a directory: name a CSV file in it with --out"),
        ("none/scores.csv", "there is no directory"),
        ("t.csv/scores.csv", "there is no directory"),
        ("t.csv", "t.csv is the table itself, and would be overwritten"),
        ("./none/../t.csv", "there is no directory"),
    ],
)
def test_scores_that_cannot_be_written_are_one_sentence(tmp_path: Path, bundle: Path, out: str, message: str) -> None:
    data = write_csv(tmp_path / "t.csv", ROWS[:5])
    before = data.read_bytes()
    assert message in sentence(score(data, bundle, tmp_path / out))
    assert data.read_bytes() == before


def test_the_list_of_rejected_rows_is_not_overwritten_by_its_own_scores(tmp_path: Path, bundle: Path) -> None:
    data = write_csv(tmp_path / "scores.csv.rejected.csv", ROWS[:5])
    assert "is the table itself" in sentence(score(data, bundle, tmp_path / "scores.csv"))
    assert data.exists()


def test_a_mapping_that_names_a_missing_column_is_one_sentence(tmp_path: Path, bundle: Path) -> None:
    data, mapping = write_csv(tmp_path / "t.csv", ROWS), file(tmp_path, "m.toml", 'empresa = "Nope"\n')
    assert "t.csv has no column 'Nope': its columns are declaration_id, " in sentence(train(data, tmp_path / "b", "--mapping", mapping))
    assert "t.csv has no column 'Nope'" in sentence(score(data, bundle, tmp_path / "scores.csv", "--mapping", mapping))
