"""Alerts as the archive has them: listed, opened, explained by the version that raised them, and judged by analysts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool

from api import answers, metrics
from api.archive import Archive, Filters, Record, Sort
from api.declarations import lane_of, served
from api.keys import Caller, Guarded
from api.openapi import fails
from api.predictions import explained
from api.problems import Problem
from api.serving import Models
from graph import tariff
from schemas.declaration import Declaration
from schemas.events import FeedbackV1, Judgement, Severity, feedback_id

router = APIRouter(tags=["alerts"], route_class=Guarded)

Text = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
_encode = msgspec.json.Encoder().encode


def _written(value: Any) -> Any:
    """The text of a date or date-time; raises ValueError for a number, which pydantic would take for seconds since 1970."""
    if isinstance(value, str) and "-" not in value.strip("+-"):
        raise ValueError("it must be written as in RFC 3339")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
Day = Annotated[date, BeforeValidator(_written)]


class Wanted(BaseModel):
    """Which alerts, in which order, and how many."""

    model_config = ConfigDict(extra="forbid")

    dataset: str | None = None
    empresa: Text | None = Field(default=None, description="as it was declared")
    subpartida: Annotated[str, StringConstraints(pattern=r"^[0-9]{2,10}$")] | None = Field(default=None, description="or its first digits")
    puerto: Text | None = None
    severity: list[Severity] = Field(default=[], max_length=4)
    min_score: float | None = Field(default=None, allow_inf_nan=False)
    since: Moment | None = None
    until: Moment | None = None
    status: answers.Status | None = None
    sort: Sort = "time"
    limit: int = Field(default=50, ge=1, le=500)
    cursor: Annotated[str, StringConstraints(max_length=400)] | None = Field(default=None, description="`next` of the page before")


class Judged(BaseModel):
    """What an analyst says of an alert."""

    model_config = ConfigDict(extra="forbid")

    verdict: Judgement
    note: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")] = ""
    who: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*\S[^\x00]*$")] | None = Field(
        default=None, description="the key's name is used where keys are configured"
    )


@router.get("/alerts", response_model=answers.Alerts, responses=fails(None, 404, 422, 503))
def alerts(request: Request, query: Annotated[Wanted, Query()]) -> Any:
    """A page of alerts, the newest or the strangest first."""
    archive: Archive = request.app.state.archive
    served(request, query.dataset)
    asked = query.model_dump(exclude={"sort", "limit", "cursor"})
    page, following = archive.alerts(Filters(**asked), query.sort, query.limit, query.cursor)
    return {"alerts": [_alert(each, request.app.state.models) for each in page], "next": following}


@router.get("/alerts/{event_id}", response_model=answers.AlertInFull, responses=fails(None, 404, 422, 503))
def alert(request: Request, event_id: UUID) -> Any:
    """One alert, with its declaration as it was received and what analysts said of it."""
    archive: Archive = request.app.state.archive
    found = archive.alert(event_id)
    return {
        **_alert(found, request.app.state.models),
        "declaration": msgspec.json.decode(found["declaration"]),
        "description": tariff.load().describe(found["subpartida"]),
        "source": {name: found[f"source_{name}"] for name in ("topic", "partition", "offset")},
        "feedback": archive.feedback_of(event_id),
    }


@router.get("/alerts/{event_id}/explanation", response_class=Response, responses=fails(answers.Explanation, 404, 422, 503))
async def explanation(request: Request, event_id: UUID) -> Response:
    """Why the declaration is strange, by the model version that raised the alert."""
    models: Models = request.app.state.models
    found = await run_in_threadpool(request.app.state.archive.alert, event_id)
    lane = lane_of(found["dataset"], models.lanes)
    declaration = lane.parser.parse(found["declaration"].encode())
    if not isinstance(declaration, Declaration):
        raise Problem(422, "unreadable", "this release cannot read the declaration any more: %(reason)s", reason=declaration.message)
    scorer = await run_in_threadpool(models.version, lane.spec.name, found["model_version"])
    return Response(
        _encode(await explained(models, scorer, lane.spec.name, declaration, found["declaration_id"])), media_type="application/json"
    )


@router.post(
    "/alerts/{event_id}/feedback",
    status_code=201,
    response_model=answers.Feedback,
    responses=fails(None, 404, 422, 503),
    openapi_extra={"x-role": "analyst"},
    tags=["feedback"],
)
def judge(request: Request, event_id: UUID, judged: Judged) -> Any:
    """Confirms or dismisses an alert. It is stored at once, and published on the topic `feedback`; the last word holds."""
    caller: Caller = request.state.caller
    archive: Archive = request.app.state.archive
    who = caller.name or judged.who
    if not who:
        raise Problem(422, "who_needed", "say who you are in `who`: an alert is judged by somebody")
    found = archive.alert(event_id)
    given_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    said = FeedbackV1(
        feedback_id=feedback_id(str(event_id), who, judged.verdict, judged.note, given_at),
        event_id=str(event_id),
        declaration_id=found["declaration_id"],
        dataset=found["dataset"],
        verdict=judged.verdict,
        note=judged.note,
        who=who,
        given_at=given_at,
    )
    archive.keep(said)
    request.app.state.outbox.hurry()
    metrics.FEEDBACK.labels(said.dataset, said.verdict).inc()
    return msgspec.to_builtins(said)


@router.get("/feedback", response_class=Response, responses=fails(answers.Feedback, 422, 503, lines=True), tags=["feedback"])
def feedback(request: Request, dataset: str | None = None) -> Response:
    """Everything that analysts said, a JSON line each, the first first: what `vigia evaluate --feedback` reads."""
    archive: Archive = request.app.state.archive
    served(request, dataset)

    def lines() -> Iterator[bytes]:
        for each in archive.feedback(dataset):
            yield _encode({**each, "given_at": each["given_at"].astimezone(UTC).isoformat(timespec="milliseconds")}) + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@router.get("/empresas/{empresa:path}/history", response_model=answers.History, responses=fails(None, 404, 422, 503))
def history(
    request: Request,
    empresa: Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")],
    dataset: str | None = None,
) -> Any:
    """What a company declared, by month, and its latest declarations; nothing is known of a company that declared nothing."""
    models: Models = request.app.state.models
    served(request, dataset)
    found = request.app.state.archive.history(empresa, dataset)
    return {**found, "recent": [_with_amounts(each, models) for each in found["recent"]]}


def _alert(found: Record, models: Models) -> Record:
    """An alert without what only the opened one shows."""
    shown = {name: value for name, value in found.items() if not name.startswith(("model_", "source_"))}
    return _with_amounts({**shown, "model": {"name": found["model_name"], "version": found["model_version"]}}, models)


def _with_amounts(found: Record, models: Models) -> Record:
    """With the value and the weight that were declared in place of the declaration."""
    lane = models.lanes.get(found["dataset"])
    declaration = lane.parser.parse(found["declaration"].encode()) if lane else None
    amounts = {name: getattr(declaration, name, None) for name in ("valor_fob_usd", "peso_neto_kg")}
    return {**{name: value for name, value in found.items() if name != "declaration"}, **amounts}
