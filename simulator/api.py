"""The fake source API: pages of CSV with a cursor, now and then late, failing, cut short or with broken rows in them."""

import random
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import Counter
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import Receive, Scope, Send

from adapters.exposition import exposed, tell_build
from adapters.telemetry import configure_logging, log_faults
from core.errors import REFUSED
from schemas import datasets
from simulator.faults import FAILURES, Faults
from simulator.generate import PER_DAY
from simulator.shelf import BadCursor, Page, Shelf

MAX_LIMIT = 10_000
"""How many rows a page has at most."""

REQUESTS = Counter("vigia_source_requests_total", "Pages asked for, by what came of it", ["result"])
for _result in ("whole", *FAILURES):
    REQUESTS.labels(_result)  # a page that nobody asked for yet counts as none, not as unknown

Share = Annotated[float, Field(ge=0, le=1)]


class SourceSettings(BaseSettings):
    """What the source serves and how badly. Every value comes from the environment, as `SOURCE_API_…`."""

    model_config = SettingsConfigDict(env_prefix="SOURCE_API_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8010, ge=0, le=65535, description="0 takes a free one")
    rows: int = Field(default=12_000, ge=0, description="clean rows of each dataset from the year before `until`")
    seed: int = 7
    until: date = Field(
        default_factory=lambda: datetime.now(UTC).date(),
        description="where the history ends, UTC",
    )
    remember: Path | None = Field(
        default=None, description="a file that keeps `until` and `rows` of the first start, so that cursors outlive every other"
    )
    per_day: float = Field(default=float(PER_DAY), gt=0, allow_inf_nan=False, description="rows of each dataset a day, from `until` on")
    broken_share: Share = 0.002
    failing_share: Share = 0.02
    slow_share: Share = 0.01
    slow_seconds: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    fault_seed: int | None = Field(default=None, description="makes calls fail in the same order again")


def create_app(shelves: Mapping[str, Shelf], faults: Faults, clock: Callable[[], datetime]) -> FastAPI:
    """The source over these shelves, by dataset; `clock` says which of their rows are there."""
    app = FastAPI(title="Vigía's fake source")

    @app.exception_handler(StarletteHTTPException)
    def refuse(_: Request, error: StarletteHTTPException) -> Response:
        return _problem(error.status_code, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    def correct(_: Request, error: RequestValidationError) -> Response:
        wrong = "; ".join(f"{fault['loc'][-1]} is {fault['input']!r}: {fault['msg']}" for fault in error.errors())
        return _problem(422, f"{wrong}. Correct it and ask again")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        content, content_type = exposed(request.headers.get("accept"))
        return Response(content, headers={"content-type": content_type})

    @app.get("/v1/{dataset}/declarations")
    def declarations(dataset: str, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 2_000) -> Response:
        if dataset not in shelves:
            raise HTTPException(404, f"there is no dataset {dataset!r}: ask for one of {', '.join(shelves)}")
        fault = faults.draw()
        if fault.wait_s:
            time.sleep(fault.wait_s)
        try:
            page = shelves[dataset].page(cursor, limit, clock())
        except BadCursor as error:
            raise HTTPException(400, str(error)) from None
        REQUESTS.labels(fault.failure or "whole").inc()
        match fault.failure:
            case "error":
                raise HTTPException(500, "the source failed, as it does now and then: ask again with the same cursor")
            case "unavailable":
                raise HTTPException(503, "the source is busy: wait a little and ask again with the same cursor", {"Retry-After": "1"})
            case "cut_body":
                return _csv(page, page.lines, _CutResponse)
            case "cut_rows":
                return _csv(page, _cut(page.lines), Response)
        return _csv(page, page.lines, Response)

    return app


class _CutResponse(Response):
    """Promises all of its body and sends half of it. Uvicorn then logs an error and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})


def _csv(page: Page, lines: list[bytes], response: type[Response]) -> Response:
    headers = {"X-Next-Cursor": page.next_cursor, "X-Rows": str(len(page.lines))}
    return response(page.header + b"".join(lines), 200, headers, "text/csv; charset=utf-8")


def _cut(lines: list[bytes]) -> list[bytes]:
    """The lines up to the middle of one before the last, so that counting them tells; fewer than two stay whole."""
    if len(lines) < 2:
        return lines
    last = (len(lines) - 1) // 2
    return [*lines[:last], lines[last][: len(lines[last]) // 2]]


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, "application/problem+json")


def remembered(settings: SourceSettings) -> SourceSettings:
    """The settings with the history of the first start, which is written down if this is it."""
    if not (note := settings.remember):
        return settings
    if not note.exists():
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{settings.until} {settings.rows}", "utf-8")
    until, rows = note.read_text("utf-8").split()
    return settings.model_copy(update={"until": date.fromisoformat(until), "rows": int(rows)})


def main() -> int:
    """Serves until it is told to stop."""
    configure_logging("source")
    tell_build("source")
    try:
        settings = SourceSettings()
    except ValidationError as error:
        log_faults(error, "SOURCE_API_")
        return REFUSED
    settings = remembered(settings)
    rows = settings.model_dump(include={"rows", "seed", "until", "per_day", "broken_share"})
    chance = settings.model_dump(include={"failing_share", "slow_share", "slow_seconds"})
    faults = Faults(random.Random(settings.fault_seed), **chance)  # noqa: S311  # a simulation
    app = create_app({name: Shelf(name, **rows) for name in datasets.names()}, faults, lambda: datetime.now(UTC))
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, log_config=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
