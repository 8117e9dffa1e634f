"""The pages of the documentation: whole without the network, under every base path, told apart by ETag."""

import re
from collections.abc import Mapping

import httpx
import msgspec
import pytest
from litestar import Litestar

from titan.http.docs import Docs
from titan.http.operations import BASE_PATHS, OPERATIONS
from titan.http.operations.row import Operation
from titan.http.routes import router

ROWS = [row for row in OPERATIONS if row.handler.startswith("docs.")]


def serving(external_url: str = "") -> Litestar:
    return router(Docs(external_url).handlers, ROWS)


async def get(target: str, app: Litestar | None = None, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
    transport = httpx.ASGITransport(app=app or serving())  # pyright: ignore[reportArgumentType]  # a type of theirs
    async with httpx.AsyncClient(transport=transport, base_url="http://titan") as client:
        client.headers["accept-encoding"] = "identity"
        return await client.get(target, headers=headers)


@pytest.mark.parametrize("base", BASE_PATHS)
async def test_the_page_loads_nothing_but_what_is_served_beside_it(base: str) -> None:
    page = await get(f"{base}/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:href|src)="([^"]*)"', page.text)
    served = [httpx.URL(f"http://titan{base}/docs").join(link).path for link in loaded if not link.startswith("data:")]
    assert len(served) == 3
    assert [(await get(path)).status_code for path in served] == [200, 200, 200]


@pytest.mark.parametrize("base", BASE_PATHS)
async def test_the_document_names_the_base_path_that_it_is_asked_under(base: str) -> None:
    (server,) = (await get(f"{base}/openapi.json")).json()["servers"]
    assert server["url"] == (base or "/")


async def test_the_document_names_the_path_that_clients_reach_the_server_by() -> None:
    app = serving("https://example.com/plant/")
    (server,) = (await get("/api/v3/openapi.json", app)).json()["servers"]
    assert server["url"] == "/plant/api/v3"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_a_page_that_is_known_is_not_sent_again(row: Operation, encoding: str) -> None:
    plain, packed = await get(row.path), await get(row.path, headers={"accept-encoding": encoding})
    assert packed.headers["content-encoding"] == encoding
    assert packed.content == plain.content
    again = await get(row.path, headers={"if-none-match": packed.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_scripts_come_from_this_server_alone() -> None:
    policy = (await get("/docs")).headers["content-security-policy"]
    directives = dict(directive.split(maxsplit=1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["connect-src"] == "'self'"
    assert "<script>" not in (await get("/docs")).text


async def test_a_slash_at_the_end_leads_to_the_page() -> None:
    answer = await get("/api/v3/docs/")
    assert answer.status_code == 308
    assert httpx.URL("http://titan/api/v3/docs/").join(answer.headers["location"]).path == "/api/v3/docs"


async def test_the_document_is_made_once() -> None:
    app = serving()
    first, second = [await get("/openapi.json", app) for _ in range(2)]
    assert msgspec.json.decode(first.content)["openapi"] == "3.1.0"
    assert first.headers["etag"] == second.headers["etag"]
