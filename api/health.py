"""Whether the process lives, whether it can do its work, its metrics, and the pages of /docs. Open to everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from adapters.exposition import exposed
from api import answers

router = APIRouter(tags=["health"])

STATIC = Path(fastapi_offline.__file__).with_name("static")
"""Swagger UI's script and style, so that /docs needs no other host."""


@router.get("/livez", response_model=answers.Health)
async def livez() -> Any:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", response_model=answers.Health, responses={503: {"model": answers.Health, "description": "No model yet"}})
async def readyz(request: Request, response: Response) -> Any:
    """It has a model to predict with, or it says what it is waiting for. A database that is down is the affair of the routes
    that need it: /parts tells."""
    lanes = request.app.state.models.lanes.values()
    missing = [lane.model.problem or lane.spec.model for lane in lanes if lane.model.scorer is None]
    ready = len(missing) < len(lanes)
    response.status_code = 200 if ready else 503
    return {"status": "ready" if ready else "waiting", "waiting_for": missing}


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
async def metrics(request: Request) -> Response:
    """What Prometheus reads."""
    content, content_type = exposed(request.headers.get("accept"))
    return Response(content, headers={"content-type": content_type})


def add_docs(app: FastAPI) -> None:
    """Adds /docs, with everything that it needs."""
    app.mount("/static-docs", StaticFiles(directory=STATIC), name="static-docs")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url="/static-docs/swagger-ui-bundle.js",
            swagger_css_url="/static-docs/swagger-ui.css",
            swagger_favicon_url="/static-docs/favicon.png",
        )
