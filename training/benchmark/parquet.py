"""Rows as a Parquet file, which training reads as it would a user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

_PIECE = 50_000


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Rows of text and numbers as a Parquet file, piece by piece; returns how many. Raises ValueError when there are none."""
    piece: list[Mapping[str, Any]] = []
    writer: pyarrow.parquet.ParquetWriter | None = None
    count = 0
    for row in rows:
        piece.append(row)
        if len(piece) == _PIECE:
            writer, count, piece = _append(path, writer, piece), count + len(piece), []
    if piece:
        writer, count = _append(path, writer, piece), count + len(piece)
    if writer is None:
        raise ValueError(f"there are no rows to write to {path}")
    writer.close()
    return count


def _append(path: Path, writer: Any, piece: list[Mapping[str, Any]]) -> Any:
    table = pyarrow.Table.from_pylist(piece, schema=writer.schema if writer else None)
    writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema, compression="zstd")
    writer.write_table(table)
    return writer
