"""`titan verify`: finds what differs, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from support.followers import projecting, relaying
from support.histories import History
from support.operating import projected, quiet, told, until, write
from support.writes import put, removed, subject
from titan.operate.verifying import verify
from titan.storage import documents, redis
from titan.storage.cache import Announcer
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names

NAMES = Names()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def verified(database_url: str, redis_url: str | None = None) -> tuple[int, str]:
    console = quiet()
    status = await verify(database_url=database_url, redis_url=redis_url, names=NAMES, console=console)
    return status, told(console)


async def test_an_empty_system_is_ok(database_url: str) -> None:
    assert await verified(database_url) == (0, "OK: 0 events, 0 documents.\n")


async def test_what_was_written_by_whatever_way_is_ok(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    """Created, replaced, changed below and removed, documents of all kinds, as a whole and in chunks."""
    history = History(11, documents=50)
    async with projecting(database_url, redis_url, NAMES):
        for size in (1, 40, 200, 60):
            await write(connection, history.take(size))
        await projected(connection)
        status, said = await verified(database_url, redis_url)
    assert status == 0, said
    assert said.startswith("OK: 301 events, 50 documents")


async def test_a_running_system_is_ok_at_every_moment(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    history = History(12, documents=30)
    done = asyncio.Event()

    async def write_much() -> None:
        for _ in range(80):
            await write(connection, history.take(6))
        done.set()

    async with (
        relaying(database_url, redis_url, NAMES),
        projecting(database_url, redis_url, NAMES),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(write_much())
        looks = [await verified(database_url, redis_url)]
        while not done.is_set():
            looks.append(await verified(database_url, redis_url))
    assert [said for status, said in looks if status] == []
    assert len(looks) > 1


async def test_documents_that_the_projector_has_yet_to_come_to_are_not_held_against_it(
    connection: Connection, database_url: str
) -> None:
    await write(connection, [put(0), put(1)])
    status, said = await verified(database_url)
    assert status == 0
    assert "has yet to come to 2 documents" in said


async def test_a_redis_that_is_away_is_told_and_harms_nothing(connection: Connection, database_url: str) -> None:
    status, said = await verified(database_url, "redis://127.0.0.1:1/0")
    assert status == 0
    assert "Redis is away" in said


BREAKAGES = {
    "a position is missing": (
        "DELETE FROM journal.event WHERE position = 2",
        "the journal: 1 difference",
    ),
    "a revision is missing": (
        "UPDATE journal.event SET revision = 7 WHERE position = 4",
        "does not follow on the fact 'created' at revision 1",
    ),
    "a document has other bytes": (
        "UPDATE journal.head SET body = replace(convert_from(body, 'utf8'), 'xs:', 'xd:')::bytea WHERE position = 4",
        "has other bytes than the journal tells",
    ),
    "a chunk has other bytes": (
        "UPDATE journal.chunk SET body = substr(body, 1, 100) WHERE ordinal = 1",
        "submodel https://example.com/submodels/1, revision 1, has other bytes",
    ),
    "a document was forgotten": ("DELETE FROM journal.head WHERE position = 4", "There is no state of submodel"),
    "a document is not removed": (
        "UPDATE journal.head SET removed = false WHERE position = 5",
        "was removed, says the journal",
    ),
    "a document is at another revision": ("UPDATE journal.head SET revision = 9 WHERE position = 4", "revision 9"),
    "a document has another Blob flag": ("UPDATE journal.head SET blobs = true WHERE position = 4", "has no Blob"),
    "a document is listed no more": ("DELETE FROM read.listing WHERE sort = 1", "is not listed"),
    "a document is listed that is gone": (
        "INSERT INTO read.listing SELECT kind, 3, 'x', id, id_short, created_at, updated_at FROM read.listing LIMIT 1",
        "where nothing stands",
    ),
    "a document is listed otherwise": (
        "UPDATE read.listing SET id_short = 'Other' WHERE sort = 1",
        "is listed with another id_short",
    ),
    "a document cannot be found by a facet": ("DELETE FROM read.facet WHERE sort = 1", "with another facets"),
    "a facet belongs to nothing": ("INSERT INTO read.facet VALUES ('x', 99)", "facets of 99"),
    "the read model is from another life": (
        "UPDATE read.bookmark SET position = 99",
        "which the journal has not reached",
    ),
    "an event is parked": (
        "INSERT INTO read.parked VALUES (4, 'projector', 'x', 'broken', now())",
        "Position 4 is parked: broken",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
async def test_it_finds_that(breakage: str, connection: Connection, database_url: str) -> None:
    await write(connection, [put(0), put(1, elements=40, text_bytes=4000), put(2)])
    await write(connection, [put(0, expected=1, value="new"), removed(2, expected=1)])
    async with projecting(database_url, None, NAMES):
        await projected(connection)
    statement, expected = BREAKAGES[breakage]
    assert (await verified(database_url))[0] == 0
    await connection.execute(statement.encode())
    status, said = await verified(database_url)
    assert status == 1
    assert expected in said


async def test_it_finds_what_redis_has_otherwise(connection: Connection, database_url: str, redis_url: str) -> None:
    client = redis.connect(redis_url)
    announcer = Announcer(client, NAMES, lease_ms=400)
    async with projecting(database_url, redis_url, NAMES):
        await write(connection, [put(number) for number in range(4)])
        await projected(connection)

        async def knows_all() -> bool:
            return (await announcer.where())[1] == 4

        await until(knows_all)
    generation, _ = await announcer.where()
    assert generation is not None
    name = NAMES.document(generation)
    stands = await documents.fetch(connection, [subject(number).key for number in range(4)])
    await announcer.take()
    await announcer.fill(generation, list(stands.values()))
    status, said = await verified(database_url, redis_url)
    assert (status, said) == (0, "OK: 4 events, 4 documents, 4 of them in Redis.\n")
    value = cast("bytes", await client.get(name + subject(0).key))
    await client.set(name + subject(0).key, value.replace(b"Property0", b"Property9"))
    await client.set(name + subject(1).key, (7).to_bytes(8, "big") + value[8:])
    await client.set(name + b"s" * 16, value)
    await client.delete(name + subject(2).key)
    status, said = await verified(database_url, redis_url)
    await client.aclose()
    assert status == 1
    assert "Redis: 3 differences" in said
    assert "submodels/0, revision 1, has other bytes in Redis" in said
    assert "submodels/1 is at revision 7 in Redis, and at 1 in PostgreSQL" in said
    assert f"key {(b's' * 16).hex()}, which never was" in said


async def test_it_finds_a_copy_that_stayed_behind(connection: Connection, database_url: str, redis_url: str) -> None:
    client = redis.connect(redis_url)
    announcer = Announcer(client, NAMES, lease_ms=400)
    await write(connection, [put(0)])
    await announcer.take()
    await announcer.begin("aaaa", 1, owing=False)
    await announcer.fill("aaaa", list((await documents.fetch(connection, [subject(0).key])).values()))
    await write(connection, [put(0, expected=1, value="new")])
    assert (await verified(database_url, redis_url))[0] == 0, "Redis says itself that it is behind"
    await client.set(NAMES.projected, 2)
    status, said = await verified(database_url, redis_url)
    await client.aclose()
    assert status == 1
    assert "is at revision 1 in Redis, and at 2 in PostgreSQL" in said


async def test_of_many_differences_the_first_are_told(connection: Connection, database_url: str) -> None:
    await write(connection, [put(number) for number in range(25)])
    await connection.execute("UPDATE journal.head SET body = body || '\\x20'")
    status, said = await verified(database_url)
    assert status == 1
    assert "the state: 25 differences" in said
    assert said.count("has other bytes") == 20
    assert "and 5 more" in said
