"""What is around a company, a code or a port in the graph."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Annotated, Any, Literal

import msgspec
import neo4j
from fastapi import APIRouter, Path, Query, Request

from adapters.catalogue import deferred
from api import answers
from api.alerts import Day
from api.declarations import served
from api.keys import Guarded
from api.openapi import fails
from api.problems import Problem
from graph.connection import connect, translated
from graph.neighbourhood import Neighbourhood, NotInGraph, neighbourhood
from graph.settings import Neo4jSettings

router = APIRouter(tags=["graph"], route_class=Guarded)


class Graph:
    """The way to Neo4j, made when it is first needed. Every method blocks, and raises Unavailable while it is down."""

    def __init__(self, settings: Neo4jSettings) -> None:
        self._settings = settings
        self._driver: neo4j.Driver | None = None
        self._lock = Lock()

    def ask(self, question: Callable[[neo4j.Driver], Neighbourhood]) -> Neighbourhood:
        """The answer to a question."""
        with translated(self._settings):
            return question(self._connected())

    def reached(self) -> None:
        """Returns when Neo4j answers."""
        with translated(self._settings):
            self._connected().verify_connectivity()

    def close(self) -> None:
        """Lets the connections go."""
        if self._driver:
            self._driver.close()

    def _connected(self) -> neo4j.Driver:
        with self._lock:
            if self._driver is None:
                self._driver = connect(self._settings)
            return self._driver


@router.get("/graph/{kind}/{identifier:path}", response_model=answers.Neighbourhood, responses=fails(None, 404, 422, 503))
def around(
    request: Request,
    kind: Literal["empresa", "subpartida", "puerto", "capitulo"],
    identifier: Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")],
    depth: Annotated[int, Query(ge=1, le=3)] = 1,
    dataset: str | None = None,
    since: Day | None = None,
    until: Day | None = None,
    limit: Annotated[int, Query(ge=10, le=500, description="nodes at most")] = 150,
) -> Any:
    """The neighbourhood of a company, a code, a port or a chapter, with the anomalies in it. What has more neighbours than
    that shows the strangest and the busiest."""
    graph: Graph = request.app.state.graph
    served(request, dataset)
    try:
        found = graph.ask(
            lambda driver: neighbourhood(driver, kind, identifier, depth=depth, dataset=dataset, since=since, until=until, limit=limit)
        )
    except NotInGraph as error:
        told = deferred("%(identifier)s is not in the graph: nothing was declared with it yet, or the graph writer is behind")
        raise Problem(404, "not_in_graph", told, identifier=identifier) from error
    return msgspec.to_builtins(found)
