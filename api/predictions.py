"""Verdicts and their reasons for declarations in requests: by the stream's own parser and scorer, to the last digit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from adapters.catalogue import preferred
from api import answers, metrics
from api.batching import Found
from api.declarations import DEFAULT, declared, lane_of
from api.keys import Guarded
from api.openapi import BATCH, DECLARATION, fails
from api.rejections import sentence
from api.serving import Models
from api.tables import Row, rows
from core.explain import Explanation
from core.remedy import Remedy, remedy
from core.scoring import Scorer, severity
from schemas.declaration import Declaration, Rejected
from schemas.events import event_id

router = APIRouter(tags=["predictions"], route_class=Guarded)

PIECE = 500
"""How many rows of a batch are scored before their lines are sent."""

_encode = msgspec.json.Encoder().encode


@router.post("/predict", response_class=Response, responses=fails(answers.Prediction, 422, 503), openapi_extra=DECLARATION)
async def predict(request: Request) -> Response:
    """The verdict on one declaration. `empresa`, `subpartida` and `puerto` are required; every other field makes it better."""
    lane, declaration, identifier = await declared(request, request.app.state.models.lanes)
    found = await lane.batcher.score(declaration)
    metrics.predicted(lane.spec.name, found.anomaly)
    return Response(_encode(_prediction(lane.spec.name, identifier, found)), media_type="application/json")


@router.post("/explain", response_class=Response, responses=fails(answers.Explanation, 422, 503), openapi_extra=DECLARATION)
async def explain(request: Request) -> Response:
    """A verdict with its reasons, and what change would make the declaration normal."""
    models: Models = request.app.state.models
    lane, declaration, identifier = await declared(request, models.lanes)
    found = await explained(models, lane.scorer(), lane.spec.name, declaration, identifier)
    return Response(_encode(found), media_type="application/json")


@router.post(
    "/predict/batch", response_class=Response, responses=fails(answers.BatchLine, 413, 415, 422, 503, lines=True), openapi_extra=BATCH
)
async def predict_batch(request: Request, dataset: str = DEFAULT) -> Response:
    """The verdicts on up to 10,000 declarations, a JSON line each, in order: a JSON array of them, a CSV table, or either as an
    uploaded `file`. A row that is no declaration has a line that says why."""
    models: Models = request.app.state.models
    lane = lane_of(dataset, models.lanes)
    scorer = lane.scorer()  # one version for the whole table, whatever is promoted meanwhile
    found = await rows(request, lane, models.working)
    language = preferred(request.headers.get("accept-language"))
    return StreamingResponse(_lines(models, scorer, found, language), media_type="application/x-ndjson")


async def explained(models: Models, scorer: Scorer, dataset: str, declaration: Declaration, identifier: str | None) -> dict[str, Any]:
    """A declaration's verdict and reasons by this scorer, as the answer of /explain."""
    started = time.perf_counter()
    found, explanation, change = await asyncio.get_running_loop().run_in_executor(models.working, _explain, scorer, declaration)
    metrics.EXPLAIN_SECONDS.observe(time.perf_counter() - started)
    metrics.predicted(dataset, found.anomaly)
    return {
        **_prediction(dataset, identifier, found),
        "base_value": explanation.base_value,
        "contributions": explanation.contributions,
        "normal_with": change
        and {
            "changes": [{"field": each.field, "from": each.was, "to": each.to} for each in change.changes],
            "score": change.score,
            "normal": change.normal,
        },
    }


def _explain(scorer: Scorer, declaration: Declaration) -> tuple[Found, Explanation, Remedy | None]:
    scores = scorer.score([declaration])
    found = Found(scorer, float(scores.error[0]), float(scores.score[0]), bool(scores.anomaly[0]))
    explanation = scorer.explain([declaration])[0]
    return found, explanation, remedy(scorer, declaration, explanation)


def _prediction(dataset: str, identifier: str | None, found: Found) -> dict[str, Any]:
    scorer = found.scorer
    return {
        "event_id": event_id(identifier, dataset, scorer.model.version) if identifier is not None else None,
        "declaration_id": identifier,
        "dataset": dataset,
        "error": found.error,
        "score": found.score,
        "threshold": scorer.threshold,
        "anomaly": found.anomaly,
        "severity": severity(found.score, scorer.threshold) if found.anomaly else None,
        "model": {"name": scorer.model.name, "version": scorer.model.version},
    }


async def _lines(models: Models, scorer: Scorer, found: Sequence[Row], language: str) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    for at in range(0, len(found), PIECE):
        yield await loop.run_in_executor(models.working, _scored, scorer, found[at : at + PIECE], at + 1, language)


def _scored(scorer: Scorer, piece: Sequence[Row], first: int, language: str) -> bytes:
    """The lines of some rows, of which the first has this number."""
    dataset = scorer.spec.name
    scores = scorer.score([row.declaration for row in piece if isinstance(row.declaration, Declaration)])
    figures = iter(zip(scores.error.tolist(), scores.score.tolist(), scores.anomaly.tolist(), strict=True))
    lines = []
    for number, (declaration, identifier) in enumerate(piece, start=first):
        if isinstance(declaration, Rejected):
            metrics.REJECTED.labels(declaration.code).inc()
            said = {"code": declaration.code, "field": declaration.field, "message": sentence(declaration, dataset, language)}
            lines.append({"row": number, "declaration_id": identifier, "rejected": said})
        else:
            error, score, anomaly = next(figures)
            metrics.predicted(dataset, anomaly)
            lines.append({"row": number, **_prediction(dataset, identifier, Found(scorer, error, score, anomaly))})
    return b"".join(_encode(line) + b"\n" for line in lines)
