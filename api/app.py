"""The FastAPI app over the things that it serves; nothing is read, opened or started by making it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse

from adapters import tracing
from api import alerts, graph, health, models, overview, predictions, problems
from api.archive import Archive, Pool
from api.catalog import Catalog
from api.gate import Gate
from api.keys import Keyring
from api.openapi import describe
from api.outbox import Outbox
from api.prefect import Prefect
from api.serving import Models
from api.settings import ApiSettings
from api.surroundings import Surroundings

DESCRIPTION = """
Synchronous verdicts on customs declarations, by the stream's own parser, features and model; alerts, and what analysts say of them; the
models; and the graph of empresas, subpartidas and puertos.

Errors are `application/problem+json` with a stable `code`, in the language of `Accept-Language` (es, en). Where keys are configured, send
yours as `X-API-Key`: *read* may ask, *analyst* may also judge alerts, *admin* may also start a retraining.
"""


@dataclass(frozen=True)
class Served:
    """What the routes reach through `request.app.state`."""

    models: Models
    raw: Pool
    metadata: Pool
    catalog: Catalog
    graph: graph.Graph
    prefect: Prefect
    outbox: Outbox
    surroundings: Surroundings


def create_app(settings: ApiSettings, served: Served) -> FastAPI:
    """The app. Its lifespan follows the models in production and publishes feedback."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        work = (served.models.follow(settings.model_poll_seconds), served.outbox.work(), served.surroundings.watch())
        tasks = [asyncio.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await served.prefect.close()
        for each in (served.models, served.raw, served.metadata, served.graph):
            each.close()
        tracing.flush()

    app = FastAPI(
        title="Vigía",
        version=version("vigia"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        license_info={"name": "MIT"},
        # Not included one by one: finding its way through included routers costs a prediction a tenth of its time.
        routes=[route for part in (predictions, alerts, graph, models, overview, health) for route in part.router.routes],
    )
    state: Any = app.state
    state.keyring = Keyring(settings.keys, settings.rate_limit)
    state.models, state.metadata, state.catalog, state.graph = served.models, served.metadata, served.catalog, served.graph
    state.prefect, state.outbox, state.surroundings = served.prefect, served.outbox, served.surroundings
    state.archive, state.influences = Archive(served.raw), {}

    problems.install(app)
    health.add_docs(app)

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # as FastAPI has it extended
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["X-API-Key", "Authorization", "Content-Type", "Accept-Language"],
            expose_headers=["Retry-After", "Content-Language"],
        )
    app.add_middleware(Gate, most_bytes=settings.max_body_bytes, seconds=settings.timeout_seconds)
    return app
