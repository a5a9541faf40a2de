"""Declarations as requests bring them: the contract's parser, and an id only where the caller has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from fastapi import Request

from adapters.catalogue import deferred
from api.problems import Problem, Refused
from api.serving import Lane
from schemas.declaration import MAX_BYTES, Declaration, Rejected

DEFAULT = "exportaciones"
"""The dataset of a declaration that names none."""

NAMELESS = "-"
"""The id that a declaration has for the parser when the caller gave it none."""


class _Head(msgspec.Struct):
    dataset: str | None = None
    declaration_id: str | None = None


class Declared(NamedTuple):
    """A declaration, its lane, and its id, None if it has none."""

    lane: Lane
    declaration: Declaration
    declaration_id: str | None


_NULL = msgspec.Raw(b"null")
_head = msgspec.json.Decoder(_Head)
_document = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


async def declared(request: Request, lanes: Mapping[str, Lane]) -> Declared:
    """The declaration in a request's body; raises Refused, or Problem for an unknown dataset."""
    body = await request.body()
    head = _read_head(body)
    lane = lane_of(head.dataset or DEFAULT, lanes)
    found = _parse(body, head, lane)
    if isinstance(found, Rejected):
        raise Refused(found, lane.spec.name)
    return found


def parse(body: bytes, lane: Lane) -> Declared | Rejected:
    """One declaration of a known dataset in JSON, or why it is none."""
    return _parse(body, _read_head(body), lane)


def _read_head(body: bytes) -> _Head:
    """What decides how the rest is read; nothing for what the parser will refuse, and say why."""
    if len(body) <= MAX_BYTES:
        try:
            return _head.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    return _Head()


def _parse(body: bytes, head: _Head, lane: Lane) -> Declared | Rejected:
    found = lane.parser.parse(body if head.declaration_id is not None else _with_id(body))
    return found if isinstance(found, Rejected) else Declared(lane, found, head.declaration_id)


def lane_of(name: str, lanes: Mapping[str, Lane], status: int = 422) -> Lane:
    """The lane of a dataset; raises Problem, 422 or, where the dataset is in the address, 404."""
    lane = lanes.get(name)
    if lane is None:
        told = deferred("there is no dataset %(name)s: the datasets are %(known)s")
        raise Problem(status, "unknown_dataset", told, name=repr(name[:64]), known=", ".join(lanes))
    return lane


def served(request: Request, dataset: str | None) -> None:
    """Returns if a dataset that was asked for is served, or none was; raises Problem 422."""
    if dataset is not None:
        lane_of(dataset, request.app.state.models.lanes)


def _with_id(body: bytes) -> bytes:
    """The same declaration with a placeholder where its id is missing; whatever has one, or is no object, stays as it is."""
    try:
        document = _document.decode(body) if len(body) <= MAX_BYTES else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    if bytes(document.get("declaration_id", _NULL)) != b"null":
        return body
    return _encode({**document, "declaration_id": NAMELESS}) if document else body
