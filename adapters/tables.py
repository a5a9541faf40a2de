"""Tables of declarations that anyone can bring: CSV, JSON lines or Parquet, under their own column names.

A mapping file (TOML or JSON, flat or under `columns`) pairs the contract's field names with the table's columns, in
either direction: `empresa = "Importer ID"` or `"Importer ID" = "empresa"`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from core.errors import ConfigurationError
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration, Parser, Rejected

PIECE = 20_000
"""How many rows are held at once."""

Row = dict[str, Any]


class TableError(ConfigurationError):
    """A table or a mapping file cannot be read; the message says which and what to change."""


def read(
    path: Path, mapping: Path | None, spec: DatasetSpec, notice: Callable[[str], None] = lambda text: None
) -> Iterator[list[Declaration | Rejected]]:
    """The rows of a table, in order and in pieces. `notice` is told once about columns that are not read.

    A table without a column for the key is keyed by row number. Raises TableError.
    """
    if not path.is_file():
        raise TableError(f"there is no file {path}")
    if path.stat().st_size == 0:
        raise TableError(f"{path} is empty")
    columns, pieces = _open(path)
    names = pair(columns, read_mapping(mapping, spec) if mapping else {}, spec, path)
    unread = [column for column in columns if column not in names.values()]
    if unread:
        notice(f"{path.name}: columns that no field is read from: {', '.join(unread)}")
    parser, key = Parser(spec), _key(spec)
    number = 0
    for piece in pieces:
        found: list[Declaration | Rejected] = []
        for row in piece:
            number += 1
            if isinstance(row, Rejected):
                found.append(row)
                continue
            values = {field: row.get(column) for field, column in names.items()}
            if key not in names:
                values[key] = str(number)
            found.append(parser.from_row(values))
        yield found


def read_mapping(path: Path, spec: DatasetSpec) -> dict[str, str]:
    """Field name to column name, from a mapping file in either direction; raises TableError."""
    if not path.is_file():
        raise TableError(f"there is no mapping file {path}")
    try:
        text = path.read_text("utf-8")
        document = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, tomllib.TOMLDecodeError) as error:
        raise TableError(f"the mapping file {path} is neither TOML nor, ending in .json, JSON: {error}") from None
    pairs = document.get("columns", document) if isinstance(document, dict) else None
    if not isinstance(pairs, dict) or not pairs or not all(isinstance(value, str) for value in pairs.values()):
        raise TableError(f'the mapping file {path} must pair names with names, such as empresa = "Importer ID"')
    fields = {field.name for field in spec.fields}
    left, right = [k for k in pairs if k in fields], [v for v in pairs.values() if v in fields]
    if len(left) == len(pairs):
        return dict(pairs)
    if len(right) == len(pairs):
        turned = {field: column for column, field in pairs.items()}
        if len(turned) == len(pairs):
            return turned
        twice = sorted({field for field in right if right.count(field) > 1})
        raise TableError(f"the mapping file {path} reads {', '.join(twice)} from more than one column: keep one")
    strange = [k for k in pairs if k not in fields] if len(left) >= len(right) else [v for v in pairs.values() if v not in fields]
    raise TableError(
        f"the mapping file {path} names {', '.join(map(repr, strange))}, which {spec.name} does not have: "
        f"its fields are {', '.join(field.name for field in spec.fields)}"
    )


def pair(columns: list[str], mapping: Mapping[str, str], spec: DatasetSpec, path: Path) -> dict[str, str]:
    """Field name to column name: as mapped, and columns that bear a field's name; raises TableError."""
    absent = [column for column in mapping.values() if column not in columns]
    if absent:
        raise TableError(f"{path} has no column {', '.join(map(repr, absent))}: its columns are {', '.join(columns)}")
    names = {field.name: field.name for field in spec.fields if field.name in columns and field.name not in mapping.values()}
    names.update(mapping)
    required = [field.name for field in spec.fields if field.required and field.kind != "key" and field.name not in names]
    if required:
        raise TableError(
            f"{path} has no column for {', '.join(required)}: its columns are {', '.join(columns)}; "
            "pair them with fields in a mapping file (--mapping)"
        )
    return names


def _key(spec: DatasetSpec) -> str:
    return next(field.name for field in spec.fields if field.kind == "key")


def _open(path: Path) -> tuple[list[str], Iterator[list[Row | Rejected]]]:
    """A table's columns and its rows, by what its name ends in."""
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return _jsonl(path)
    if suffix not in (".csv", ".parquet", ".pq"):
        raise TableError(f"{path} ends in {suffix or 'nothing'}: a table is a .csv, .jsonl or .parquet file")
    try:
        return _csv(path) if suffix == ".csv" else _parquet(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read as {suffix[1:]}: {error}") from None


def _csv(path: Path) -> tuple[list[str], Iterator[list[Row | Rejected]]]:
    with pyarrow.csv.open_csv(path, read_options=pyarrow.csv.ReadOptions(block_size=1 << 20)) as reader:
        columns = reader.schema.names
    texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pyarrow.string()), strings_can_be_null=False)
    options = pyarrow.csv.ReadOptions(block_size=1 << 22)
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return columns, _batches(path, pyarrow.csv.open_csv(path, read_options=options, parse_options=parsing, convert_options=texts))


def _parquet(path: Path) -> tuple[list[str], Iterator[list[Row | Rejected]]]:
    file = pyarrow.parquet.ParquetFile(path)
    return file.schema_arrow.names, _batches(path, file.iter_batches(batch_size=PIECE))


def _batches(path: Path, batches: Any) -> Iterator[list[Row | Rejected]]:
    try:
        for batch in batches:
            for at in range(0, batch.num_rows, PIECE):
                yield batch.slice(at, PIECE).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read to its end: {error}") from None


def _jsonl(path: Path) -> tuple[list[str], Iterator[list[Row | Rejected]]]:
    columns: dict[str, None] = {}
    for piece in _lines(path):
        for row in piece:
            if isinstance(row, dict):
                columns.update(dict.fromkeys(row))
        if columns:
            break  # later rows may leave fields out, and seldom bring new ones
    return list(columns), _lines(path)


def _lines(path: Path) -> Iterator[list[Row | Rejected]]:
    decoder = msgspec.json.Decoder()
    piece: list[Row | Rejected] = []
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                row = decoder.decode(line)
                bad = None if isinstance(row, dict) else Rejected("not_object", None, "the line is not a JSON object")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                bad = Rejected("not_json", None, f"the line is not JSON: {error}")
            piece.append(bad or row)
            if len(piece) == PIECE:
                yield piece
                piece = []
    if piece:
        yield piece
