"""Batches as requests bring them: a JSON array, a CSV table, or one of them as an uploaded file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple

import msgspec
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from adapters.catalogue import deferred
from adapters.tables import TableError, read
from api.declarations import parse
from api.problems import Problem, Refused
from api.serving import Lane
from schemas.declaration import Declaration, Rejected

MOST = 10_000
"""How many rows a batch may have."""


class Row(NamedTuple):
    """A row as a declaration, or why it is none; and its id, None if it has none."""

    declaration: Declaration | Rejected
    declaration_id: str | None


async def rows(request: Request, lane: Lane, executor: Executor) -> list[Row]:
    """The rows of a request's table; raises Problem, or Refused when there is no JSON array."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    name = ""
    if kind == "multipart/form-data":
        kind, name, content = await _uploaded(request)
    else:
        content = await request.body()
    if kind not in ("application/json", "text/csv"):
        told = deferred("a batch is application/json, text/csv, or a multipart upload with a `file` that is one of them, not %(kind)s")
        raise Problem(415, "unsupported_media_type", told, kind=kind)
    if not content.strip():
        raise Refused(Rejected("empty_value", None, "the request has no rows: send a JSON array or a CSV table"), lane.spec.name)
    parsing = _array if kind == "application/json" else _table
    return await asyncio.get_running_loop().run_in_executor(executor, parsing, content, lane, name)


async def _uploaded(request: Request) -> tuple[str, str, bytes]:
    try:
        form = await request.form(max_files=1, max_fields=10)
    except (HTTPException, ClientDisconnect) as error:
        raise Problem(422, "bad_upload", "the upload cannot be read: %(reason)s", reason=getattr(error, "detail", error)) from error
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Problem(422, "no_file", "the upload has no field `file`: send the table in it")
    name = Path(file.filename or "").name
    given = (file.content_type or "").partition(";")[0].lower()
    kind = {".csv": "text/csv", ".json": "application/json"}.get(Path(name).suffix.lower(), given)
    return kind, name, await file.read()


def _array(content: bytes, lane: Lane, name: str) -> list[Row]:
    try:
        items = msgspec.json.decode(content, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(422, "not_an_array", "the body is no JSON array of declarations: %(reason)s", reason=error) from error
    _few(len(items))
    return [_item(bytes(item), lane) for item in items]


def _item(item: bytes, lane: Lane) -> Row:
    found = parse(item, lane)
    return Row(found, None) if isinstance(found, Rejected) else Row(found.declaration, found.declaration_id)


def _table(content: bytes, lane: Lane, name: str) -> list[Row]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "table.csv"
        path.write_bytes(content)
        try:
            named = b"declaration_id" in content[: content.find(b"\n") + 1 or None]
            found = [Row(each, each.declaration_id if named and isinstance(each, Declaration) else None) for each in _read(path, lane)]
        except TableError as error:
            told = str(error).replace(str(path), name or "the table")
            raise Problem(422, "bad_table", "%(reason)s", reason=told) from error
    return found


def _read(path: Path, lane: Lane) -> Iterator[Declaration | Rejected]:
    count = 0
    for piece in read(path, None, lane.spec):
        count += len(piece)
        _few(count)
        yield from piece


def _few(count: int) -> None:
    if count > MOST:
        raise Problem(413, "too_many_rows", "a batch has at most %(most)s rows: send the table in pieces", most=f"{MOST:,}")
    if not count:
        raise Problem(422, "no_rows", "there are no rows: send at least one declaration")
