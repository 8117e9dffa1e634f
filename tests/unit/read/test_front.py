"""The front of a replica: what it can prove to be fresh it answers itself, everything else it passes on."""

import gzip
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import structlog

from titan.http.requests import Query
from titan.observability.metrics import Metrics
from titan.read.fresh import Fresh
from titan.read.front import COMMON, LONG_BYTES, Front, is_known, memory_key
from titan.read.memory import Entry, Memory

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

ROOM_BYTES = 4 * 1024 * 1024
BODY = b'{"modelType":"Submodel","id":"a","text":"%s"}' % (b"x" * 2000)


class Replica:
    """A front over a memory in which one answer is kept, with a lease that a test may end."""

    def __init__(self, body: bytes = BODY) -> None:
        metrics = Metrics()
        self.memory = Memory(ROOM_BYTES)
        self.fresh = Fresh(None, self.memory, lambda: 0, lease_ms=1000, log=structlog.stdlib.get_logger())
        self.fresh.until = time.monotonic() + 600
        self.fresh.applied = 7
        self.front = Front(self.memory, self.fresh, metrics)
        self.entry = Entry(etag=b'"3"', headers=COMMON, body=body, subjects=(b"a",))
        self.memory.end(self.memory.begin((b"a",)), key=b"/submodels/YQ", entry=self.entry)
        self.passed_on = 0

    async def ask(
        self, path: bytes = b"/submodels/YQ", *, query: bytes = b"", method: str = "GET", **headers: str
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body of the answer; 599 where the request was passed on."""
        told: list[Message] = []

        async def app(_scope: Message, _receive: object, send: Send) -> None:
            self.passed_on += 1
            await send({"type": "http.response.start", "status": 599, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            told.append(message)

        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope: Any = {"type": "http", "method": method, "raw_path": path, "query_string": query, "headers": named}
        front: Any = self.front.before(cast("Any", app))
        await front(scope, receive, send)
        start, body = told
        return start["status"], dict(start["headers"]), body["body"]


@pytest.fixture
def replica() -> Replica:
    return Replica()


async def test_what_is_kept_is_answered(replica: Replica) -> None:
    status, headers, body = await replica.ask()
    assert (status, body) == (200, BODY)
    assert headers[b"etag"] == b'"3"'
    assert headers[b"content-length"] == b"%d" % len(BODY)
    assert replica.entry.used


async def test_nothing_is_answered_without_a_lease(replica: Replica) -> None:
    replica.fresh.until = time.monotonic()
    assert (await replica.ask())[0] == 599


async def test_nothing_is_answered_that_was_forgotten(replica: Replica) -> None:
    replica.memory.forget([b"a"])
    assert (await replica.ask())[0] == 599


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_get_is_answered(replica: Replica, method: str) -> None:
    assert (await replica.ask(method=method))[0] == 599


@pytest.mark.parametrize(
    ("path", "query"),
    [(b"/submodels/YQ", b"level=core"), (b"/submodels/YQ/", b""), (b"/submodels/Y%51", b""), (b"/shells/YQ", b"")],
)
async def test_an_answer_is_for_its_path_and_query_alone(replica: Replica, path: bytes, query: bytes) -> None:
    assert (await replica.ask(path, query=query))[0] == 599


@pytest.mark.parametrize(
    ("position", "status"),
    [("7", 200), ("0", 200), ("8", 599), ("-1", 599), ("seven", 599), ("9" * 5000, 599), ("0" * 5000, 599)],
)
async def test_a_position_that_was_not_reached_is_passed_on(replica: Replica, position: str, status: int) -> None:
    assert (await replica.ask(titan_min_position=position))[0] == status


@pytest.mark.parametrize("named", ['"3"', 'W/"3"', '"1", "3"', "*"])
async def test_what_the_client_has_is_not_sent_again(replica: Replica, named: str) -> None:
    status, headers, body = await replica.ask(if_none_match=named)
    assert (status, body) == (304, b"")
    assert headers[b"etag"] == b'"3"'
    assert b"content-length" not in headers


@pytest.mark.parametrize("named", ['"2"', '"33"', '"3-gzip"'])
async def test_what_the_client_has_of_another_revision_is_sent(replica: Replica, named: str) -> None:
    assert (await replica.ask(if_none_match=named))[0] == 200


async def test_a_compressed_answer_is_made_once_counted_and_has_an_etag_of_its_own(replica: Replica) -> None:
    before = replica.memory.size_bytes
    status, headers, body = await replica.ask(accept_encoding="gzip")
    assert (status, headers[b"content-encoding"], headers[b"etag"]) == (200, b"gzip", b'"3-gzip"')
    assert gzip.decompress(body) == BODY
    assert replica.memory.size_bytes == before + len(body)
    assert (await replica.ask(accept_encoding="gzip"))[2] is body
    assert replica.memory.size_bytes == before + len(body)
    assert (await replica.ask(accept_encoding="gzip", if_none_match='"3-gzip"'))[0] == 304


async def test_a_short_answer_is_not_compressed() -> None:
    status, headers, body = await Replica(b"{}").ask(accept_encoding="gzip")
    assert (status, body) == (200, b"{}")
    assert b"content-encoding" not in headers


async def test_a_long_answer_is_compressed_alike() -> None:
    long = b'"%s"' % (b"x" * LONG_BYTES)
    _, _, body = await Replica(long).ask(accept_encoding="gzip")
    assert gzip.decompress(body) == long


def test_an_answer_is_kept_under_what_was_asked_before_it_is_understood() -> None:
    plain: Any = {"raw_path": b"/submodels/a%2Fb", "query_string": b""}
    asked: Any = {"raw_path": b"/submodels/a/b", "query_string": b"level=core"}
    assert memory_key(plain) == b"/submodels/a%2Fb"
    assert memory_key(asked) == b"/submodels/a/b?level=core"


@pytest.mark.parametrize(
    ("query", "known"),
    [(b"", True), (b"level=core&extent=withBlobValue", True), (b"limit=5&cursor=x", True), (b"x=1", False)],
)
def test_answers_to_parameters_that_nobody_knows_are_not_kept(query: bytes, known: bool) -> None:  # noqa: FBT001
    assert is_known(Query.parse(query)) is known
