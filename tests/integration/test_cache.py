"""Finished documents in Redis, as a replica asks for them: many at once, some of whom leave early."""

import asyncio
from contextlib import suppress

import pytest

from titan.errors import Unavailable
from titan.events.decide import Document
from titan.storage import redis
from titan.storage.cache import TOGETHER, Announcer, Cache
from titan.storage.redis import Names

NAMES = Names()
GENERATION = "g"
COUNT = 3 * TOGETHER


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


async def _found(cache: Cache, number: int) -> bytes | None:
    document = (await cache.get(GENERATION, b"%032d" % number)).document
    return document and b"".join(document.pieces)


async def test_each_of_many_who_ask_at_once_gets_its_own_document(redis_url: str) -> None:
    client = redis.connect(redis_url)
    announcer, cache = Announcer(client, NAMES, lease_ms=1000), Cache(client, NAMES)
    await announcer.begin(GENERATION, COUNT)
    await announcer.fill(GENERATION, [_document(number) for number in range(COUNT)])
    for _ in range(3):
        found = await asyncio.gather(*(_found(cache, number) for number in range(COUNT + 5)))
        assert found == [b"%d" % number for number in range(COUNT)] + [None] * 5
    await client.aclose()


async def test_who_leaves_before_the_answer_harms_nobody_who_asks_with_it_or_later(redis_url: str) -> None:
    client = redis.connect(redis_url)
    announcer, cache = Announcer(client, NAMES, lease_ms=1000), Cache(client, NAMES)
    await announcer.begin(GENERATION, COUNT)
    await announcer.fill(GENERATION, [_document(number) for number in range(COUNT)])
    for turn in range(40):
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            tasks = [group.create_task(_asked(cache, number)) for number in range(COUNT)]
            for _ in range(turn):
                await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, to leave at another moment each time
            for task in tasks[turn % 3 :: 3]:
                task.cancel()
    assert await _found(cache, 1) == b"1"
    await client.aclose()


async def _asked(cache: Cache, number: int) -> None:
    # Unavailable where somebody asked who left: PostgreSQL is asked instead.
    with suppress(Unavailable):
        assert await _found(cache, number) == b"%d" % number


@pytest.mark.timeout(20)
async def test_all_who_wait_are_told_that_redis_is_away() -> None:
    client = redis.connect("redis://127.0.0.1:1/0")
    cache = Cache(client, NAMES)
    answers = await asyncio.gather(*(_found(cache, number) for number in range(COUNT)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    await client.aclose()
