"""Every request is named, bounded, told and counted, whatever becomes of it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any, cast

import httpx
import msgspec
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from structlog.contextvars import get_contextvars

from titan.errors import NotFound
from titan.http.guard import HANDLER, REQUEST_ID, TRACE, Guard
from titan.observability.logs import configure
from titan.observability.metrics import Metrics

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TRACED = "4bf92f3577b34da6a3ce929d0e0e4736"


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


@asynccontextmanager
async def client_of(app: App, metrics: Metrics | None = None, *, limit: int = 8) -> AsyncGenerator[httpx.AsyncClient]:
    guard: Any = Guard(cast("Any", app), metrics=metrics or Metrics(), extended=False, in_flight_limit=limit)
    transport = httpx.ASGITransport(guard, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://titan") as client:
        yield client


async def fine(scope: Scope, _receive: Receive, send: Send) -> None:
    scope[HANDLER] = "GetAllSubmodels"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"abc", "more_body": True})
    await send({"type": "http.response.body", "body": b"de", "more_body": False})


def lines(stream: StringIO, event: str = "request") -> list[dict[str, Any]]:
    told = [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]
    return [line for line in told if line["event"] == event]


def requests(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["method"], sample.labels["handler"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if sample.name == "http_requests_total" and sample.value
    }


async def test_a_request_is_told_in_one_line(stream: StringIO) -> None:
    async with client_of(fine) as client:
        answered = await client.get("/submodels", headers={"x-request-id": "abc-1"})
    assert answered.content == b"abcde"
    [line] = lines(stream)
    told = {key: line[key] for key in ("method", "handler", "status", "bytes", "request_id", "level")}
    assert told == {
        "method": "GET",
        "handler": "GetAllSubmodels",
        "status": 200,
        "bytes": 5,
        "request_id": "abc-1",
        "level": "info",
    }
    assert line["duration_ms"] > 0


async def test_requests_are_not_told_above_their_level(stream: StringIO) -> None:
    configure("WARNING", "json", stream=stream)
    async with client_of(fine) as client:
        await client.get("/submodels")
    assert stream.getvalue() == ""


async def test_a_sane_request_id_is_kept_and_answered() -> None:
    async with client_of(fine) as client:
        assert (await client.get("/", headers={"x-request-id": "a.B_9-~:/+="})).headers["x-request-id"] == "a.B_9-~:/+="


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"b', "a\tb"])
async def test_another_request_id_is_replaced(given: str) -> None:
    async with client_of(fine) as client:
        one = (await client.get("/", headers={"x-request-id": given})).headers["x-request-id"]
        other = (await client.get("/", headers={"x-request-id": given})).headers["x-request-id"]
    assert given not in {one, other}
    assert len(one) == 32
    assert one != other


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (f"00-{TRACED}-00f067aa0ba902b7-01", TRACED),
        (f"cc-{TRACED}-00f067aa0ba902b7-01-what-comes-later", TRACED),
        (f"ff-{TRACED}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACED}-{'0' * 16}-01", None),
        (f"00-{TRACED.upper()}-00f067aa0ba902b7-01", None),
        ("nonsense", None),
    ],
)
async def test_the_trace_of_the_client_goes_on(traceparent: str, trace: str | None, stream: StringIO) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((str(scope.get(TRACE, ""))[3:35] or None, get_contextvars().get("trace_id")))
        await fine(scope, receive, send)

    async with client_of(app) as client:
        await client.get("/", headers={"traceparent": traceparent})
    assert seen == [(trace, trace)]
    assert lines(stream)[0].get("trace_id") == trace


async def test_names_of_a_request_are_gone_after_it() -> None:
    async with client_of(fine) as client:
        await client.get("/")
    assert get_contextvars() == {}


async def test_a_request_is_counted_by_words_that_no_client_chooses() -> None:
    metrics = Metrics()

    async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
        raise NotFound

    async with client_of(fine, metrics) as client:
        await client.get("/submodels/1")
        await client.get("/submodels/2")
    async with client_of(nowhere, metrics) as client:
        await client.request("BREW", "/a")
        await client.request("STEW", "/b")
    assert requests(metrics) == {("GET", "GetAllSubmodels", "200"): 2, ("other", "other", "404"): 2}


async def test_a_request_without_an_operation_is_told_with_the_beginning_of_its_path(stream: StringIO) -> None:
    async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
        raise NotFound

    async with client_of(nowhere) as client:
        await client.get("/" + "x" * 5000)
        await client.get("/short")
    assert [len(line["path"]) for line in lines(stream)] == [200, 6]


async def test_an_error_of_ours_is_answered_with_its_sentence(stream: StringIO) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = "There is no such submodel."
        raise NotFound(message)

    async with client_of(app) as client:
        answered = await client.get("/", headers={"x-request-id": "r7"})
    assert answered.status_code == 404
    [message] = answered.json()["messages"]
    assert (message["text"], message["correlationId"]) == ("There is no such submodel.", "r7")
    assert lines(stream, "defect") == []


async def test_a_defect_is_answered_without_its_words_and_logged_with_them(stream: StringIO) -> None:
    metrics = Metrics()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[HANDLER] = "GetSubmodelById"
        message = "inner words"
        raise LookupError(message)

    async with client_of(app, metrics) as client:
        answered = await client.get("/", headers={"x-request-id": "r7"})
    assert answered.status_code == 500
    assert "inner words" not in answered.text
    assert answered.headers["x-request-id"] == "r7"
    [defect] = lines(stream, "defect")
    assert "LookupError: inner words" in defect["exception"]
    assert defect["request_id"] == "r7"
    assert requests(metrics) == {("GET", "GetSubmodelById", "500"): 1}


async def test_an_answer_that_breaks_midway_is_not_made_to_look_whole(stream: StringIO) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise LookupError

    async with client_of(app) as client:
        with pytest.raises(LookupError):
            await client.get("/")
    assert (len(lines(stream, "defect")), [line["bytes"] for line in lines(stream)]) == (1, [4])


async def test_more_requests_than_the_limit_are_refused_at_once_until_one_is_done() -> None:
    metrics, begun, end = Metrics(), asyncio.Semaphore(0), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.release()
        await end.wait()
        await fine(scope, receive, send)

    async with client_of(app, metrics, limit=2) as client:
        async with asyncio.TaskGroup() as group:
            under_way = [group.create_task(client.get("/")) for _ in range(2)]
            await begun.acquire()
            await begun.acquire()
            refused = await client.get("/")
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["messages"][0]["code"] == "503"
            end.set()
        assert [task.result().status_code for task in under_way] == [200, 200]
        assert (await client.get("/")).status_code == 200
    assert requests(metrics) == {("GET", "GetAllSubmodels", "200"): 3, ("GET", "other", "503"): 1}


async def test_a_client_that_leaves_gives_its_place_back() -> None:
    metrics, begun = Metrics(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            begun.set()
            await asyncio.Event().wait()
        await fine(scope, receive, send)

    async with client_of(app, metrics, limit=1) as client:
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(client.get("/slow"))
            await begun.wait()
            slow.cancel()
        assert (await client.get("/")).status_code == 200
    assert requests(metrics) == {("GET", "other", "499"): 1, ("GET", "GetAllSubmodels", "200"): 1}


async def test_who_is_inside_finds_the_request_id() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope[REQUEST_ID], get_contextvars()["request_id"]))
        await fine(scope, receive, send)

    async with client_of(app) as client:
        await client.get("/", headers={"x-request-id": "r1"})
    assert seen == [("r1", "r1")]


async def test_what_is_not_a_request_passes_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    guard: Any = Guard(cast("Any", app), metrics=Metrics(), extended=False)
    await guard({"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]
