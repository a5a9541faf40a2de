"""Traces of single declarations, from whoever publishes them to the graph, in OpenTelemetry's terms.

Nothing is traced unless OTEL_EXPORTER_OTLP_ENDPOINT says where spans go. Who begins a trace decides whether it is kept
(OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG); everybody after it follows the flag in `traceparent`.
"""

import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

NAMESPACE = "vigia"
"""OpenTelemetry's `service.namespace` of every process."""

CARRIED = ("traceparent", "tracestate")
"""The headers that W3C's Trace Context defines."""

FLUSH_MS = 2_000
"""How long a process that ends waits for the collector."""

QUEUE = 16_384
"""Spans that may wait for the collector: a worker ends those of a whole batch at once."""

_CARRIED = {name.encode(): name for name in CARRIED}
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]([0-9a-f])")
_W3C = TraceContextTextMapPropagator()

Headers = Iterable[tuple[str, str | bytes | None]]
Attributes = Mapping[str, AttributeValue]


def configure_tracing(service: str) -> None:
    """Names the trace in the log's lines, and sends this process' spans to the collector at OTEL_EXPORTER_OTLP_ENDPOINT; without one,
    none are made."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_name_the_trace)
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    about = {"service.name": service, "service.namespace": NAMESPACE, "service.version": version("vigia")}
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=QUEUE))
    trace.set_tracer_provider(provider)


def flush() -> None:
    """Sends what is still here: for who may not live to the end of the interpreter, as uvicorn after a signal."""
    if isinstance(provider := trace.get_tracer_provider(), TracerProvider):
        provider.force_flush(FLUSH_MS)


def _name_the_trace(record: logging.LogRecord) -> bool:
    """Adds the id of the trace that a line is written in."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = trace.format_trace_id(context.trace_id)
    return True


def carried(headers: Headers | None) -> dict[str, str]:
    """The headers of a trace among a message's, as text."""
    found = {name: value for name, value in headers or () if name in CARRIED and value}
    return {name: value.decode("ascii", "replace") if isinstance(value, bytes) else value for name, value in found.items()}


def trace_of(carried: Mapping[str, str]) -> str | None:
    """The id of the trace in the headers, 32 hexadecimal digits."""
    found = _TRACEPARENT.fullmatch(carried.get("traceparent", ""))
    return found[1] if found else None


def kept(carried: Mapping[str, str]) -> bool:
    """Whether the trace in the headers is one that is kept."""
    found = _TRACEPARENT.fullmatch(carried.get("traceparent", ""))
    return bool(found and int(found[2], 16) & 1)


def join(name: str, carried: Mapping[str, str], began: float, attributes: Attributes) -> Span | None:
    """The span of work on a message, from `began` (seconds since 1970) on: part of the trace in its headers, if that is kept."""
    if not kept(carried):
        return None
    span = _tracer().start_span(name, _W3C.extract(carried), SpanKind.CONSUMER, attributes, start_time=int(began * 1e9))
    return span if span.is_recording() else None


def begin(name: str, attributes: Attributes) -> Span | None:
    """The span of whoever publishes a message, which begins its trace; None where that is not kept."""
    span = _tracer().start_span(name, Context(), SpanKind.PRODUCER, attributes)
    return span if span.is_recording() else None


def publication(topic: str) -> dict[str, str | bytes | None]:
    """The headers with which a message begins a trace; none where it is not kept."""
    span = begin("publish", {"messaging.system": "kafka", "messaging.destination.name": topic})
    if span is None:
        return {}
    span.end()
    return headers_of(span)


@contextmanager
def serving(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Span | None]:
    """The span of a request with these headers, which goes on with the caller's trace or begins one; None where that is not kept."""
    found = {_CARRIED[name]: value.decode("latin-1") for name, value in headers if name in _CARRIED}
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        with _tracer().start_as_current_span("request", _W3C.extract(found), SpanKind.SERVER) as span:
            yield span if span.is_recording() else None
    elif found:  # for the log
        with trace.use_span(trace.get_current_span(_W3C.extract(found))):
            yield None
    else:
        yield None


def id_of(span: Span) -> str:
    """The id of the trace that a span belongs to, 32 hexadecimal digits."""
    return trace.format_trace_id(span.get_span_context().trace_id)


def headers_of(span: Span) -> dict[str, str | bytes | None]:
    """The headers with which others go on from this span."""
    into: dict[str, str] = {}
    _W3C.inject(into, trace.set_span_in_context(span))
    return {**into}


def end(span: Span, problem: str | None = None) -> None:
    """The work is done, or something kept it from being done."""
    if problem:
        span.set_status(Status(StatusCode.ERROR, problem))
    span.end(time.time_ns())


def _tracer() -> trace.Tracer:
    return trace.get_tracer(NAMESPACE)
