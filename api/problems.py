"""What goes wrong, as problem+json (RFC 9457), in the caller's language: a stable code, and a sentence that says what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from adapters.catalogue import deferred, preferred, translations
from api import metrics
from api.rejections import sentence
from core.errors import BundleError, ConfigurationError, Unavailable
from schemas.declaration import Rejected

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is no success. `detail` is an English message with %(name)s for each of `facts`."""

    def __init__(self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **facts: object) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.facts, self.headers = status, code, detail, facts, headers


class Refused(Exception):
    """A declaration in a request is none."""

    def __init__(self, rejected: Rejected, dataset: str) -> None:
        super().__init__(rejected.message)
        self.rejected, self.dataset = rejected, dataset


class ProblemDocument(BaseModel):
    """What went wrong. `code` is stable; `title` and `detail` are in the language of Accept-Language (es, en)."""

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str
    code: str
    field: str | None = None


def language(request: Request) -> str:
    """The language to answer a request in."""
    return preferred(request.headers.get("accept-language"))


def answer(request: Request, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """A problem as a response; `detail` is in the caller's language already."""
    spoken = language(request)
    body = {
        "type": "about:blank",
        "title": translations("api", spoken).gettext(TITLES.get(status, "Error")),
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        **more,
    }
    return Response(msgspec.json.encode(body), status, {"Content-Language": spoken, **(headers or {})}, MEDIA_TYPE)


def say(request: Request, message: str, **facts: object) -> str:
    """A message of ours in the caller's language."""
    told = translations("api", language(request)).gettext(message)
    return told % facts if facts else told


def problem(request: Request, error: Problem) -> Response:
    """The response to a Problem."""
    return answer(request, error.status, error.code, say(request, error.detail, **error.facts), error.headers)


def install(app: FastAPI) -> None:
    """Has every error of the app leave as problem+json."""

    @app.exception_handler(Problem)
    async def ours(request: Request, error: Problem) -> Response:
        return problem(request, error)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        rejected = error.rejected
        metrics.REJECTED.labels(rejected.code).inc()
        told = sentence(rejected, error.dataset, language(request))
        return answer(request, 422, rejected.code, told, field=rejected.field)

    @app.exception_handler(Unavailable)
    async def unavailable(request: Request, error: Unavailable) -> Response:
        log.warning("%s %s: %s", request.method, request.url.path, error)
        told = say(request, DOWN.get(error.code.removesuffix("_unavailable"), DOWN[""]))
        return answer(request, 503, error.code, told, {"Retry-After": "5"})

    @app.exception_handler(BundleError)
    async def unsound(request: Request, error: BundleError) -> Response:
        log.error("%s %s: %s", request.method, request.url.path, error)
        return answer(request, 503, "model_refused", say(request, "the model's bundle was refused: the API's log says why"))

    @app.exception_handler(ConfigurationError)
    async def impossible(request: Request, error: ConfigurationError) -> Response:
        log.error("%s %s: %s", request.method, request.url.path, error)
        return answer(request, 500, "configuration", say(request, "the API is not set up for this: its log says which setting to change"))

    @app.exception_handler(StarletteHTTPException)
    async def routing(request: Request, error: StarletteHTTPException) -> Response:
        if error.status_code == 400:  # what FastAPI says of a body that it cannot even decode
            return answer(request, 422, "not_json", say(request, INVALID["json_invalid"]))
        told = say(request, ROUTING.get(error.status_code, "%(said)s"), said=error.detail, path=request.url.path, method=request.method)
        return answer(request, error.status_code, HTTPStatus(error.status_code).name.lower(), told, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [(".".join(map(str, fault["loc"][1:])) or str(fault["loc"][0]), _fault(request, fault)) for fault in error.errors()]
        told = say(request, "%(faults)s. Correct it and ask again", faults="; ".join(f"{name}: {said}" for name, said in faults))
        return answer(request, 422, "invalid_request", told, field=faults[0][0] if faults else None)


TITLES = {
    400: deferred("Bad request"),
    401: deferred("Not authenticated"),
    403: deferred("Not allowed"),
    404: deferred("Not found"),
    405: deferred("Method not allowed"),
    413: deferred("Too large"),
    415: deferred("Unsupported kind of content"),
    422: deferred("Not acceptable as it is"),
    429: deferred("Too many requests"),
    500: deferred("Internal error"),
    503: deferred("Not available now"),
    504: deferred("Took too long"),
}


def _fault(request: Request, fault: Mapping[str, Any]) -> str:
    """What is wrong with one parameter, in the caller's language; pydantic's own English for what is rare."""
    known = INVALID.get(str(fault["type"]).partition("_parsing")[0])
    return say(request, known, **fault.get("ctx", {})) if known else str(fault["msg"])


INVALID = {
    "missing": deferred("it is missing"),
    "extra_forbidden": deferred("it is nothing that this takes"),
    "int": deferred("it must be a whole number"),
    "float": deferred("it must be a number"),
    "finite_number": deferred("it must be a finite number"),
    "greater_than_equal": deferred("it must be %(ge)s or more"),
    "less_than_equal": deferred("it must be %(le)s or less"),
    "literal_error": deferred("it must be %(expected)s"),
    "uuid": deferred("it must be a UUID"),
    "string_type": deferred("it must be text"),
    "string_too_short": deferred("it must have %(min_length)s characters or more"),
    "string_too_long": deferred("it must have %(max_length)s characters or fewer"),
    "string_pattern_mismatch": deferred("it must match %(pattern)s"),
    "too_long": deferred("it must have %(max_length)s items or fewer"),
    "datetime_from_date": deferred("it must be a date-time of RFC 3339, as in 2025-09-30T08:15:00Z"),
    "date_from_datetime": deferred("it must be a date, as in 2025-09-30"),
    "json_invalid": deferred("the body is not JSON"),
    "model_attributes_type": deferred("the body must be a JSON object"),
}
"""What pydantic finds wrong, by the type of its error."""

DOWN = {
    "": deferred("a server that this needs does not answer now: try again in a moment, and look at /parts for what is down"),
    "raw_database": deferred("the database of declarations and alerts does not answer now: try again in a moment"),
    "metadata_database": deferred("the database of models and drift reports does not answer now: try again in a moment"),
    "neo4j": deferred("the graph does not answer now: try again in a moment"),
    "registry": deferred("the model registry does not answer now: try again in a moment"),
    "prefect": deferred("Prefect does not answer now: try again in a moment"),
    "no_model": deferred("there is no model in production for this dataset yet: train one and promote it; /models says what is missing"),
    "busy": deferred("more predictions are waiting than can be answered in time: send fewer at once, or ask again in a moment"),
}
"""What to tell a caller of a dependency that is down, by the code of the error. Details stay in the log."""

ROUTING = {
    404: deferred("there is nothing at %(path)s: /docs lists what there is"),
    405: deferred("%(path)s does not take %(method)s: /docs lists what it takes"),
}
