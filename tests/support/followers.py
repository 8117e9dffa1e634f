"""A relay and a projector on real servers, inside a test's own loop."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog

from titan.observability.metrics import Metrics
from titan.projector.run import Projector
from titan.storage import redis
from titan.storage.cache import Announcer
from titan.storage.membership import Watermark
from titan.storage.notices import Notices
from titan.storage.postgres import connect
from titan.storage.redis import Names
from titan.storage.stream import Follower, Stream
from titan.tasks import beside
from titan.write import relay

LEASE_MS = 400


@asynccontextmanager
async def relaying(database_url: str, redis_url: str, names: Names) -> AsyncGenerator[None]:
    """Carry the journal into the stream meanwhile."""
    client = redis.connect(redis_url)
    notices = Notices(database_url)
    stream = Stream(client, names, kept=1000)
    async with beside(notices.run(), relay.run(database_url, stream, notices, Metrics(), relay.Recent())):
        yield
    await client.aclose()


@asynccontextmanager
async def projecting(database_url: str, redis_url: str | None, names: Names) -> AsyncGenerator[Projector]:
    """Project meanwhile."""
    client = redis.connect(redis_url) if redis_url else None
    notices = Notices(database_url)
    projector = Projector(
        database_url,
        Follower(Stream(client, names, kept=1000) if client else None, notices),
        Announcer(client, names, lease_ms=LEASE_MS) if client else None,
        Watermark(client, names) if client else None,
        lease_ms=LEASE_MS,
        metrics=Metrics(),
        log=structlog.get_logger(),
    )
    async with beside(notices.run(), projector.run()):
        yield projector
    if client:
        await client.aclose()


@asynccontextmanager
async def following(database_url: str, redis_url: str, names: Names, seen: list[int]) -> AsyncGenerator[None]:
    """Collect the positions that a follower is given meanwhile."""
    client = redis.connect(redis_url)
    notices = Notices(database_url)
    connection = await connect(database_url, name="follower")

    async def collect() -> None:
        async for events in Follower(Stream(client, names, kept=1000), notices).batches(connection, 0):
            seen.extend(event.position for event in events)

    async with beside(notices.run(), collect()):
        yield
    await connection.close()
    await client.aclose()
