"""Finished documents in Redis, as a replica asks for them: many at once, some of whom leave early."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import psycopg
import pytest
from redis.asyncio import Redis

from titan.errors import Unavailable
from titan.events.decide import Document
from titan.storage import redis
from titan.storage.cache import Announcement, Announcer, Beat, Cache, Cached, put
from titan.storage.membership import Membership
from titan.storage.redis import Names
from titan.storage.together import Together
from titan.tasks import beside

NAMES = Names()
GENERATION = "g"
COUNT = 192


def _document(number: int) -> Document:
    return Document(
        key=b"%032d" % number,
        kind="submodel",
        id=str(number),
        revision=number + 1,
        position=number + 1,
        created=1,
        removed=False,
        blobs=False,
        head=b"%d" % number,
    )


async def _found(asked: Together[Cached], cache: Cache, number: int) -> bytes | None:
    cached = await asked.get(cache.name(GENERATION, b"%032d" % number))
    document = cached and cached.document
    return document and b"".join(document.pieces)


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[Cache]:
    client = redis.connect(redis_url)
    announcer = Announcer(client, NAMES, lease_ms=60_000)
    await announcer.take()
    await announcer.begin(GENERATION, COUNT, owing=False)
    await announcer.fill(GENERATION, [_document(number) for number in range(COUNT)])
    yield Cache(client, NAMES)
    await client.aclose()


async def test_each_of_many_who_ask_at_once_gets_its_own_document(cache: Cache) -> None:
    asked = Together(cache.find)
    async with beside(asked.run()):
        for _ in range(3):
            found = await asyncio.gather(*(_found(asked, cache, number) for number in range(COUNT + 5)))
            assert found == [b"%d" % number for number in range(COUNT)] + [None] * 5


async def test_who_leaves_before_the_answer_harms_nobody_who_asks_with_it_or_later(cache: Cache) -> None:
    asked = Together(cache.find)

    async def ask(number: int) -> None:
        assert await _found(asked, cache, number) == b"%d" % number

    async with beside(asked.run()):
        for turn in range(40):
            async with asyncio.timeout(10), asyncio.TaskGroup() as group:
                tasks = [group.create_task(ask(number)) for number in range(COUNT)]
                for _ in range(turn):
                    await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, to leave at another moment each time
                for task in tasks[turn % 3 :: 3]:
                    task.cancel()
        assert await _found(asked, cache, 1) == b"1"


@pytest.mark.timeout(60)
async def test_all_who_wait_are_told_that_redis_is_away() -> None:
    client = redis.connect("redis://127.0.0.1:1/0")
    cache = Cache(client, NAMES)
    asked = Together(cache.find)
    async with beside(asked.run()):
        answers = await asyncio.gather(
            *(_found(asked, cache, number) for number in range(COUNT)), return_exceptions=True
        )
    assert {type(answer) for answer in answers} == {Unavailable}
    await client.aclose()


async def test_one_that_cannot_be_read_fails_alone_and_nobody_waits_for_ever() -> None:
    """As a document whose row is damaged: whoever asks for it is told, and whoever asks beside it is answered."""

    async def find(names: Sequence[bytes]) -> dict[bytes, bytes]:
        if b"damaged" in names:
            raise psycopg.errors.DataCorrupted
        return {name: name for name in names}

    asked = Together(find)
    async with asyncio.timeout(10), beside(asked.run()):
        for _ in range(2):
            names = [b"one", b"damaged", b"two"]
            answers = await asyncio.gather(*(asked.get(name) for name in names), return_exceptions=True)
            assert (answers[0], answers[2]) == (b"one", b"two")
            assert isinstance(answers[1], psycopg.errors.DataCorrupted)


async def test_no_replica_joins_a_projector_that_owes_something(cache: Cache, redis_url: str) -> None:
    """While no projector had a lease, writes were answered that Redis was not told of."""
    client = redis.connect(redis_url)
    announcer = Announcer(client, NAMES, lease_ms=60_000)
    blocking = redis.connect_blocking(redis_url, timeout_s=1)
    replica = Membership(blocking, NAMES, replica="one", lease_ms=60_000)

    async def joins() -> bool:
        return await asyncio.to_thread(replica.join) is not None

    async def renews() -> bool:
        return await asyncio.to_thread(replica.report, COUNT, GENERATION) is not None

    assert not await announcer.take(), "the lease stands, nothing was missed"
    assert await joins()
    await client.delete(NAMES.projector)
    assert await announcer.take()
    assert not await joins()
    assert not await renews()
    assert await announcer.beat(GENERATION, COUNT, owing=True) is Beat.RENEWED
    assert not await joins()
    assert await announcer.beat(GENERATION, COUNT, owing=False) is Beat.RENEWED
    assert await joins()
    assert await renews()
    await client.delete(NAMES.projector)
    assert await announcer.beat(GENERATION, COUNT, owing=False) is Beat.LAPSED
    assert not await joins()
    assert await announcer.beat("another", COUNT, owing=False) is Beat.STRAYED
    blocking.close()
    await client.aclose()


async def test_what_comes_late_from_before_redis_was_taken_anew_changes_nothing(cache: Cache, redis_url: str) -> None:
    """A projector that was stopped or cut off in the middle: its successor, or itself, has gone on since."""
    client = redis.connect(redis_url)
    before, after = (Announcer(client, NAMES, lease_ms=60_000) for _ in range(2))
    assert not await before.take()
    old, new = _document(1), msgspec.structs.replace(_document(1), head=b"new", position=COUNT + 1)
    change = Announcement(after=COUNT, upto=COUNT + 1, keys=[new.key], kinds=["submodel"])
    await client.delete(NAMES.projector)
    assert await after.take()
    assert await after.publish(GENERATION, put(after.prefix(GENERATION), new), change)
    stood = await _all(client)
    assert not await before.fill(GENERATION, [old])
    assert not await before.publish(GENERATION, put(before.prefix(GENERATION), old), change)
    assert not await before.publish(
        GENERATION,
        put(before.prefix(GENERATION), old),
        msgspec.structs.replace(change, after=COUNT + 1, upto=COUNT + 2),
    )
    assert not await before.begin("another", COUNT, owing=False)
    cursor = await before.sweep("another", 0)
    while cursor:
        cursor = await before.sweep("another", cursor)
    assert await before.beat(GENERATION, COUNT + 1, owing=False) is Beat.STRAYED
    assert await _all(client) == stood
    await client.aclose()


async def _all(client: Redis) -> dict[bytes, bytes | None]:
    """Everything that stands in Redis, but for how long."""
    names = sorted(redis.keys(await client.keys("*")))
    return {name: await client.dump(name) for name in names}
