"""What every request passes: its size, its time, the headers of its answer, and its place in the metrics. Plain ASGI, which costs
a fraction of a middleware of Starlette's."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from opentelemetry.trace import Span
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters import tracing
from adapters.catalogue import deferred
from api import metrics
from api.problems import Problem, problem

log = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What is told apart in the metrics: callers may send any word as a method."""

_PAGES = ("/docs", "/static-docs")
_STRICT = b"default-src 'none'; frame-ancestors 'none'"
_DOCS = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
)
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class Gate:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, most_bytes: int, seconds: float) -> None:
        self._app, self._most_bytes, self._seconds = app, most_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with tracing.serving(scope["headers"]) as span:
            await self._serve(scope, receive, send, span)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, span: Span | None) -> None:
        began = time.perf_counter()
        passage = _Passage(scope, receive, send, self._most_bytes)
        metrics.IN_FLIGHT.inc()
        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, passage.receive, passage.send)
        except TimeoutError:
            log.warning("%s %s took more than %g s", scope["method"], scope["path"], self._seconds)
            told = deferred("this took more than %(seconds)s seconds: ask for less at once, or try again in a moment")
            await passage.instead(Problem(504, "took_too_long", told, seconds=f"{self._seconds:g}"))
        except Problem as error:  # raised while the body was being read by something that passes errors on
            await passage.instead(error)
        except Exception:
            log.exception("%s %s failed in a way that is not known", scope["method"], scope["path"])
            await passage.instead(
                Problem(500, "internal_error", deferred("the API failed in a way that it does not know: its log has the details"))
            )
        finally:
            metrics.IN_FLIGHT.dec()
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if route != "unknown" and scope["method"] in METHODS else "unknown"
            metrics.answered(method, route, passage.status).inc()
            exemplar = {"trace_id": tracing.id_of(span)} if span else None
            metrics.answered_in(method, route).observe(time.perf_counter() - began, exemplar)
            if span:
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": passage.status})


class _Passage:
    """One request's way in and its answer's way out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, most_bytes: int) -> None:
        self.status = 0
        self._scope, self._receive, self._send = scope, receive, send
        self._left = self._most = most_bytes

    async def receive(self) -> Message:
        """A piece of the body; raises Problem 413 when that is too much."""
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            told = deferred("a request has at most %(most)s bytes: send a table in pieces")
            raise Problem(413, "too_large", told, most=f"{self._most:,}")
        return message

    async def send(self, message: Message) -> None:
        """A piece of the answer, with our headers at its start."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            policy = _DOCS if self._scope["path"].startswith(_PAGES) else _STRICT
            message["headers"] = [*message.get("headers", []), *_HEADERS, (b"content-security-policy", policy)]
        await self._send(message)

    async def instead(self, error: Problem) -> None:
        """Answers with a problem, unless an answer has begun: then the connection ends, and the client sees that it is cut."""
        if self.status:
            raise error
        response: Any = problem(Request(self._scope), error)
        await response(self._scope, self._receive, self.send)
