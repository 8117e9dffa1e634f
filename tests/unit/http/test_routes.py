"""Every operation reaches its handler, under every base path; everything else is refused with a sentence."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Literal
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, get
from litestar.types import ASGIApp
from structlog.testing import capture_logs

from titan.codec.ids import encode_id
from titan.errors import Invalid, MethodNotAllowed, NotFound, TitanError
from titan.http.errors import answer
from titan.http.guard import HANDLER, Guard
from titan.http.operations import BASE_PATHS, OPERATIONS
from titan.http.operations.row import Operation
from titan.http.requests import Disconnected
from titan.http.responses import JSON, cors, send_bytes
from titan.http.routes import Call, router
from titan.observability.metrics import Metrics

IDENTIFIER = "https://example.com/a b/ü/7"
ID_SHORT_PATH = "Motor.Readings[3].Value"


class Served:
    """An application with the handlers that note who was called."""

    def __init__(self, operations: Iterable[Operation] = OPERATIONS, raising: Exception | None = None) -> None:
        self.calls: list[Call] = []
        self.raising = raising
        self.app = self.made([*operations])

    def made(self, operations: list[Operation]) -> Litestar:
        return router({row.handler: self.handle for row in operations}, operations, others=[health])

    async def handle(self, call: Call) -> None:
        self.calls.append(call)
        if self.raising:
            raise self.raising
        await send_bytes(call.send, 200, [JSON], [b"abc", b"de"])


@get("/health", sync_to_thread=False)
def health() -> str:
    return "well"


async def ask(app: ASGIApp, method: str, path: str | bytes, query: bytes = b"") -> tuple[int, bytes, dict]:
    messages: list[dict] = []

    async def send(message: dict) -> None:
        messages.append(message)

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    raw = path.encode() if isinstance(path, str) else path
    scope = {
        "type": "http",
        "method": method,
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "path": raw.decode(errors="replace"),
        "headers": [(b"host", b"localhost")],
    }
    await app(scope, receive, send)  # pyright: ignore[reportArgumentType]
    body = b"".join(message["body"] for message in messages[1:])
    return (messages[0]["status"] if messages else 0), body, scope


def path_of(row: Operation) -> str:
    filled = {"{idShortPath}": quote(ID_SHORT_PATH)}
    return "/".join(
        filled.get(part, encode_id(IDENTIFIER)) if part.startswith("{") else part for part in row.path.split("/")
    )


def named_of(row: Operation) -> dict[str, str]:
    names = [part[1:-1] for part in row.path.split("/") if part.startswith("{")]
    return {name: ID_SHORT_PATH if name == "idShortPath" else IDENTIFIER for name in names}


def rows_of(side: Literal["command", "query"]) -> list[Operation]:
    return [row for row in OPERATIONS if row.side == side]


@pytest.mark.parametrize("base", BASE_PATHS)
@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: f"{row.method} {row.path}")
async def test_every_operation_reaches_its_handler(row: Operation, base: str) -> None:
    served = Served()
    status, body, scope = await ask(served.app, row.method, base + path_of(row), b"limit=3")
    (call,) = served.calls
    assert (status, body) == (200, b"abcde")
    assert call.operation is row
    assert call.named == named_of(row)
    assert call.identifiers == tuple(call.named.values())
    assert call.query.first("limit") == "3"
    assert scope[HANDLER] == row.operation_id


@pytest.mark.parametrize("row", rows_of("query"), ids=lambda row: row.path)
async def test_head_is_served_wherever_get_is(row: Operation) -> None:
    served = Served()
    assert (await ask(served.app, "HEAD", path_of(row)))[:2] == (200, b"")
    assert served.calls[0].operation is row


async def test_encoded_characters_mean_what_they_stand_for() -> None:
    served = Served()
    await ask(served.app, "GET", "/shells/%24reference")
    await ask(served.app, "GET", "/shells/")
    assert [call.operation.path for call in served.calls] == ["/shells/$reference", "/shells"]


@pytest.mark.parametrize("path", ["/shells/a%2Fb", "/shells/%00", "/shells/%ff", "/shells/a=b", "/shells//"])
async def test_an_identifier_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        await ask(Served().app, "GET", path)


@pytest.mark.parametrize("path", ["/", "", "/shellz", "/shells/YQ/nothing", "/api/v3", "/api/v2/shells", "//shells"])
async def test_a_path_that_nobody_knows_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        await ask(Served().app, "GET", path)


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "BREW"])
async def test_a_method_that_a_path_does_not_know_is_refused_with_those_that_it_knows(method: str) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        await ask(Served().app, method, "/shells")
    status, headers, _ = answer(refused.value, extended=False, correlation_id="")
    assert status == 405
    assert (b"allow", b"GET, HEAD, POST") in headers


@pytest.mark.parametrize(
    ("ours", "theirs", "tier"), [("command", "query", "read tier"), ("query", "command", "write tier")]
)
async def test_what_the_other_tier_serves_is_refused_by_its_name(
    ours: Literal["command", "query"], theirs: Literal["command", "query"], tier: str
) -> None:
    served = Served(rows_of(ours))
    for row in rows_of(theirs):
        with pytest.raises(MethodNotAllowed, match=tier):
            await ask(served.app, row.method, path_of(row))
    assert served.calls == []


async def test_other_routes_are_served_beside_the_operations() -> None:
    app = Served().app
    assert (await ask(app, "GET", "/health"))[:2] == (200, b"well")
    with pytest.raises(MethodNotAllowed):
        await ask(app, "POST", "/health")


async def test_who_went_away_is_not_answered() -> None:
    assert (await ask(Served(raising=Disconnected()).app, "GET", "/shells"))[0] == 0


async def test_errors_rise_to_the_guard_as_they_are() -> None:
    with pytest.raises(KeyError):
        await ask(Served(raising=KeyError()).app, "GET", "/shells")


async def test_the_guard_stands_inside_of_the_application() -> None:
    seen: list[str] = []

    def around(app: ASGIApp) -> ASGIApp:
        async def guard(scope: dict, receive: object, send: object) -> None:
            seen.append(scope["path"])
            with suppress(NotFound):
                await app(scope, receive, send)  # pyright: ignore[reportArgumentType]

        return guard  # pyright: ignore[reportReturnType]

    await ask(router({}, [], around=around), "GET", "/nothing")
    assert seen == ["/nothing"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/shells/YQ/nothing", 404),
        ("HEAD", "/nothing", 404),
        ("PATCH", "/shells", 405),
        ("POST", "/health", 405),
        ("GET", "/shells/%00", 400),
        ("HEAD", "/shells/%00", 400),
        ("GET", b"/shells?idShort=\xff", 400),
        ("GET", "/shells", 500),
    ],
)
async def test_behind_the_guard_every_refusal_is_a_result(method: str, path: str | bytes, status: int) -> None:
    def around(app: ASGIApp) -> ASGIApp:
        return cors(Guard(app, metrics=Metrics(), extended=False), ("*",))

    served = Served(raising=KeyError("a defect"))
    app = router({row.handler: served.handle for row in OPERATIONS}, OPERATIONS, others=[health], around=around)
    raw, _, query = (path.encode() if isinstance(path, str) else path).partition(b"?")
    # Of a defect, structlog as it comes would print every variable of every frame, for a minute.
    with capture_logs():
        answered, body, _ = await ask(app, method, raw, query)
    assert answered == status
    if method == "HEAD":
        assert body == b""
    else:
        (message,) = msgspec.json.decode(body)["messages"]
        assert message["code"] == str(status)


SERVED = Served()


@given(
    st.sampled_from(["GET", "PUT", "HEAD", "X"]), st.lists(st.sampled_from(["shells", "$reference", "YQ", "api", ""]))
)
async def test_any_path_reaches_a_handler_or_is_refused(method: str, path: list[str]) -> None:
    with suppress(TitanError):
        await ask(SERVED.app, method, "/" + "/".join(path))


@given(st.binary(max_size=60))
async def test_any_bytes_for_a_path_reach_a_handler_or_are_refused(path: bytes) -> None:
    for start in (b"/", b"/shells/", b"/submodels/YQ/"):
        with suppress(TitanError):
            await ask(SERVED.app, "GET", start + path)
