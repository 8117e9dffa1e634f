"""Whether this process is alive, ready and whole, for orchestrators and for people; and its figures.

Answered before routing and without a token: what asks has neither. So a check says that it is down, and the log says
why; only that a store refuses our credentials is told here as well, because it does not pass by itself. Redis and the
broker are not required for readiness: a replica that left the balancer whenever a cache is away would turn a slow
minute into an outage.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, assert_never

import msgspec
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import UNSET, Struct, UnsetType

from titan.errors import MethodNotAllowed, NotFound, Unavailable
from titan.http.errors import answer
from titan.observability.logs import logger
from titan.observability.metrics import CONTENT_TYPE, Metrics

PATIENCE_S = 1.0
KEPT_S = 0.25

_JSON = b"application/json"
_PATHS: dict[str, Literal["health", "live", "ready", "metrics"]] = {
    "/health": "health",
    "/health/live": "live",
    "/health/ready": "ready",
    "/metrics": "metrics",
}
_ALIVE = b'{"status":"alive"}'

_log = logger("titan.health")


class Probe(Struct, frozen=True):
    """How to ask whether something that we need is there."""

    ask: Callable[[], Awaitable[object]]
    """Raises whatever it likes where the thing is down; gives nothing that matters where it is up."""
    required: bool = False
    """Whether this process can do nothing without it."""


class Check(Struct, frozen=True):
    """What came of a probe."""

    status: Literal["up", "down"]
    latency_ms: float | UnsetType = UNSET
    reason: Literal["credentials refused"] | UnsetType = UNSET


class Report(Struct, frozen=True):
    """The body of `/health` and `/health/ready`."""

    status: Literal["healthy", "degraded", "unhealthy", "ready", "not ready"]
    checks: dict[str, Check]


class Health:
    """The state of what this process needs, asked for at most every 250 ms, however many want to know.

    A probe that does not answer in time is down, and is not asked again before it has ended: a driver may wait for its
    server while it is being cancelled, and each further question would take one more connection out of the pool.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        *,
        started: Callable[[], bool],
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes = dict(probes)
        self._started = started
        self._patience_s = patience_s
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked: dict[str, asyncio.Future[tuple[float | BaseException]]] = {}
        self._checks: dict[str, Check] = {}
        self._checked_at = float("-inf")

    async def report(self) -> Report:
        """`unhealthy` where something required is down, `degraded` where something else is."""
        checks = await self._current()
        down = [self._probes[name].required for name, check in checks.items() if check.status == "down"]
        return Report("unhealthy" if any(down) else "degraded" if down else "healthy", checks)

    async def readiness(self) -> Report:
        """`ready` where requests make sense; asks nobody while the process starts or stops."""
        if not self._started():
            return Report("not ready", {})
        report = await self.report()
        return Report("not ready" if report.status == "unhealthy" else "ready", report.checks)

    async def _current(self) -> dict[str, Check]:
        async with self._asking:
            if self._clock() - self._checked_at >= KEPT_S:
                checks = await self._ask()
                self._tell_changes(checks)
                self._checks, self._checked_at = checks, self._clock()
            return self._checks

    async def _ask(self) -> dict[str, Check]:
        for name, probe in self._probes.items():
            if name not in self._asked or self._asked[name].done():
                self._asked[name] = asyncio.gather(self._latency_ms(probe), return_exceptions=True)
        if self._asked:
            await asyncio.wait(self._asked.values(), timeout=self._patience_s * 1.1)
        return {name: self._came_of(name) for name in self._probes}

    async def _latency_ms(self, probe: Probe) -> float:
        started = time.perf_counter()
        async with asyncio.timeout(self._patience_s):
            await probe.ask()
        return (time.perf_counter() - started) * 1000

    def _came_of(self, name: str) -> Check:
        match self._outcome(name):
            case float() as latency_ms:
                return Check("up", round(latency_ms, 2))
            case Unavailable(is_refusal=True):
                return Check("down", reason="credentials refused")
            case _:
                return Check("down")

    def _outcome(self, name: str) -> float | BaseException:
        asked = self._asked[name]
        if not asked.done():
            return TimeoutError("no answer")
        return asyncio.CancelledError() if asked.cancelled() else asked.result()[0]

    def _tell_changes(self, checks: dict[str, Check]) -> None:
        for name, check in checks.items():
            before = self._checks.get(name, Check("up"))
            if (before.status, before.reason) != (check.status, check.reason):
                match self._outcome(name):
                    case BaseException() as error:
                        _log.error("down", check=name, error=f"{type(error).__name__}: {error}".removesuffix(": "))
                    case _:
                        _log.info("up again", check=name)


def health(app: ASGIApp, checks: Health, metrics: Metrics | None, *, extended: bool) -> ASGIApp:
    """Answer the paths of health and metrics, and pass on the rest.

    Args:
        app: What answers everything else.
        checks: What `/health` and `/health/ready` tell.
        metrics: What `/metrics` tells; without them it is not there.
        extended: The form of an error's body, as in `titan.http.errors.answer`.
    """

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (page := _PATHS.get(scope["path"])) is None:
            await app(scope, receive, send)
            return
        if scope["method"] not in {"GET", "HEAD"}:
            refusal = MethodNotAllowed(f"{scope['path']} can only be read.")
            status, headers, body = answer(refusal, extended=extended, correlation_id="")
            await _send(scope, send, status, [*headers, (b"allow", b"GET, HEAD")], body)
        elif page == "metrics" and metrics is None:
            await _send(scope, send, *answer(NotFound("Metrics are off."), extended=extended, correlation_id=""))
        else:
            status, form, body = await _page(page, checks, metrics)
            await _send(scope, send, status, [(b"content-type", form), (b"cache-control", b"no-store")], body)

    return answered


async def _page(
    page: Literal["health", "live", "ready", "metrics"], checks: Health, metrics: Metrics | None
) -> tuple[int, bytes, bytes]:
    match page:
        case "live":
            return 200, _JSON, _ALIVE
        case "metrics":
            return 200, CONTENT_TYPE.encode(), metrics.render() if metrics else b""
        case "health":
            report = await checks.report()
            return 503 if report.status == "unhealthy" else 200, _JSON, msgspec.json.encode(report)
        case "ready":
            report = await checks.readiness()
            return 200 if report.status == "ready" else 503, _JSON, msgspec.json.encode(report)
        case _:
            assert_never(page)


async def _send(scope: HTTPScope, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    whole = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": whole, "more_body": False})
