"""Health tells the truth in time, whatever the things that it asks about do."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any, cast

import httpx
import msgspec
import pytest
import structlog

from titan.errors import Unavailable
from titan.http.health import Health, Probe, health
from titan.observability.logs import configure
from titan.observability.metrics import CONTENT_TYPE, Metrics

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LONG_S = 30.0
SHORT_S = 0.05


@pytest.fixture(autouse=True)
def stream() -> Generator[StringIO]:
    """Where the lines of a test go; the process logs as before after it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    told = StringIO()
    configure("INFO", "json", stream=told)
    try:
        yield told
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()


class Thing:
    """Something that can be away, or silent, and come back."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self.begun = asyncio.Event()
        self.speaks = asyncio.Event()
        self.speaks.set()

    async def ask(self) -> None:
        self.asked += 1
        self.begun.set()
        await self.speaks.wait()
        if self.away:
            message = "cannot reach postgresql://titan:s3cret@db/titan"
            raise Unavailable(message)


class Stubborn(Thing):
    """Waits for its server even while it is being cancelled, as a driver does that takes its query back."""

    async def ask(self) -> None:
        self.asked += 1
        while not self.speaks.is_set():
            try:
                await self.speaks.wait()
            except asyncio.CancelledError:
                continue


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def elsewhere(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def client_of(checks: Health, metrics: Metrics | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    app = cast("Any", health(cast("Any", elsewhere), checks, metrics, extended=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://titan") as client:
        yield client


def checks_of(
    things: Mapping[str, Thing], *, clock: Clock | None = None, patience_s: float = LONG_S, started: bool = True
) -> Health:
    probes = {name: Probe(thing.ask, required=name == "database") for name, thing in things.items()}
    return Health(probes, started=lambda: started, patience_s=patience_s, clock=clock or Clock())


def statuses(answered: httpx.Response) -> dict[str, str]:
    return {name: check["status"] for name, check in answered.json()["checks"].items()}


async def test_health_tells_every_check_with_its_latency() -> None:
    things = {"database": Thing(), "redis": Thing(), "mqtt": Thing()}
    async with client_of(checks_of(things)) as client:
        answered = await client.get("/health")
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["cache-control"] == "no-store"
    body = answered.json()
    assert body["status"] == "healthy"
    assert list(body["checks"]) == ["database", "redis", "mqtt"]
    assert all(check["status"] == "up" and check["latency_ms"] >= 0 for check in body["checks"].values())


@pytest.mark.parametrize(
    ("away", "health_says", "ready_says"),
    [
        (set[str](), (200, "healthy"), (200, "ready")),
        ({"redis"}, (200, "degraded"), (200, "ready")),
        ({"redis", "mqtt"}, (200, "degraded"), (200, "ready")),
        ({"database"}, (503, "unhealthy"), (503, "not ready")),
        ({"database", "redis"}, (503, "unhealthy"), (503, "not ready")),
    ],
    ids=["nothing", "redis", "all-but-the-database", "database", "database-and-redis"],
)
async def test_only_what_is_required_makes_it_unready(
    away: set[str], health_says: tuple[int, str], ready_says: tuple[int, str]
) -> None:
    things = {"database": Thing(), "redis": Thing(), "mqtt": Thing()}
    for name in away:
        things[name].away = True
    async with client_of(checks_of(things)) as client:
        for path, (status, word) in (("/health", health_says), ("/health/ready", ready_says)):
            answered = await client.get(path)
            assert (answered.status_code, answered.json()["status"]) == (status, word)
            assert {name for name, check in statuses(answered).items() if check == "down"} == away


async def test_what_comes_back_is_up_again_and_the_log_names_the_error_once(stream: StringIO) -> None:
    clock, database = Clock(), Thing()
    async with client_of(checks_of({"database": database}, clock=clock)) as client:
        assert (await client.get("/health/ready")).status_code == 200
        database.away = True
        for _ in range(3):
            clock.now += 1
            assert (await client.get("/health/ready")).status_code == 503
        database.away = False
        clock.now += 1
        assert (await client.get("/health/ready")).status_code == 200
    told = [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["check"]) for line in told if line["logger"] == "titan.health"] == [
        ("down", "database"),
        ("up again", "database"),
    ]
    [down] = [line for line in told if line["event"] == "down"]
    assert down["error"] == "Unavailable: cannot reach postgresql://titan:***@db/titan"


async def test_who_asks_without_a_token_does_not_learn_why_something_is_down() -> None:
    database = Thing()
    database.away = True
    async with client_of(checks_of({"database": database})) as client:
        assert (await client.get("/health")).json()["checks"] == {"database": {"status": "down"}}


@pytest.mark.parametrize("kind", [Thing, Stubborn])
async def test_what_does_not_answer_is_down_in_time_and_up_once_it_answers(kind: type[Thing]) -> None:
    clock, database, redis = Clock(), Thing(), kind()
    redis.speaks.clear()
    checks = checks_of({"database": database, "redis": redis}, clock=clock, patience_s=SHORT_S)
    async with client_of(checks) as client:
        async with asyncio.timeout(5):
            answered = await client.get("/health/ready")
        assert (answered.status_code, statuses(answered)) == (200, {"database": "up", "redis": "down"})
        redis.speaks.set()
        clock.now += 1
        assert statuses(await client.get("/health/ready")) == {"database": "up", "redis": "up"}


async def test_what_does_not_end_is_not_asked_again_meanwhile() -> None:
    clock, database = Clock(), Stubborn()
    database.speaks.clear()
    async with client_of(checks_of({"database": database}, clock=clock, patience_s=SHORT_S)) as client:
        for _ in range(3):
            assert (await client.get("/health/ready")).status_code == 503
            clock.now += 1
        assert database.asked == 1
        database.speaks.set()
        assert (await client.get("/health/ready")).status_code == 200


async def test_checks_run_beside_each_other() -> None:
    both = asyncio.Barrier(2)
    checks = Health({"one": Probe(both.wait), "other": Probe(both.wait)}, started=lambda: True, patience_s=LONG_S)
    assert (await checks.report()).status == "healthy"


async def test_many_who_ask_at_once_cause_one_question() -> None:
    clock, database = Clock(), Thing()
    async with client_of(checks_of({"database": database}, clock=clock)) as client:
        await asyncio.gather(*(client.get("/health") for _ in range(20)))
        assert database.asked == 1
        clock.now += 0.249
        await client.get("/health")
        assert database.asked == 1
        clock.now += 0.001
        await client.get("/health")
        assert database.asked == 2


async def test_one_who_gives_up_asking_keeps_nobody_else_from_an_answer() -> None:
    database = Thing()
    database.speaks.clear()
    checks = checks_of({"database": database})
    async with asyncio.TaskGroup() as group:
        first = group.create_task(checks.report())
        await database.begun.wait()
        second = group.create_task(checks.report())
        first.cancel()
        database.speaks.set()
    assert second.result().status == "healthy"
    assert database.asked == 1


async def test_a_process_that_starts_or_stops_is_alive_but_not_ready() -> None:
    database = Thing()
    async with client_of(checks_of({"database": database}, started=False)) as client:
        assert (await client.get("/health/live")).json() == {"status": "alive"}
        answered = await client.get("/health/ready")
    assert (answered.status_code, answered.json()) == (503, {"status": "not ready", "checks": {}})
    assert database.asked == 0


async def test_it_is_alive_while_everything_is_down_and_asks_nobody() -> None:
    database = Thing()
    database.away = True
    async with client_of(checks_of({"database": database})) as client:
        answered = await client.get("/health/live")
    assert (answered.status_code, answered.json(), database.asked) == (200, {"status": "alive"}, 0)


async def test_metrics_are_text_where_they_are_on() -> None:
    metrics = Metrics()
    metrics.parked_events.inc()
    async with client_of(checks_of({}), metrics) as client:
        answered = await client.get("/metrics")
    assert answered.headers["content-type"] == CONTENT_TYPE
    assert "titan_parked_events_total 1.0" in answered.text.splitlines()


async def test_metrics_are_not_there_where_they_are_off() -> None:
    async with client_of(checks_of({})) as client:
        answered = await client.get("/metrics")
    assert (answered.status_code, answered.json()["messages"][0]["code"]) == (404, "404")


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/metrics"])
async def test_health_can_only_be_read(path: str) -> None:
    async with client_of(checks_of({"database": Thing()}), Metrics()) as client:
        written = await client.post(path)
        headed = await client.head(path)
    assert (written.status_code, written.headers["allow"]) == (405, "GET, HEAD")
    assert (headed.status_code, headed.content) == (200, b"")
    assert int(headed.headers["content-length"]) > 0


@pytest.mark.parametrize("path", ["/", "/healthy", "/health/else", "/shells", "/metrics/x"])
async def test_everything_else_is_passed_on(path: str) -> None:
    async with client_of(checks_of({})) as client:
        assert (await client.get(path)).status_code == 418


async def test_a_server_that_hangs_costs_a_second() -> None:
    """The one measurement with the real patience: a listener that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()

        async def ask() -> None:
            reader, writer = await asyncio.open_connection(host, port)
            try:
                await reader.readexactly(1)
            finally:
                writer.close()
                await writer.wait_closed()

        begun = time.perf_counter()
        report = await Health({"database": Probe(ask, required=True)}, started=lambda: True).report()
        assert 0.9 < time.perf_counter() - begun < 10
    assert report.status == "unhealthy"
