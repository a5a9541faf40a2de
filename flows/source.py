"""The source API as the ingest flow reads it: a page of CSV becomes declarations and rejected rows, or is not a page at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from core.errors import ConfigurationError, Unavailable
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration, Parser, Rejected

NEXT, ROWS = "X-Next-Cursor", "X-Rows"
"""Headers of a page: the cursor of the next one, and how many rows this one has."""


@dataclass(frozen=True)
class RejectedRow:
    """A row that is no declaration: its line in the page (1 is the first after the names), what it says, and why."""

    line: int
    content: str
    why: Rejected


@dataclass(frozen=True)
class Page:
    """What one call brought, and the cursors before and behind it."""

    cursor: str
    following: str
    declarations: tuple[Declaration, ...]
    rejected: tuple[RejectedRow, ...]

    def __len__(self) -> int:
        """How many rows it has, rejected ones included."""
        return len(self.declarations) + len(self.rejected)


class SourceApi:
    """Reads pages. A call that fails, or brings less than it says, raises Unavailable and brings nothing: ask again."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._client = httpx.Client(base_url=url, timeout=timeout)

    def page(self, parser: Parser, cursor: str, limit: int) -> Page:
        """The page at a cursor, the empty one being the start; raises ConfigurationError when the API refuses the question."""
        where = f"the source API at {self._url}"
        parameters: dict[str, str | int] = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        try:
            answer = self._client.get(f"/v1/{parser.spec.name}/declarations", params=parameters)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ConfigurationError(f"SOURCE_API_URL={self._url} is no address: {error}") from None
        except httpx.HTTPError as error:
            raise Unavailable("source_api", f"{where} did not answer with a page: {type(error).__name__}: {error}") from error
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Unavailable("source_api", f"{where} answered {answer.status_code}: {answer.text[:200]}")
        if not answer.is_success:
            raise ConfigurationError(
                f"{where} refuses the page at {cursor!r} of {parser.spec.name}: {answer.status_code} {answer.text[:300]}"
            )
        if NEXT not in answer.headers or not answer.headers.get(ROWS, "").isdecimal():
            raise ConfigurationError(f"{where} sends pages without {NEXT} and {ROWS}: is SOURCE_API_URL the address of such an API?")
        promised = int(answer.headers[ROWS])
        page = read(answer.text, parser, cursor, answer.headers[NEXT], promised)
        if len(page) != promised:
            raise Unavailable("source_api", f"{where} cut the page at {cursor!r} short: {len(page):,} of {promised:,} rows arrived")
        return page

    def close(self) -> None:
        """Lets the connections go."""
        self._client.close()


def read(text: str, parser: Parser, cursor: str = "", following: str = "", promised: int | None = None) -> Page:
    """The rows of a page of CSV. Raises ConfigurationError when its first line names no required field.

    A quote that nobody closes takes what follows it along. Where `promised` rows are as many as there are lines, each line is
    then read by itself, so that the one with the quote is rejected and the others are not.
    """
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    names = next(csv.reader(lines[:1]), [])
    if missing := _missing(names, parser.spec):
        columns = ", ".join(names)
        raise ConfigurationError(f"the source's page of {parser.spec.name} has no column {', '.join(missing)}: its columns are {columns}")
    rows = _rows(csv.reader(io.StringIO(text, newline="")))
    if rows is None or (len(rows) - 1 != promised and len(lines) - 1 == promised):
        rows = [(_rows(csv.reader([line], strict=True)) or [[line]])[0] for line in lines]
    declarations, rejected = [], []
    for number, cells in enumerate(rows[1:], start=1):
        if len(cells) != len(names):
            told = f"the row has {len(cells)} cells, and the page has {len(names)} columns: quote cells that hold commas, and close quotes"
            found: Declaration | Rejected = Rejected("bad_format", None, told)
        else:
            found = parser.from_row(dict(zip(names, cells, strict=True)))
        if isinstance(found, Rejected):
            rejected.append(RejectedRow(number, _written(cells), found))
        else:
            declarations.append(found)
    return Page(cursor, following, tuple(declarations), tuple(rejected))


def _rows(reader: Iterable[list[str]]) -> list[list[str]] | None:
    """All rows; None where they are no CSV."""
    try:
        return list(reader)
    except csv.Error:
        return None


def _missing(names: list[str], spec: DatasetSpec) -> list[str]:
    return [field.name for field in spec.fields if field.required and field.name not in names]


def _written(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()
