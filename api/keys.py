"""Who is calling, what they may do, and how often."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from adapters.catalogue import deferred
from api.problems import Problem
from api.settings import ROLES, ApiKey, Role

SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "a key of API_KEYS, where keys are configured"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "the same key as a bearer token"},
}
"""The ways to send a key, as OpenAPI tells them."""


REPEATABLE = {"severity"}
"""The parameters of a query that may be given several times."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from; without keys everybody is nobody in particular, and may do everything."""

    name: str | None
    role: Role


ANYBODY = Caller(None, "admin")


class Keyring:
    """The configured keys. Only digests are kept, so that looking one up tells nothing of how much of it was right."""

    def __init__(self, keys: tuple[ApiKey, ...], rate_limit: str) -> None:
        self.required = bool(keys)
        self._callers = {_digest(key.key.get_secret_value()): Caller(key.name, key.role) for key in keys}
        self._limit: RateLimitItem | None = parse(rate_limit) if keys and rate_limit else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def caller(self, secret: str | None) -> Caller:
        """Whose key it is; raises Problem 401."""
        found = self._callers.get(hashlib.sha256((secret or "").encode()).hexdigest())
        if found is None:
            unknown = deferred("this key is not known: ask whoever runs Vigía")
            needed = deferred("a key is needed: send it as X-API-Key")
            raise Problem(
                401, "unknown_key" if secret else "key_needed", unknown if secret else needed, headers={"WWW-Authenticate": "ApiKey"}
            )
        return found

    def admit(self, caller: Caller) -> None:
        """Counts a request; raises Problem 429 when the caller makes more than its key may."""
        if self._limit and caller.name and not self._limiter.hit(self._limit, caller.name):
            window = self._limiter.get_window_stats(self._limit, caller.name)
            wait = max(1, math.ceil(window.reset_time - time.time()))
            told = deferred("this key may make %(limit)s: wait, and send declarations in batches")
            raise Problem(429, "too_many_requests", told, headers={"Retry-After": str(wait)}, limit=str(self._limit))


def _digest(secret: str) -> str:
    return secret.removeprefix("sha256:").lower() if secret.startswith("sha256:") else hashlib.sha256(secret.encode()).hexdigest()


class Guarded(APIRoute):
    """A route that knows who is asking before it looks at what is asked. It is for readers, unless its `openapi_extra` says
    another `x-role`; the endpoint finds the caller in `request.state`. As dependencies of FastAPI's, keys would cost a quarter
    of a prediction.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the key."""
        handle = super().get_route_handler()
        role: Role = (self.openapi_extra or {}).get("x-role", "read")

        async def guarded(request: Request) -> Response:
            request.state.caller = _admitted(request, role)
            _once(request)
            return await handle(request)

        return guarded


def _once(request: Request) -> None:
    """Raises Problem 422 for a parameter that is given more often than it can be heeded."""
    if request.url.query:
        names = [name for name, _ in request.query_params.multi_items() if name not in REPEATABLE]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Problem(422, "repeated_parameter", deferred("%(name)s is given more than once: give it once"), name=twice[:64])


def _admitted(request: Request, role: Role) -> Caller:
    """Who is asking, if that role may; raises Problem 401, 403 or 429."""
    keyring: Keyring = request.app.state.keyring
    if not keyring.required:
        return ANYBODY
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    caller = keyring.caller(request.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else None))
    keyring.admit(caller)
    if ROLES.index(caller.role) < ROLES.index(role):
        told = deferred("your key is for %(has)s, and this needs %(needs)s: ask whoever runs Vigía for another one")
        raise Problem(403, "role_needed", told, has=caller.role, needs=role)
    return caller
