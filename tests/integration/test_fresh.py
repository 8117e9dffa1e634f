"""What a replica trusts: its memory and the copies in Redis, as long as others wait for it and no longer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog
from redis.asyncio import Redis

from support.gate import Gate, gate
from support.operating import until
from support.writes import put, subject
from titan.observability.metrics import Metrics
from titan.read.fresh import Fresh
from titan.read.load import Load
from titan.read.memory import Memory
from titan.storage import documents, journal, postgres, redis
from titan.storage.cache import Announcement, Announcer, Beat, Cache
from titan.storage.membership import Membership, Watermark
from titan.storage.notices import Notices
from titan.storage.postgres import connect
from titan.storage.redis import Names, connect_blocking
from titan.storage.visibility import Reach, Visibility
from titan.tasks import beside

NAMES = Names()
GENERATION = "g"
LONG_MS = 60_000


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = redis.connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def announcer(client: Redis) -> Announcer:
    """A projector's, which has begun."""
    announcer = Announcer(client, NAMES, lease_ms=LONG_MS)
    await announcer.take()
    assert await announcer.begin(GENERATION, 0, owing=False) is Beat.RENEWED
    return announcer


@pytest.fixture
async def passing(redis_url: str) -> AsyncIterator[Gate]:
    """A way to Redis that can be cut."""
    host, _, port = redis_url.rpartition("@")[2].partition("/")[0].partition(":")
    async with gate(host, int(port)) as passing:
        yield passing


@pytest.fixture
async def fresh(announcer: Announcer, redis_url: str, passing: Gate) -> AsyncIterator[Fresh]:
    """A replica that has joined, with a lease that does not run out."""
    del announcer
    url = redis_url.replace(redis_url.rpartition(":")[2].partition("/")[0], str(passing.port))
    blocking = connect_blocking(url, timeout_s=1)
    fresh = Fresh(
        Membership(blocking, NAMES, replica="one", lease_ms=LONG_MS),
        Memory(1_000_000),
        lambda: 0,
        lease_ms=400,
        log=structlog.get_logger(),
    )
    fresh.start()

    async def is_fresh() -> bool:
        return fresh.is_fresh

    await until(is_fresh)
    yield fresh
    await asyncio.to_thread(fresh.stop)
    blocking.close()


async def _stale(fresh: Fresh) -> None:
    async def holds() -> bool:
        return not fresh.is_fresh

    await until(holds)


async def test_who_lost_redis_trusts_nothing_until_it_has_joined_again(fresh: Fresh, passing: Gate) -> None:
    """A Redis that comes back may have forgotten the lease, and nobody waits for us then."""
    passing.cut()
    await _stale(fresh)
    passing.open()

    async def again() -> bool:
        return fresh.is_fresh

    await until(again)


async def test_who_missed_an_announcement_trusts_nothing_until_it_has_joined_again(
    fresh: Fresh, announcer: Announcer, client: Redis
) -> None:
    await announcer.beat(GENERATION, 0, owing=True)  # so that it cannot join
    await client.set(NAMES.projected, 3)
    announcement = Announcement(after=3, upto=4, keys=[], kinds=[])
    assert await announcer.publish(GENERATION, [], announcement)
    await _stale(fresh)


async def test_a_copy_of_an_earlier_generation_is_not_shown(
    fresh: Fresh, announcer: Announcer, client: Redis, database_url: str
) -> None:
    """Redis came back older than it was, and its projector has begun anew before this replica has heard of it."""
    writing = await connect(database_url, name="test")
    await journal.append(writing, [put(0)])
    old = list((await documents.fetch(writing, [subject(0).key])).values())
    assert await announcer.fill(GENERATION, old)
    await journal.append(writing, [put(0, expected=1, value="new")])
    await writing.close()
    lending, metrics, notices = postgres.pool(database_url, name="test", size=2), Metrics(), Notices(database_url)
    visibility = Visibility(
        Reach.JOURNAL,
        Watermark(client, NAMES),
        notices=notices,
        pool=lending,
        lease_ms=LONG_MS,
        metrics=metrics,
        waits=metrics.hold_seconds,
    )
    load = Load(fresh, Cache(client, NAMES), lending, notices, visibility, metrics=metrics)
    await lending.open()
    async with beside(load.run()):
        kept = await load(subject(0))
        assert kept is not None
        assert b'"1"' in b"".join(kept.pieces), "the copy in Redis, which is trusted"
        await client.set(NAMES.generation, "another")
        found = await load(subject(0))
        assert found is not None
        assert b'"new"' in b"".join(found.pieces)
    await lending.close()


async def test_a_join_that_comes_late_lifts_nobody(announcer: Announcer, client: Redis, redis_url: str) -> None:
    await client.delete(NAMES.grace)
    blocking = connect_blocking(redis_url, timeout_s=1)
    replica, ghost = (Membership(blocking, NAMES, replica="one", lease_ms=LONG_MS) for _ in range(2))
    assert await asyncio.to_thread(replica.join) is not None
    joined = await asyncio.to_thread(replica.join)
    assert joined is not None
    assert await announcer.publish(GENERATION, [], Announcement(after=0, upto=5, keys=[], kinds=[]))
    # The first one once more: it was on its way while the replica had given up on it.
    assert await asyncio.to_thread(ghost.join) is not None
    watermark = Watermark(client, NAMES)
    assert (await watermark.now("")).watermark == 0, "the replica has not read the announcement"
    assert await asyncio.to_thread(replica.report, 5, joined.generation) is not None
    await asyncio.to_thread(ghost.leave)
    assert (await watermark.now("")).watermark == 5
    blocking.close()


async def test_a_generation_that_begins_late_admits_nobody(announcer: Announcer, client: Redis, redis_url: str) -> None:
    """Its lease ran out on the way, and writes were answered meanwhile that Redis was not told of."""
    blocking = connect_blocking(redis_url, timeout_s=1)
    replica = Membership(blocking, NAMES, replica="one", lease_ms=LONG_MS)
    await client.delete(NAMES.projector)
    assert await announcer.begin("late", 0, owing=False) is Beat.LAPSED
    assert await asyncio.to_thread(replica.join) is None
    blocking.close()


async def test_leases_that_another_run_of_redis_may_have_forgotten_are_waited_out(
    announcer: Announcer, client: Redis
) -> None:
    await client.delete(NAMES.grace)
    await announcer.take()
    assert not await client.exists(NAMES.grace), "the same run knows every lease"
    await client.set(NAMES.run, "another")
    await announcer.take()
    assert await client.exists(NAMES.grace)
