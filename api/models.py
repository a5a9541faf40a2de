"""The models: what serves, its card, its versions with what gate and analysts said of them, drift, and what moves its errors."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from statistics import fmean
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from api import answers
from api.archive import Archive, Pool, Record
from api.catalog import Catalog
from api.declarations import lane_of
from api.keys import Caller, Guarded
from api.openapi import fails
from api.serving import Lane, Models
from core.scoring import Scorer
from schemas.declaration import Declaration

router = APIRouter(tags=["models"], route_class=Guarded)

KEPT_SECONDS = 60.0
"""How long an answer of /influence is given again: it takes a second or two to compute."""


@router.get("/models", response_model=answers.Models, responses=fails(None))
async def models(request: Request) -> Any:
    """The model that each dataset is scored with here, and what is wrong where there is none."""
    lanes = request.app.state.models.lanes.values()
    return {"models": [_served(lane, None) for lane in lanes]}


@router.get("/models/{dataset}", response_model=answers.ModelCard, responses=fails(None, 404, 422, 503))
def model(request: Request, dataset: str) -> Any:
    """One dataset's model: its card, its figures, and since when it is in production."""
    lane = _lane(request, dataset)
    serving = lane.model.serving
    if serving is None:
        return {**_served(lane, None), "card": None, "metrics": {}, "registered_at": None, "feature_version": None, "trained_rows": None}
    return _catalog(request).card(serving) | _served(lane, _catalog(request).since(serving))


@router.get("/models/{dataset}/versions", response_model=answers.Versions, responses=fails(None, 404, 422, 503))
def versions(request: Request, dataset: str) -> Any:
    """The latest versions: their figures, and what the gate and the analysts said of them."""
    lane = _lane(request, dataset)
    found = _catalog(request).versions(lane.spec.model)
    metadata: Pool = request.app.state.metadata
    gates = {
        row["version"]: row
        for row in metadata.rows(
            "SELECT version, champion, promote, reasons, measures, judged_at FROM gates WHERE model = %s", [lane.spec.model]
        )
    }
    reviewed = request.app.state.archive.reviewed(dataset)
    return {"versions": [_version(each, gates.get(each["version"]), reviewed.get(each["version"])) for each in found]}


@router.get("/models/{dataset}/drift", response_model=answers.DriftReports, responses=fails(None, 404, 422, 503))
def drift(request: Request, dataset: str, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Any:
    """What the watch found lately."""
    _lane(request, dataset)
    metadata: Pool = request.app.state.metadata
    rows = metadata.rows(
        "SELECT id, created_at, version, verdicts, drifted, triggered, signals FROM drift_reports WHERE dataset = %s "
        "ORDER BY created_at DESC LIMIT %s",
        [dataset, limit],
    )
    return {"reports": rows}


@router.get("/models/{dataset}/influence", response_model=answers.Influences, responses=fails(None, 404, 422, 503))
async def influence(
    request: Request,
    dataset: str,
    sample: Annotated[int, Query(ge=1, le=500)] = 200,
    of: Literal["recent", "alerts"] = "recent",
) -> Any:
    """What moves the errors of the model in production: the Shapley values of the latest declarations, or of the latest alerts."""
    serving: Models = request.app.state.models
    lane = _lane(request, dataset)
    scorer = lane.scorer()
    kept: dict[Any, tuple[float, Record]] = request.app.state.influences
    key = (dataset, scorer.model.version, sample, of)
    if (known := kept.get(key)) and time.monotonic() - known[0] < KEPT_SECONDS:
        return known[1]
    archive: Archive = request.app.state.archive
    rows = await run_in_threadpool(archive.sample, dataset, of == "alerts", sample)
    found = await asyncio.get_running_loop().run_in_executor(serving.working, _influence, lane, scorer, rows)
    for old in [each for each, (at, _) in kept.items() if time.monotonic() - at >= KEPT_SECONDS]:
        del kept[old]
    kept[key] = (time.monotonic(), found)
    return found


@router.post(
    "/models/{dataset}/retrain",
    status_code=202,
    response_model=answers.Retraining,
    responses=fails(None, 404, 422, 503),
    openapi_extra={"x-role": "admin"},
)
async def retrain(request: Request, dataset: str) -> Any:
    """Starts a retraining: its flow decides whether what comes out of it goes into production."""
    caller: Caller = request.state.caller
    _lane(request, dataset)
    return await request.app.state.prefect.retrain(dataset, f"asked for by {caller.name or 'an analyst'} through the API")


@router.get("/runs/{run_id}", response_model=answers.Run, responses=fails(None, 404, 422, 503))
async def run(request: Request, run_id: UUID) -> Any:
    """How far a retraining is."""
    return await request.app.state.prefect.run(run_id)


def _lane(request: Request, dataset: str) -> Lane:
    return lane_of(dataset, request.app.state.models.lanes, 404)


def _catalog(request: Request) -> Catalog:
    found: Catalog = request.app.state.catalog
    return found


def _served(lane: Lane, since: datetime | None) -> Record:
    serving, scorer = lane.model.serving, lane.model.scorer
    return {
        "dataset": lane.spec.name,
        "title": lane.spec.title,
        "name": lane.spec.model,
        "version": serving.version if serving else None,
        "since": since,
        "threshold": scorer.threshold if scorer else None,
        "problem": lane.model.problem,
    }


def _version(found: Record, gate: Record | None, reviewed: Record | None) -> Record:
    said = {name: value for name, value in gate.items() if name != "version"} if gate else None
    return {**found, "gate": said, "feedback": reviewed or {"confirmed": 0, "dismissed": 0}}


def _influence(lane: Lane, scorer: Scorer, rows: list[Record]) -> Record:
    read = [(row, lane.parser.parse(row["declaration"].encode())) for row in rows]
    kept = [(row, declaration) for row, declaration in read if isinstance(declaration, Declaration)]
    declarations = [declaration for _, declaration in kept]
    scores, explanations = scorer.score(declarations), scorer.explain(declarations)
    explained = [
        {
            "event_id": row["event_id"],
            "declaration_id": row["declaration_id"],
            "score": score,
            "error": error,
            "base_value": explanation.base_value,
            "contributions": [
                {"field": each.field, "value": each.value, "contribution": each.contribution} for each in explanation.contributions
            ],
        }
        for (row, _), score, error, explanation in zip(kept, scores.score.tolist(), scores.error.tolist(), explanations, strict=True)
    ]
    sizes: dict[str, list[float]] = {}
    for explanation in explanations:
        for each in explanation.contributions:
            sizes.setdefault(each.field, []).append(abs(each.contribution))
    importance = [{"field": field, "mean_absolute": fmean(found)} for field, found in sizes.items()]
    return {
        "dataset": lane.spec.name,
        "model": {"name": scorer.model.name, "version": scorer.model.version},
        "importance": sorted(importance, key=lambda each: -float(each["mean_absolute"])),
        "rows": explained,
    }
