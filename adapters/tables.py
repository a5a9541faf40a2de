"""Tables of declarations that anyone can bring: CSV, JSON lines or Parquet, under their own column names.

A mapping file (TOML or JSON, flat or under `columns`) pairs the contract's field names with the table's columns, in
either direction: `empresa = "Importer ID"` or `"Importer ID" = "empresa"`.
"""

from __future__ import annotations

import codecs
import csv
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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
_HEAD = 1 << 16
"""How many bytes show whether a file is text."""
_NAMED = 20
"""How many columns a message names: some tables have thousands."""


class TableError(ConfigurationError):
    """A table or a mapping file cannot be read; the message says which and what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message))


class _Table(NamedTuple):
    """An open table. `unfit` says of some columns what they hold instead of text, numbers or dates."""

    columns: list[str]
    pieces: Iterator[list[Row | Rejected]]
    unfit: Mapping[str, str] = {}


def read(
    path: Path, mapping: Path | None, spec: DatasetSpec, notice: Callable[[str], None] = lambda text: None
) -> Iterator[list[Declaration | Rejected]]:
    """The rows of a table, in order and in pieces. `notice` is told once about columns that are not read.

    A table without a column for the key is keyed by row number. Raises TableError.
    """
    pieces, names, unread = _paired(path, mapping, spec)
    if unread:
        notice(_notice(path, unread))
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


def unread(path: Path, mapping: Path | None, spec: DatasetSpec) -> str | None:
    """What `read` would tell `notice`, at the price of opening the table; raises TableError."""
    columns = _paired(path, mapping, spec)[2]
    return _notice(path, columns) if columns else None


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
        raise TableError(f"{path} has no column {', '.join(map(repr, absent))}: its columns are {_listed(columns)}")
    names = {field.name: field.name for field in spec.fields if field.name in columns and field.name not in mapping.values()}
    names.update(mapping)
    required = [field.name for field in spec.fields if field.required and field.kind != "key" and field.name not in names]
    if required:
        raise TableError(
            f"{path} has no column for {', '.join(required)}: its columns are {_listed(columns)}; "
            "pair them with fields in a mapping file (--mapping)"
        )
    twice = [column for column in dict.fromkeys(names.values()) if columns.count(column) > 1]
    if twice:
        raise TableError(f"{path} has more than one column {', '.join(map(repr, twice))}: rename or remove all but one")
    return names


def _paired(path: Path, mapping: Path | None, spec: DatasetSpec) -> tuple[Iterator[list[Row | Rejected]], dict[str, str], list[str]]:
    """A table's rows, the column that each field is read from, and the columns that none is read from."""
    if path.is_dir():
        raise TableError(f"{path} is a directory: name one .csv, .jsonl or .parquet file")
    if not path.is_file():
        raise TableError(f"there is no file {path}")
    if path.stat().st_size == 0:
        raise TableError(f"{path} is empty: a table has a row of column names, or is JSON lines, and then rows")
    table = _open(path)
    names = pair(table.columns, read_mapping(mapping, spec) if mapping else {}, spec, path)
    for field, column in names.items():
        if column in table.unfit:
            raise TableError(
                f"{path} has {table.unfit[column]} in column {column!r}, which {field} is read from: "
                "write it as a plain column of text, numbers or dates"
            )
    return table.pieces, names, [column for column in table.columns if column not in names.values()]


def _notice(path: Path, unread: list[str]) -> str:
    return f"{path.name}: columns that no field is read from: {_listed(unread)}"


def _listed(columns: list[str]) -> str:
    more = f" and {len(columns) - _NAMED:,} more" if len(columns) > _NAMED else ""
    return _printable(", ".join(columns[:_NAMED]) + more)


def _printable(text: str) -> str:
    """On one line and harmless to a terminal, whatever bytes a table quotes itself with."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _key(spec: DatasetSpec) -> str:
    return next(field.name for field in spec.fields if field.kind == "key")


def _open(path: Path) -> _Table:
    """A table, by what its name ends in."""
    suffix = path.suffix.lower()
    formats = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet, ".pq": _parquet}
    if suffix not in formats:
        raise TableError(f"{path} ends in {suffix or 'nothing'}: a table is a .csv, .jsonl or .parquet file")
    try:
        return formats[suffix](path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read as {suffix[1:]}: {error}") from None


def _csv(path: Path) -> _Table:
    head = _head(path)
    if not head.strip():
        raise TableError(f"{path} is blank: a table has a row of column names, and then rows")
    if "\n" not in head and path.stat().st_size < _HEAD:  # which pyarrow takes for no header at all
        columns, batches = next(csv.reader([head])), iter(())
    else:
        parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
        # On one thread pyarrow knows the number of the row that it cannot read, and is no slower.
        blocks = [pyarrow.csv.ReadOptions(block_size=size, use_threads=False) for size in (1 << 20, 1 << 22)]
        with pyarrow.csv.open_csv(path, read_options=blocks[0], parse_options=parsing) as reader:
            columns = reader.schema.names
        texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pyarrow.string()), strings_can_be_null=False)
        batches = pyarrow.csv.open_csv(path, read_options=blocks[1], parse_options=parsing, convert_options=texts)
    divider = next((sign for sign in ";\t|" if len(columns) == 1 and sign in columns[0]), None)
    if divider:
        raise TableError(f"{path} seems to be divided by {divider!r}: write it with commas between the columns, and points in numbers")
    return _Table(columns, _batches(path, batches))


def _head(path: Path) -> str:
    """The beginning of a text file; raises TableError when it is no text."""
    with path.open("rb") as file:
        start = file.read(_HEAD)
    fault, text = start.find(b"\0"), ""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        fault = error.start
    if fault >= 0:
        raise TableError(f"{path} is not text in UTF-8, from byte {fault:,} on: save it as CSV in UTF-8")
    return text


def _parquet(path: Path) -> _Table:
    file = pyarrow.parquet.ParquetFile(path)
    schema = file.schema_arrow
    unfit = {column.name: str(column.type) for column in schema if _unfit(column.type)}
    return _Table(schema.names, _batches(path, file.iter_batches(batch_size=PIECE)), unfit)


def _unfit(kind: Any) -> bool:
    """Whether a type's values are neither text nor numbers nor dates: they would be read as text that looks like code."""
    plain = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    return bool(pyarrow.types.is_nested(plain) or "binary" in str(plain))


def _batches(path: Path, batches: Any) -> Iterator[list[Row | Rejected]]:
    try:
        for batch in batches:
            for at in range(0, batch.num_rows, PIECE):
                yield batch.slice(at, PIECE).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read to its end: {error}") from None


def _jsonl(path: Path) -> _Table:
    columns: dict[str, None] = {}
    for piece in _lines(path):
        for row in piece:
            if isinstance(row, dict):
                columns.update(dict.fromkeys(row))
        if columns:
            break  # later rows may leave fields out, and seldom bring new ones
    if not columns:
        raise TableError(f"{path} has no line that is a JSON object: write one declaration a line, without an array around them")
    return _Table(list(columns), _lines(path))


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
