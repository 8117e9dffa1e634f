"""What every request passes that memory did not answer: it gets a name, a bound, a log line and a place in the figures.

Stands outside of the router, so that a request that finds no route, and one that a defect ended, are counted too.
"""

import logging
import os
import re
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import cast

from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send
from msgspec import UNSET
from prometheus_client import Counter, Histogram
from structlog.contextvars import bind_contextvars, reset_contextvars

from titan.errors import Overloaded, TitanError
from titan.http.errors import answer
from titan.observability.logs import RequestLine, logger, tell
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Parent, Traces, parent

HANDLER = "titan.handler"
"""Key of the scope under which the router leaves the name of the operation, out of a table: it becomes a label."""
REQUEST_ID = "titan.request_id"
"""Key of the scope under which everybody finds the name of the request, for the correlation id of an answer."""
TRACE = "titan.trace"
"""Key of the scope under which the `traceparent` stands that goes on from here; absent where nobody began a trace."""

IN_FLIGHT_LIMIT = 2048

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
_LEFT = 499
"""What log and figures have for a client that left before it was answered, as nginx writes it; nobody is sent it."""
_PATH_LIMIT = 200
_SANE = re.compile(rb"[A-Za-z0-9._~:/+=-]{1,128}")

_NAME = "titan.http"
_log = logger(_NAME)
_listening = logging.getLogger(_NAME).isEnabledFor


class Guard:
    """ASGI middleware; one of it stands in each worker process, on one loop."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        extended: bool,
        in_flight_limit: int = IN_FLIGHT_LIMIT,
        traces: Traces = OFF,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._traces = traces
        self._extended = extended
        self._in_flight_limit = in_flight_limit
        self._in_flight = 0
        metrics.watch(metrics.requests_in_flight, lambda: self._in_flight)
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, extended=self._extended)
        self._in_flight += 1
        try:
            if self._traces.is_on:
                await self._answer_traced(exchange, receive)
            else:
                await self._answer_told(exchange, receive)
        finally:
            self._in_flight -= 1

    async def _answer_traced(self, exchange: "_Exchange", receive: Receive) -> None:
        with self._traces.request(exchange.method, exchange.began) as span:
            exchange.follow(span.handed_on)
            try:
                await self._answer_told(exchange, receive)
            finally:
                request_id = exchange.names["request_id"]
                span.tell(handler=exchange.handler, status=exchange.status or _LEFT, request_id=request_id)

    async def _answer_told(self, exchange: "_Exchange", receive: Receive) -> None:
        bound = bind_contextvars(**exchange.names)
        try:
            await self._answer(exchange, receive)
        finally:
            self._tell(exchange)
            reset_contextvars(**bound)

    async def _answer(self, exchange: "_Exchange", receive: Receive) -> None:
        if self._in_flight > self._in_flight_limit:
            await exchange.refuse(Overloaded("Too many requests are under way here; try again."))
            return
        try:
            await self._app(exchange.scope, receive, exchange.send)
        except Exception as error:
            if not isinstance(error, TitanError):
                _log.exception("defect")
            if exchange.status:
                raise  # the server breaks the connection off, which is all that can still be said
            await exchange.refuse(error)

    def _tell(self, exchange: "_Exchange") -> None:
        duration_s = time.perf_counter() - exchange.started
        method, handler, status = exchange.method, exchange.handler, exchange.status or _LEFT
        self._count(method, handler, status, duration_s)
        if not _listening(logging.INFO):
            return
        duration_ms = round(duration_s * 1000, 3)
        if handler == _OTHER:
            path = exchange.scope["path"][:_PATH_LIMIT]
            _log.info(
                "request",
                method=method,
                handler=handler,
                status=status,
                duration_ms=duration_ms,
                bytes=exchange.bytes,
                path=path,
            )
            return
        tell(
            RequestLine(
                method=method,
                handler=handler,
                status=status,
                duration_ms=duration_ms,
                bytes=exchange.bytes,
                request_id=exchange.names["request_id"],
                trace_id=exchange.names.get("trace_id", UNSET),
                logger=_NAME,
                timestamp=datetime.now(UTC),
            )
        )

    def _count(self, method: str, handler: str, status: int, duration_s: float) -> None:
        counted = self._counted.get((method, handler, status))
        if counted is None:
            # Finding a series by its labels costs more than counting; there are as many as the table allows.
            counted = (
                self._metrics.http_requests.labels(method, handler, str(status)),
                self._metrics.http_request_duration_seconds.labels(method, handler),
            )
            self._counted[method, handler, status] = counted
        counted[0].inc()
        counted[1].observe(duration_s)


class _Exchange:
    """One request and what has been answered to it so far."""

    __slots__ = ("_extended", "_keys", "_request_id", "_send", "began", "bytes", "names", "scope", "started", "status")

    def __init__(self, scope: HTTPScope, send: Send, *, extended: bool) -> None:
        self.scope = scope
        self.started = time.perf_counter()
        self.status = 0
        """0 until the head of the answer was sent."""
        self.bytes = 0
        """Of the body, as sent; what the server sends from a file by itself is not in it."""
        self._send = send
        self._extended = extended
        given, traceparent = b"", b""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value
            elif name == b"traceparent":
                traceparent = value
        self._request_id = given if _SANE.fullmatch(given) else os.urandom(16).hex().encode()
        self.names = {"request_id": self._request_id.decode()}
        self._keys = cast("MutableMapping[str, object]", scope)
        self._keys[REQUEST_ID] = self.names["request_id"]
        self.began = parent(traceparent.decode("latin-1")) if traceparent else None
        """The client's part of the trace."""
        if self.began is not None:
            self.follow(self.began)

    def follow(self, trace: Parent) -> None:
        """Name the trace in the log, and to whoever answers."""
        self.names["trace_id"] = trace.trace_id
        self._keys[TRACE] = trace.traceparent

    @property
    def method(self) -> str:
        method = str(self.scope["method"])
        return method if method in _METHODS else _OTHER

    @property
    def handler(self) -> str:
        return str(self._keys.get(HANDLER) or self._keys.get("path_template") or _OTHER)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._request_id)]
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    async def refuse(self, error: Exception) -> None:
        """Answer with an error, before anything else has been."""
        status, headers, body = answer(error, extended=self._extended, correlation_id=self.names["request_id"])
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
        await self.send(start)
        whole = b"" if self.scope["method"] == "HEAD" else body
        await self.send({"type": "http.response.body", "body": whole, "more_body": False})
