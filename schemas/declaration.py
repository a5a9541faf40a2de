"""Bytes become a frozen Declaration, or a Rejected that says why. Past this module nobody asks whether a field is there."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter, getitem
from typing import Annotated, Any

import msgspec

from schemas.checks import TEXT_CHECKS, Code, Rejection, check, shown
from schemas.datasets import DatasetSpec, FieldSpec
from schemas.unknown import inspect

MAX_BYTES = 1_048_576
"""The largest declaration that is parsed, in bytes. A real one has less than a thousand."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every dataset's declaration has; a dataset's own fields are attributes too, None where missing.

    `puerto` is upper case without accents, country codes are upper case, `fecha` is `YYYY-MM-DD`.
    """

    declaration_id: str
    empresa: str
    subpartida: str
    puerto: str


@dataclass(frozen=True)
class Rejected:
    """Why a message is no declaration: a stable `code`, the `field` at fault (None: the whole message), and a sentence."""

    code: Code
    field: str | None
    message: str


class Parser:
    """Parses the declarations of one dataset. Never raises: what is no declaration comes back as Rejected."""

    def __init__(self, spec: DatasetSpec) -> None:
        self.spec = spec
        optional = [(field.name, _wire_type(field) | None, None) for field in spec.fields if not field.required]
        self.type: type[Declaration] = msgspec.defstruct(  # type: ignore[assignment]  # its base is Declaration
            f"Declaration_{spec.name}",
            [*optional, ("dataset", str | None, None)],
            bases=(Declaration,),
            frozen=True,
            kw_only=True,
            omit_defaults=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(self.type)
        self._expects_unknown = False  # who sends an unknown field sends it always: a guess at the next message, for speed
        self._objects = msgspec.json.Decoder(dict[str, Any])
        self._checked: dict[str, dict[str | None, str | None]] = {field.name: _Checked(field) for field in spec.fields if not field.numeric}
        self._checked["dataset"] = _Dataset(spec.name)
        self._names = tuple(self._checked)
        self._tables = tuple(self._checked.values())
        self._values = attrgetter(*self._names)
        self._known = frozenset((*(field.name for field in spec.fields), "dataset"))

    def parse(self, raw: bytes | None) -> Declaration | Rejected:
        """The declaration in a message's value, whatever bytes it holds."""
        if not raw:
            return Rejected("empty_value", None, "the message has no value: send the declaration as a JSON object")
        if len(raw) > MAX_BYTES:
            return Rejected("too_large", None, f"the message has {len(raw):,} bytes: a declaration has at most {MAX_BYTES:,}")
        try:
            if b"\\" in raw and b"\\u0000" in raw and _ESCAPED_NUL.search(raw):
                raise self._fault(_read_laxly(raw))  # even in a value that a later one replaces: PostgreSQL reads them all
            return self._normalised(self._decoded_whole(raw) if self._expects_unknown else self._decoded(raw))
        except Rejection as why:
            return Rejected(why.code, why.field, why.message)

    def from_row(self, row: Mapping[str, Any]) -> Declaration | Rejected:
        """The declaration in a table's row. Text becomes a number where the field is one, blanks are missing values,
        and a subpartida that lost its leading zero in a spreadsheet gets it back."""
        values: dict[str, Any] = {}
        try:
            for field in self.spec.fields:
                value = _from_cell(field, row.get(field.name))
                if isinstance(value, str) and not field.numeric:
                    values[field.name] = self._checked[field.name][value]
                else:
                    values[field.name] = check(field, value)
        except Rejection as why:
            return Rejected(why.code, why.field, why.message)
        return self.type(**values)

    def _normalised(self, declaration: Declaration) -> Declaration:
        values = self._values(declaration)
        clean = tuple(map(getitem, self._tables, values))
        if clean != values:
            for name, old, new in zip(self._names, values, clean, strict=True):
                if new != old:
                    msgspec.structs.force_setattr(declaration, name, new)
        return declaration

    def _decoded(self, raw: bytes) -> Declaration:
        """The declaration, in one pass if it has known fields only: the decoder would skip others without a look."""
        try:
            return self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._decoded_whole(raw)

    def _decoded_whole(self, raw: bytes) -> Declaration:
        """The declaration in a message that the decoder refused, if an unknown field or a repeated one was all.

        As in every common JSON reader, the last of repeated fields counts. Raises Rejection.
        """
        try:
            document = self._objects.decode(raw)
            unknown = [(name, document.pop(name)) for name in [name for name in document if name not in self._known]]
            declaration = msgspec.convert(document, self.type)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._fault(_read_laxly(raw)) from None
        inspect(unknown)
        self._expects_unknown = bool(unknown)
        return declaration

    def _fault(self, document: object) -> Rejection:
        """What makes a document no declaration, in the contract's own words."""
        if not isinstance(document, dict):
            return Rejection("not_object", None, f"the message is {shown(document)}: send a JSON object")
        try:
            for field in self.spec.fields:
                check(field, document.get(field.name))
            dataset = document.get("dataset")
            if not isinstance(dataset, str | None):
                return Rejection("wrong_type", "dataset", f"dataset is {shown(dataset)}: it must be text, in quotes")
            inspect((name, value) for name, value in document.items() if name not in self._known)
        except Rejection as why:
            return why
        return Rejection("not_json", None, "a value that is given twice is unreadable the first time: send every field once")


_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_CACHED = 16_384
"""How many texts of a field are remembered: far more than there are ports or codes, and a few megabytes at most."""


class _Checked(dict[str | None, str | None]):
    """Text as it was sent -> its normalised value. Looking up a text that is not acceptable raises Rejection.

    Ports, codes and companies come again and again: a remembered check costs a fifth of a computed one.
    """

    def __init__(self, field: FieldSpec) -> None:
        super().__init__({None: None})
        self._field = field
        self._check = TEXT_CHECKS[field.kind]
        self._remember = field.kind not in ("key", "text")  # these hardly ever repeat

    def __missing__(self, value: str) -> str | None:
        clean = self._check(self._field, value)
        if self._remember:
            if len(self) >= _CACHED:
                self.clear()
                self[None] = None
            self[value] = clean
        return clean


class _Dataset(dict[str | None, str | None]):
    """The names that a declaration may give its dataset: its own, or none."""

    def __init__(self, name: str) -> None:
        super().__init__({None: None, name: name})
        self._name = name

    def __missing__(self, value: str) -> str | None:
        raise Rejection("wrong_dataset", "dataset", f"dataset is {shown(value)}, but this is where {self._name} is read")


def _read_laxly(raw: bytes) -> object:
    """What a message that no strict reader takes says; raises Rejection if it is no JSON at all.

    Python's own reader gives NaN, huge numbers and lone surrogates as values, so that their field can be named.
    """
    try:
        return json.loads(raw.decode("utf-8"), parse_int=_integer)
    except UnicodeDecodeError as error:
        raise Rejection("invalid_utf8", None, f"the message is not UTF-8 text, from byte {error.start} on") from None
    except ValueError as error:
        raise Rejection("not_json", None, f"the message is not JSON: {error}") from None
    except RecursionError:
        raise Rejection("too_deep", None, "the message nests arrays or objects too deep: send one flat JSON object") from None


def _integer(digits: str) -> int | float:
    """An integer, or the infinity that one of hundreds of digits is among floats (Python refuses to read thousands)."""
    return int(digits) if len(digits) < 400 else float(digits)


def _wire_type(field: FieldSpec) -> Any:
    if field.kind == "percent":
        return Annotated[float, msgspec.Meta(ge=0, le=100)]
    if field.kind == "amount":
        return Annotated[float, msgspec.Meta(ge=0)]
    return str


_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}.*")
"""A date-time as databases and spreadsheets write it, mostly without a time zone; only its date is read."""


def _from_cell(field: FieldSpec, cell: object) -> object:
    """A table's cell as the JSON value that it stands for."""
    if isinstance(cell, Decimal):
        cell = None if cell.is_nan() else float(cell)
    if cell is None or cell != cell:
        return None
    if not isinstance(cell, str):
        if field.numeric:
            return cell
        if isinstance(cell, date) and field.kind == "date":
            return cell.isoformat()[:10]
        if isinstance(cell, (dict, list, bytes)):
            return cell  # no text, and refused as such
        cell = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    cell = cell.strip()
    if not cell:
        return None
    if field.kind == "tariff" and cell.isdecimal() and 5 <= len(cell) < 10:
        return cell.zfill(max(6, len(cell) + len(cell) % 2))
    if field.kind == "date" and _TIMESTAMP.fullmatch(cell):
        return cell[:10]
    if field.numeric:
        try:
            return float(cell)
        except ValueError:
            return cell
    return cell
