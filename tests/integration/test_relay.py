"""The relay: the stream has what the journal has, in order and once, whoever carries it."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from redis.asyncio import Redis

from support.followers import following, relaying
from support.writes import put
from titan.events.facts import Event
from titan.storage import journal, redis
from titan.storage.life import life
from titan.storage.notices import Notices
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Entries, Names
from titan.storage.stream import Follower, Stream

NAMES = Names()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = redis.connect(redis_url)
    yield client
    await client.aclose()


async def _published(client: Redis, upto: int) -> list[int]:
    """Wait until the stream has come to a position; gives all positions in it."""
    stream = Stream(client, NAMES, kept=1000)
    async with asyncio.timeout(20):
        while await stream.last() < upto:
            await stream.read(await stream.last(), life="", count=100, block_ms=50)
    found = cast("Entries", await client.xrange(NAMES.stream))
    return [int(id.partition(b"-")[0]) for id, _ in found]


async def _first(connection: Connection, client: Redis) -> None:
    """Give journal and stream a first event: an empty stream begins at the journal's end, wherever that is."""
    await journal.append(connection, [put(0)])
    await Stream(client, NAMES, kept=1000).publish(await journal.after(connection, 0), life=await life(connection))


async def test_a_relay_that_is_restarted_goes_on_without_hole_or_repeat(
    connection: Connection, client: Redis, database_url: str, redis_url: str
) -> None:
    await _first(connection, client)
    for number in range(1, 6):
        await journal.append(connection, [put(number * 10), put(number * 10 + 1)])
        async with relaying(database_url, redis_url, NAMES):
            if number % 2:
                await _published(client, 2 * number + 1)
    async with relaying(database_url, redis_url, NAMES):
        assert await _published(client, 11) == list(range(1, 12))


async def test_of_two_relays_one_leads_and_the_other_takes_over(
    connection: Connection, client: Redis, database_url: str, redis_url: str
) -> None:
    await _first(connection, client)
    async with relaying(database_url, redis_url, NAMES):
        async with relaying(database_url, redis_url, NAMES):
            await journal.append(connection, [put(number) for number in range(1, 20)])
            await _published(client, 20)
        await journal.append(connection, [put(20)])
        assert await _published(client, 21) == list(range(1, 22))


async def test_a_stream_from_another_life_of_the_database_gives_way(
    connection: Connection, client: Redis, database_url: str, redis_url: str
) -> None:
    await client.xadd(NAMES.stream, {"e": b""}, id="900-0")
    await journal.append(connection, [put(0)])
    async with relaying(database_url, redis_url, NAMES):
        async with asyncio.timeout(20):
            while await Stream(client, NAMES, kept=10).last() >= 900:  # noqa: ASYNC110  # as below
                await asyncio.sleep(0.01)  # noqa: TID251  # polled: a stream that is removed calls nobody
        await journal.append(connection, [put(1)])
        assert (await _published(client, 2))[-1] == 2


async def test_a_stream_of_another_journal_gives_way_wherever_it_ends(
    connection: Connection, client: Redis, database_url: str, redis_url: str
) -> None:
    """As after a restore: Redis stands where it was, and what it has at these positions never happened."""
    await journal.append(connection, [put(0), put(1)])
    stream = Stream(client, NAMES, kept=1000)
    await stream.publish(await journal.after(connection, 0, limit=1), life="another")
    assert await stream.read(0, life=await life(connection), count=10, block_ms=1) is None
    seen: list[int] = []
    async with following(database_url, redis_url, NAMES, seen), relaying(database_url, redis_url, NAMES):
        async with asyncio.timeout(20):
            while not await stream.is_of(await life(connection)):
                await journal.append(connection, [put(2 + await journal.last(connection))])
            await _published(client, await journal.last(connection))
            while len(seen) < await journal.last(connection):  # noqa: ASYNC110  # as below
                await asyncio.sleep(0.01)  # noqa: TID251  # polled: the follower only collects
    found = await stream.read(0, life=await life(connection), count=1000, block_ms=1)
    assert found is not None
    assert seen == list(range(1, await journal.last(connection) + 1))


async def test_a_follower_sees_everything_once_and_in_order_whatever_happens_to_the_stream(
    connection: Connection, client: Redis, database_url: str, redis_url: str
) -> None:
    seen: list[int] = []
    async with relaying(database_url, redis_url, NAMES), following(database_url, redis_url, NAMES, seen):
        for number in range(60):
            await journal.append(connection, [put(number * 2), put(number * 2 + 1)])
            if number == 20:
                await client.xtrim(NAMES.stream, maxlen=1, approximate=False)
            if number == 40:
                await client.flushdb()
        async with asyncio.timeout(20):
            while len(seen) < 120:  # noqa: ASYNC110  # as below
                await asyncio.sleep(0.01)  # noqa: TID251  # polled: the follower only collects
    assert seen == list(range(1, 121))


async def test_a_batch_of_large_documents_is_bounded_by_bytes(
    connection: Connection, client: Redis, database_url: str, redis_url: str
) -> None:
    """A follower that comes back after an import of hundreds of them must not hold them all at once."""
    await _first(connection, client)
    for number in range(1, 8):
        await journal.append(connection, [put(number, elements=3, text_bytes=1_000_000)])
    async with relaying(database_url, redis_url, NAMES):
        await _published(client, 8)
    batches: list[list[Event]] = []
    async for events in Follower(Stream(client, NAMES, kept=1000), Notices(database_url)).batches(connection, 0):
        batches.append(events)
        if events and events[-1].position == 8:
            break
    assert [event.position for events in batches for event in events] == list(range(1, 9))
    assert all(len(event.body) == event.size for events in batches for event in events)
    assert max(sum(event.size for event in events) for events in batches) <= journal.BATCH_BYTES
    assert max(len(events) for events in batches) > 1
