"""What the real processes are measured against, served by the same server with the same settings.

    python -m bench.stand_in constant|no_storage|one_commit|one_connection

- `constant`: an ASGI application that answers one body, and nothing else.
- `no_storage`: the write tier with a journal that says yes at once.
- `one_commit`: the write tier with a commit for every request, on a pool of eight connections.
- `one_connection`: the same on one connection.
"""

import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from granian.constants import Interfaces, Loops
from granian.server import Server
from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

from bench.documents import BODY, numbered
from titan import factories
from titan.addresses import current
from titan.config import Settings
from titan.events.decide import Standing
from titan.events.facts import Recorded
from titan.http.guard import Guard
from titan.http.health import Health, health
from titan.http.operations import OPERATIONS
from titan.http.routes import router
from titan.observability import logs
from titan.observability.metrics import Metrics
from titan.storage import documents
from titan.storage.blobs.collect import claim
from titan.storage.blobs.opening import open_blobs
from titan.storage.journal import Appended, Journal, append
from titan.storage.notices import Notices
from titan.storage.postgres import Pool, pool
from titan.storage.together import Together
from titan.storage.visibility import Reach, Visibility
from titan.tasks import beside
from titan.write.answers import Answers
from titan.write.documents import Documents
from titan.write.handle import Handle
from titan.write.reading import Reading


class Nowhere(Journal):
    """Says at once that everything is recorded."""

    _position = 0

    async def record(self, recorded: Recorded) -> Appended:
        self._position += 1
        return Appended(position=self._position, revision=recorded.expected + 1, created=self._position)


class Everything(Together[Standing]):
    """Says at once that every document stands."""

    async def get(self, key: bytes) -> Standing:  # noqa: ARG002 - all of them
        return Standing(revision=1, exists=True)


async def _nobody(_keys: Sequence[bytes]) -> dict[bytes, Standing]:
    return {}


class Alone(Journal):
    """Gives every request a transaction of its own."""

    def __init__(self, conninfo: str, metrics: Metrics, notices: Notices, connections: Pool) -> None:
        super().__init__(conninfo, metrics, notices)
        self._connections = connections

    async def record(self, recorded: Recorded) -> Appended:
        async with self._connections.connection() as connection:
            (answer,) = await append(connection, [recorded])
        if isinstance(answer, Appended):
            return answer
        raise answer


def write_app(settings: Settings, *, connections: int) -> Litestar:
    """The write tier around another journal: without storage where it has no connections."""
    metrics = Metrics()
    conninfo = current(settings.database or "")
    notices, shared = Notices(conninfo), pool(conninfo, name="bench", size=max(connections, 1))
    visibility = Visibility(
        Reach.JOURNAL,
        None,
        notices=notices,
        pool=shared,
        lease_ms=1000,
        metrics=metrics,
        waits=metrics.visibility_wait_seconds,
    )
    if connections:
        journal, looks = Alone(conninfo, metrics, notices, shared), documents.together(shared, documents.look)
    else:
        journal, looks = Nowhere(conninfo, metrics, notices), Everything(_nobody)
    blobs = open_blobs(settings)
    reading = Reading(
        limit_bytes=settings.max_body_bytes,
        lenient=False,
        blobs=blobs,
        claim=partial(claim, shared),
        threshold=1 << 30,
    )
    written = Documents(
        Handle(journal, looks),
        Answers(visibility, external_url=""),
        reading,
        documents.together(shared, documents.fetch),
    )

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncGenerator[None]:
        if not connections:
            yield
            return
        async with shared, beside(looks.run()):
            yield

    def around(app: ASGIApp) -> ASGIApp:
        guarded = Guard(app, metrics=metrics, extended=False, in_flight_limit=settings.max_in_flight)
        return health(guarded, Health({}, started=lambda: True), metrics, extended=False)

    handlers = {"documents.create": written.create, "documents.put": written.put, "documents.remove": written.remove}
    operations = [
        operation for operation in OPERATIONS if operation.side == "command" and operation.handler in handlers
    ]
    return router(handlers, operations, around=around, lifespan=[running])


def constant() -> ASGIApp:
    """Answer any request with one body, as short as ASGI allows."""
    factories.begin(_environ())
    body = numbered(0).encode() if BODY else b""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    rest = {"type": "http.response.body", "body": body, "more_body": False}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send(start)  # pyright: ignore[reportArgumentType]  # in the shape that ASGI asks for
            await send(rest)  # pyright: ignore[reportArgumentType]  # as above

    return app


def no_storage() -> Litestar:
    return write_app(factories.begin(_environ()), connections=0)


def one_commit() -> Litestar:
    return write_app(factories.begin(_environ()), connections=8)


def one_connection() -> Litestar:
    return write_app(factories.begin(_environ()), connections=1)


def _environ() -> dict[str, str]:
    return dict(os.environ)


def main() -> None:
    settings = Settings.load(_environ())
    Server(
        f"bench.stand_in:{sys.argv[1]}",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=1,
        websockets=False,
        backlog=2048,
        log_dictconfig=logs.GRANIAN,
    ).serve()


if __name__ == "__main__":
    main()
