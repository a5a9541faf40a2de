"""What happened lately, which parts are up, which datasets there are, and who is asking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api import answers
from api.archive import Archive, Record
from api.declarations import lane_of
from api.keys import Caller, Guarded
from api.openapi import fails
from graph import tariff

router = APIRouter(tags=["overview"], route_class=Guarded)

BUCKETS = (60, 300, 900, 3_600, 10_800, 21_600, 86_400)
"""Seconds that a point of the traffic may stand for."""

POINTS = 60
"""How many points there are at most."""


@router.get("/summary", response_model=answers.Summary, responses=fails(None, 422, 503))
def summary(request: Request, dataset: str | None = None, hours: Annotated[int, Query(ge=1, le=24 * 31)] = 24) -> Any:
    """Declarations and alerts of the last hours: over time, and by port, chapter and company."""
    archive: Archive = request.app.state.archive
    bucket = next((size for size in BUCKETS if hours * 3_600 / size <= POINTS), BUCKETS[-1])
    now = datetime.now(UTC).timestamp()
    until = datetime.fromtimestamp((now // bucket + 1) * bucket, UTC)
    since = until - timedelta(seconds=-(-hours * 3_600 // bucket) * bucket)
    lanes = request.app.state.models.lanes
    found = archive.summary([lane_of(dataset, lanes).spec.name] if dataset else list(lanes), since, until, bucket)
    declarations, alerts = (sum(point[name] for point in found["traffic"]) for name in ("declarations", "alerts"))
    described = tariff.load().descriptions
    return {
        **found,
        "dataset": dataset,
        "since": since,
        "until": until,
        "declarations": declarations,
        "alerts": alerts,
        "alert_rate": alerts / declarations if declarations else 0.0,
        "bucket_seconds": bucket,
        "traffic": _filled(found["traffic"], since, until, bucket),
        "puertos": [{**each, "title": None} for each in found["puertos"]],
        "capitulos": [{**each, "title": described.get(each["name"])} for each in found["capitulos"]],
        "empresas": [{**each, "title": None} for each in found["empresas"]],
    }


@router.get("/parts", response_model=answers.Parts, responses=fails(None))
async def parts(request: Request) -> Any:
    """The servers and workers that the API knows of, and what is wrong with those that are down."""
    return {"parts": await request.app.state.surroundings.look()}


@router.get("/datasets", response_model=answers.Datasets, responses=fails(None))
async def datasets(request: Request) -> Any:
    """The datasets that are served, and the fields of their declarations."""
    specs = [lane.spec for lane in request.app.state.models.lanes.values()]
    return {"datasets": [{**_plain(spec), "fields": [_plain(field) for field in spec.fields]} for spec in specs]}


@router.get("/me", response_model=answers.Me, responses=fails(None))
async def me(request: Request) -> Any:
    """Whose key this is, and what it may do."""
    caller: Caller = request.state.caller
    return {"name": caller.name, "role": caller.role, "keys_required": request.app.state.keyring.required}


def _filled(points: list[Record], since: datetime, until: datetime, bucket: int) -> list[Record]:
    """The traffic with the times at which nothing came."""
    known = {point["at"]: point for point in points}
    moments = [since + timedelta(seconds=at) for at in range(0, int((until - since).total_seconds()), bucket)]
    return [known.get(moment, {"at": moment, "declarations": 0, "alerts": 0}) for moment in moments]


def _plain(thing: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(thing).items() if name != "fields"}
