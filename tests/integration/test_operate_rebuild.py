"""`titan rebuild`: the same read model again, while everything runs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from support.followers import projecting, relaying
from support.histories import History
from support.operating import projected, quiet, told, until, write
from support.processes import titan
from support.writes import put, subject
from titan.codec.ids import encode_id
from titan.dev.processes import free_port
from titan.operate.rebuilding import rebuild
from titan.storage import listings, parked, redis
from titan.storage import rebuild as tables
from titan.storage.cache import Announcer
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names

NAMES = Names()

DUMP = b"""
SELECT l.*, (SELECT array_agg(f.facet ORDER BY f.facet) FROM read.facet f WHERE f.sort = l.sort)
  FROM read.listing l
 ORDER BY l.kind, l.sort
"""

# Everything that the catalogue says of the schema, without numbers that differ from life to life.
SCHEMA = b"""
SELECT c.relname, c.relkind::text, c.relpersistence::text, c.reloptions::text,
       CASE c.relkind WHEN 'i' THEN pg_get_indexdef(c.oid) END,
       (SELECT array_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                                   a.attcollation::regcollation, a.attstorage, a.attcompression)
                         ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
       (SELECT array_agg(o.conname || ' ' || pg_get_constraintdef(o.oid) ORDER BY o.conname)
          FROM pg_constraint o WHERE o.conrelid = c.oid)
  FROM pg_class c
 WHERE c.relnamespace = 'read'::regnamespace AND c.relkind IN ('r', 'i')
 ORDER BY c.relname
"""


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def rows(connection: Connection, query: bytes) -> list[tuple[object, ...]]:
    return await (await connection.execute(query)).fetchall()


async def test_a_rebuilt_read_model_is_the_same_as_the_one_that_followed(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    history = History(1, documents=60)
    async with projecting(database_url, redis_url, NAMES):
        for size in (1, 7, 200, 30, 90):
            await write(connection, history.take(size))
        await projected(connection)
    before = await rows(connection, DUMP)
    assert await rebuild(database_url=database_url, redis_url=redis_url, names=NAMES, console=quiet()) == 0
    assert await rows(connection, DUMP) == before
    assert len(before) > 20


async def test_a_read_model_that_is_lost_comes_back_without_a_projector(
    connection: Connection, database_url: str
) -> None:
    history = History(2, documents=20)
    await write(connection, history.take(100))
    assert await rebuild(database_url=database_url, redis_url=None, names=NAMES, console=quiet()) == 0
    rebuilt = await rows(connection, DUMP)
    assert await listings.bookmark(connection) == 100
    await connection.execute("TRUNCATE read.listing, read.facet")
    await connection.execute("UPDATE read.bookmark SET position = 0")
    async with projecting(database_url, None, NAMES):
        await projected(connection)
    assert await rows(connection, DUMP) == rebuilt


async def test_the_schema_is_the_same_as_before(connection: Connection, database_url: str) -> None:
    await write(connection, [put(0)])
    before = await rows(connection, SCHEMA)
    assert await rebuild(database_url=database_url, redis_url=None, names=NAMES, console=quiet()) == 0
    assert await rows(connection, SCHEMA) == before
    assert {"listing", "facet", "listing_key_key", "facet_sort_idx"} <= {row[0] for row in before}
    left = await rows(connection, b"SELECT nspname FROM pg_namespace WHERE nspname = 'read_next'")
    assert left == []


async def _write_much(database_url: str, done: asyncio.Event) -> None:
    connection = await connect(database_url, name="test writer")
    history = History(3, documents=40)
    for number in range(60):
        await write(connection, [*history.take(8), put(number)])
    await connection.close()
    done.set()


async def _count_ours(database_url: str, done: asyncio.Event) -> list[int]:
    """How many of the documents that are never removed were listed, look by look."""
    connection = await connect(database_url, name="test reader")
    ours = {subject(number).key for number in range(60)}
    counts: list[int] = []
    while not done.is_set():
        page = await listings.page(connection, "submodel", (), after=0, limit=1000)
        counts.append(sum(place.key in ours for place in page.places))
    await connection.close()
    return counts


async def test_projector_and_readers_go_on_over_rebuilds(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    """Written, listed and rebuilt at once, on connections whose statements are prepared."""
    done = asyncio.Event()
    rebuilds = 0
    async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):
        async with asyncio.TaskGroup() as group:
            group.create_task(_write_much(database_url, done))
            counting = group.create_task(_count_ours(database_url, done))
            while not done.is_set():
                assert await rebuild(database_url=database_url, redis_url=redis_url, names=NAMES, console=quiet()) == 0
                rebuilds += 1
        await projected(connection)
        followed = await rows(connection, DUMP)
    assert rebuilds > 1
    counts = counting.result()
    assert counts == sorted(counts), "a list went backwards"
    await rebuild(database_url=database_url, redis_url=None, names=NAMES, console=quiet())
    assert await rows(connection, DUMP) == followed


async def _listed(client: httpx.AsyncClient) -> list[str]:
    """All that a replica lists, page by page."""
    ids: list[str] = []
    params = {"limit": "15"}
    while True:
        answer = await client.get("/submodels", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids += [one["id"] for one in page["result"]]
        if "cursor" not in page["paging_metadata"]:
            return ids
        params["cursor"] = page["paging_metadata"]["cursor"]


async def _read_all(url: str, wanted: list[str], done: asyncio.Event) -> int:
    """Look until it is done whether a replica lists and shows just these documents; gives how often."""
    rounds = 0
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        while not done.is_set() or not rounds:
            assert await _listed(client) == wanted
            id = wanted[rounds % len(wanted)]
            answer = await client.get(f"/submodels/{encode_id(id)}")
            assert (answer.status_code, answer.json()["id"]) == (200, id)
            rounds += 1
    return rounds


async def test_a_replica_lists_and_shows_everything_while_it_is_rebuilt(
    connection: Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Over HTTP, in a process of its own: no error, nothing lacks, nothing comes twice."""
    await write(connection, [put(number) for number in range(40)])
    wanted = [subject(number).id for number in range(40)]
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    done = asyncio.Event()
    async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):
        await projected(connection)
        # Started beside the loop, which the projector needs meanwhile.
        replica = titan(tmp_path, free_port(), "read", environ=environ)
        run = await asyncio.to_thread(replica.__enter__)
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(_read_all(run.url, wanted, done))
                for _ in range(4):
                    status = await rebuild(database_url=database_url, redis_url=redis_url, names=NAMES, console=quiet())
                    assert status == 0
                done.set()
            assert reading.result() > 1
        finally:
            await asyncio.to_thread(replica.__exit__, None, None, None)


async def test_redis_gets_a_new_generation(connection: Connection, database_url: str, redis_url: str) -> None:
    client = redis.connect(redis_url)
    announcer = Announcer(client, NAMES, lease_ms=400)
    known: list[str | None] = [None]

    async def is_new() -> bool:
        generation, _ = await announcer.where()
        is_new = generation not in known
        known.append(generation)
        return is_new

    async with projecting(database_url, redis_url, NAMES):
        await until(is_new)
        assert await rebuild(database_url=database_url, redis_url=redis_url, names=NAMES, console=quiet()) == 0
        await until(is_new)
    await client.aclose()


async def test_a_document_that_cannot_be_projected_is_parked_and_found_again_once_it_can(
    connection: Connection, database_url: str
) -> None:
    await write(connection, [put(0), put(1), put(2)])
    await connection.execute("UPDATE journal.head SET body = 'no json', id = 'x' WHERE position = 2")
    await rebuild(database_url=database_url, redis_url=None, names=NAMES, console=quiet())
    assert [one.position for one in await parked.parked(connection)] == [2]
    assert len(await rows(connection, DUMP)) == 2
    await connection.execute("UPDATE journal.head SET body = '{}' WHERE position = 2")
    await rebuild(database_url=database_url, redis_url=None, names=NAMES, console=quiet())
    assert await parked.parked(connection) == []
    assert len(await rows(connection, DUMP)) == 3


async def test_of_two_rebuilds_the_second_leaves_the_first_alone(connection: Connection, database_url: str) -> None:
    assert await tables.alone(connection)
    assert await rebuild(database_url=database_url, redis_url=None, names=NAMES, console=quiet()) == 2


async def test_who_reads_for_long_is_waited_for_and_nobody_waits_behind(
    connection: Connection, database_url: str
) -> None:
    await write(connection, [put(0)])
    console = quiet()
    long = await connect(database_url, name="test long")
    async with asyncio.TaskGroup() as group, long.transaction():
        await rows(long, b"SELECT count(*) FROM read.facet")
        rebuilding = group.create_task(rebuild(database_url=database_url, redis_url=None, names=NAMES, console=console))

        async def is_waiting() -> bool:
            return "wait until nobody reads" in told(console)

        await until(is_waiting)
        async with asyncio.timeout(5):
            assert (await listings.page(connection, "submodel", (), after=0, limit=1)).places == []
        assert not rebuilding.done()
    await long.close()
    assert rebuilding.result() == 0
    assert len((await listings.page(connection, "submodel", (), after=0, limit=1)).places) == 1
