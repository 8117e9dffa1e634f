"""Traces: one request followed from HTTP through journal and stream to the projection and its announcement.

A trace passes between processes where the event does, as W3C's `traceparent` in `journal.event.trace`. Each stop of
the journey makes one span per event that is traced, the child of the stop before, and hands its own on. Whether a trace
is kept is decided where it begins, by the client's flag or by `TITAN_TRACE_RATIO`; the others follow.

Made by hand, not by instrumentation of libraries: a batch serves many requests, and only we know which. Where tracing
is off nothing is made and nothing of the SDK imported. What memory answers is not traced: a span costs more than the
answer.
"""

import re
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from importlib import import_module
from typing import Protocol, TypeVar, cast

import msgspec
from msgspec import Struct
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
    use_span,
)

from titan.events.facts import Event, Recorded

Attribute = str | int | float | bool

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NOWHERE: AbstractContextManager[None] = nullcontext()


class Parent(Struct, frozen=True):
    """Who began a trace, or handed it on."""

    trace_id: str
    """32 digits."""
    span_id: str
    flags: int

    @property
    def is_sampled(self) -> bool:
        """Whether the trace is kept."""
        return bool(self.flags & TraceFlags.SAMPLED)

    @property
    def traceparent(self) -> str:
        """As it is sent."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def parent(traceparent: str) -> Parent | None:
    """Read a `traceparent`; None where it is none."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return Parent(found[1], found[2], int(found[3], 16)) if found else None


class Traced(Protocol):
    """What carries a trace from one stop to the next."""

    @property
    def trace(self) -> str:
        """A `traceparent`, or nothing."""
        ...


T = TypeVar("T", bound=Traced)


class Traces:
    """Makes the spans of one process.

    Args:
        tracer: Makes spans; without one tracing is off, and everything here does nothing.
        close: Sends what is left; called once, from a thread that may wait.
    """

    def __init__(self, tracer: Tracer | None = None, *, close: Callable[[], None] | None = None) -> None:
        self._tracer = tracer
        self._close = close

    @property
    def is_on(self) -> bool:
        """Whether spans are made."""
        return self._tracer is not None

    @contextmanager
    def request(self, method: str, began: Parent | None) -> Generator["Request"]:
        """The span of a request for as long as the body takes; what the body does may be children of it."""
        span = INVALID_SPAN
        if self._tracer is not None:
            span = self._tracer.start_span(method, _context(began), kind=SpanKind.SERVER)
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield Request(span, method)

    def during(self, name: str, **attributes: Attribute) -> AbstractContextManager[None]:
        """A span for as long as the body takes, below that of the request under way; nothing where that is not kept."""
        if self._tracer is None or not get_current_span().is_recording():
            return _NOWHERE
        return _during(self._tracer, name, attributes)

    def over(
        self, name: str, items: Sequence[T], *, kind: SpanKind = SpanKind.INTERNAL, **attributes: Attribute
    ) -> AbstractContextManager[Sequence[T]]:
        """A span for each item that is traced, for as long as the body takes; gives the items with traces handed on."""
        if self._tracer is None or not any(item.trace for item in items):
            return nullcontext(items)
        return _over(self._tracer, name, items, kind, attributes)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Send what is left when the body ends."""
        try:
            yield
        finally:
            if self._close is not None:
                # Nothing else is under way any more: whoever waits here keeps nobody waiting.
                self._close()


OFF = Traces()
"""Makes no spans."""


class Request:
    """The span of one request."""

    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method
        self.handed_on = _handed_on(span)
        """What its children are told."""

    def tell(self, *, handler: str, status: int, request_id: str) -> None:
        """Say what came of it."""
        span = self._span
        if not span.is_recording():
            return
        span.update_name(f"{self._method} {handler}")
        span.set_attributes(
            {
                "http.request.method": self._method,
                "http.response.status_code": status,
                "titan.operation": handler,
                "titan.request_id": request_id,
            }
        )
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))


def current() -> str:
    """The `traceparent` for a request that is sent to somebody else; nothing where no trace is under way."""
    span = get_current_span()
    return _handed_on(span).traceparent if span is not INVALID_SPAN else ""


def open_traces(endpoint: str, *, name: str, version: str, ratio: float) -> Traces:
    """Traces that are sent to a collector by OTLP; connects when there is something to send.

    Args:
        endpoint: Where it listens: gRPC at port 4317 or with the scheme `grpc`, else HTTP.
        name: Of the service, as traces show it.
        version: Of the service.
        ratio: How many of the traces that begin here are kept, from 0 to 1.
    """
    # Costs 0.3 s and 20 MB, which nobody pays who doesn't want it.
    exporting = import_module("titan.observability.exporting")
    tracer, close = cast("_Open", exporting.open_tracer)(endpoint, name=name, version=version, ratio=ratio)
    return Traces(tracer, close=close)


class _Open(Protocol):
    def __call__(
        self, endpoint: str, *, name: str, version: str, ratio: float
    ) -> tuple[Tracer, Callable[[], None]]: ...


def _context(began: Parent | None) -> Context:
    """A context that holds nothing but the parent: what runs by chance in a request's context is no child of it."""
    if began is None:
        return Context()
    flags = TraceFlags(began.flags)
    remote = SpanContext(int(began.trace_id, 16), int(began.span_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _handed_on(span: Span) -> Parent:
    context = span.get_span_context()
    return Parent(f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags))


@contextmanager
def _during(tracer: Tracer, name: str, attributes: dict[str, Attribute]) -> Generator[None]:
    with tracer.start_as_current_span(name, attributes=attributes):
        yield


@contextmanager
def _over(
    tracer: Tracer, name: str, items: Sequence[T], kind: SpanKind, attributes: dict[str, Attribute]
) -> Generator[Sequence[T]]:
    spans: list[Span] = []
    carried = list(items)
    since = time.time_ns()
    for number, item in enumerate(items):
        began = parent(item.trace) if item.trace else None
        if began is None or not began.is_sampled:
            continue
        about = {"titan.batch": len(items), **_about(item), **attributes}
        span = tracer.start_span(name, _context(began), kind=kind, attributes=about, start_time=since)
        spans.append(span)
        carried[number] = msgspec.structs.replace(item, trace=_handed_on(span).traceparent)  # pyright: ignore[reportArgumentType]  # events and facts to be recorded
    try:
        yield carried
    except BaseException as error:
        for span in spans:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        until = time.time_ns()
        for span in spans:
            span.end(until)


def _about(item: Traced) -> dict[str, Attribute]:
    """What finds the event of a span in the journal; its identifier stays there."""
    match item:
        case Event():
            return {"titan.position": item.position, "titan.kind": item.kind, "titan.fact": item.fact}
        case Recorded():
            return {"titan.kind": item.subject.kind.name}
        case _:
            return {}
