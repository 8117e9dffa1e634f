"""The projector: every event once and in order, whatever is killed, trimmed or flushed under it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import psycopg
import pytest
from msgspec import structs

from support.followers import projecting, relaying
from support.writes import put, removed, subject
from titan.codec.parts import Chunk
from titan.dev.postgres import PostgresServer
from titan.dev.valkey import ValkeyServer
from titan.events.facts import ELEMENT_REPLACED, Changed, DocumentPut, Recorded, Rows
from titan.events.project import facet
from titan.storage import documents, journal, listings, migrating, parked, redis
from titan.storage.cache import Cache
from titan.storage.life import life
from titan.storage.membership import Level, Membership, Watermark
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names
from titan.storage.stream import Stream

NAMES = Names()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def _until(holds: Callable[[], Awaitable[bool]], *, within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110  # it happens elsewhere, where no event is set
            await asyncio.sleep(0.02)  # noqa: TID251  # polled: the processes under test say nothing


async def _projected(connection: Connection, position: int) -> None:
    async def holds() -> bool:
        return await listings.bookmark(connection) >= position

    await _until(holds)


async def _cached(url: str, position: int, *, names: Names = NAMES) -> str:
    """Wait until Redis knows the journal up to a position; gives the generation."""
    client = redis.connect(url)

    async def holds() -> bool:
        return int(await client.get(names.projected) or -1) >= position

    await _until(holds)
    generation = redis.value(await client.get(names.generation))
    await client.aclose()
    return (generation or b"").decode()


async def _ids(connection: Connection) -> list[bytes]:
    page = await listings.page(connection, "submodel", (), after=0, limit=10_000)
    return [place.key for place in page.places]


async def _check_all(connection: Connection, url: str, count: int) -> None:
    """Everything is listed once, in the order of creation, and what Redis has is what stands."""
    generation = await _cached(url, await journal.last(connection))
    keys = await _ids(connection)
    assert keys == [subject(number).key for number in range(count)]
    client = redis.connect(url)
    cache = Cache(client, NAMES)
    stand = await documents.fetch(connection, keys)

    async def filled() -> bool:
        return all([(await cache.get(generation, key)).document is not None for key in keys])

    await _until(filled)
    for key in keys:
        cached = (await cache.get(generation, key)).document
        assert cached is not None
        assert (cached.revision, b"".join(cached.pieces)) == (stand[key].revision, b"".join(stand[key].pieces))
    await client.aclose()


async def test_what_is_written_is_listed_found_and_cached(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):
        await journal.append(connection, [put(0), put(1, elements=40, text_bytes=4000), put(2)])
        await journal.append(connection, [put(0, expected=1, value="new"), removed(2, expected=1)])
        await _projected(connection, 5)
        await _check_all(connection, redis_url, 2)
        found = await listings.page(
            connection, "submodel", (facet("submodel", "idShort", "Submodel1"),), after=0, limit=10
        )
        assert [place.id for place in found.places] == [subject(1).id]
        gone = await listings.page(
            connection, "submodel", (facet("submodel", "idShort", "Submodel2"),), after=0, limit=10
        )
        assert gone.places == []


async def test_a_change_of_one_branch_reaches_the_cache_as_one_chunk(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    chunk = Chunk(id_shorts=("Property4",), body=b'{"modelType":"Capability","idShort":"Property4"}')
    large = put(0, elements=40, text_bytes=4000)
    assert isinstance(large.fact, DocumentPut)
    rows = Rows(chunks=((1, chunk),), count=len(large.fact.parts.chunks))
    fact = Changed(ELEMENT_REPLACED, "Property4", chunk.body, rows)
    async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):
        await journal.append(connection, [large])
        await _check_all(connection, redis_url, 1)
        await journal.append(connection, [Recorded(subject(0), expected=1, fact=fact)])
        await _projected(connection, 2)
        await _check_all(connection, redis_url, 1)


async def test_a_projector_that_is_stopped_goes_on_where_it_was(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    async with relaying(database_url, redis_url, NAMES):
        for number in range(5):
            async with projecting(database_url, redis_url, NAMES):
                await journal.append(connection, [put(number)])
                if number % 2:
                    await _projected(connection, number + 1)
        async with projecting(database_url, redis_url, NAMES):
            await _check_all(connection, redis_url, 5)


async def test_a_trimmed_stream_costs_nothing_but_time(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    await journal.append(connection, [put(number) for number in range(50)])
    client = redis.connect(redis_url)
    await Stream(client, NAMES, kept=1000).publish(await journal.after(connection, 0), life=await life(connection))
    await client.xtrim(NAMES.stream, maxlen=3, approximate=False)
    await client.aclose()
    async with projecting(database_url, redis_url, NAMES):
        await _projected(connection, 50)
        await _check_all(connection, redis_url, 50)


async def test_a_flushed_redis_is_filled_again_and_nothing_is_lost(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    client = redis.connect(redis_url)
    async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):
        await journal.append(connection, [put(number) for number in range(20)])
        first = await _cached(redis_url, 20)
        await client.flushdb()
        await journal.append(connection, [put(20)])
        await _projected(connection, 21)
        assert await _cached(redis_url, 21) != first
        await _check_all(connection, redis_url, 21)
    await client.aclose()


async def test_nothing_is_believed_of_a_redis_that_knew_another_journal(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    """As after a restore, with a Redis that was left as it was: all its positions are possible, and none is true."""
    await journal.append(connection, [put(number) for number in range(5)])
    client = redis.connect(redis_url)
    await client.set(NAMES.generation, "0123456789ab-12345678")
    await client.set(NAMES.projected, 4)
    await client.set(NAMES.watermark, 4)
    last = (await journal.after(connection, 4))[0]
    foreign = [structs.replace(last, position=position, key=b"foreign", revision=9) for position in range(1, 20)]
    await Stream(client, NAMES, kept=1000).publish(foreign, life="0123456789ab")
    assert await Watermark(client, NAMES).now(await life(connection)) == Level(-1, 0, projecting=False)
    async with projecting(database_url, redis_url, NAMES):
        await _projected(connection, 5)
        await _check_all(connection, redis_url, 5)
        async with relaying(database_url, redis_url, NAMES):
            await journal.append(connection, [put(number) for number in range(5, 10)])
            await _projected(connection, 10)
            await _check_all(connection, redis_url, 10)
    await client.aclose()


async def test_a_redis_older_than_it_was_gets_a_new_generation(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    client = redis.connect(redis_url)
    async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):
        await journal.append(connection, [put(number) for number in range(5)])
        first = await _cached(redis_url, 5)
        await client.set(NAMES.projected, 3)

        async def renewed() -> bool:
            return redis.value(await client.get(NAMES.generation)) != first.encode()

        await _until(renewed)
        await _check_all(connection, redis_url, 5)
    await client.aclose()


async def test_events_that_are_published_twice_are_projected_once(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    client = redis.connect(redis_url)
    stream = Stream(client, NAMES, kept=1000)
    await journal.append(connection, [put(number) for number in range(10)])
    events = await journal.after(connection, 0)
    for batch in (events, events[3:], events):
        await stream.publish(batch, life=await life(connection))
    assert await client.xlen(NAMES.stream) == 10
    async with projecting(database_url, redis_url, NAMES):
        await _projected(connection, 10)
        await _check_all(connection, redis_url, 10)
    await client.aclose()


async def test_without_redis_the_journal_is_followed(connection: Connection, database_url: str) -> None:
    async with projecting(database_url, None, NAMES):
        await journal.append(connection, [put(number) for number in range(10)])
        await _projected(connection, 10)
        assert len(await _ids(connection)) == 10


async def test_redis_may_be_killed_and_comes_back_to_the_truth(
    connection: Connection, database_url: str, redis_server: ValkeyServer
) -> None:
    url = redis_server.url()
    async with relaying(database_url, url, NAMES), projecting(database_url, url, NAMES):
        await journal.append(connection, [put(number) for number in range(10)])
        await _cached(url, 10)
        redis_server.kill()
        await journal.append(connection, [put(number) for number in range(10, 20)])
        await _projected(connection, 20)
        redis_server.launch()
        redis_server.wait_ready()
        await journal.append(connection, [put(20)])
        await _projected(connection, 21)
        await _check_all(connection, url, 21)


async def test_of_two_projectors_one_waits_until_the_other_is_gone(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    async with projecting(database_url, redis_url, NAMES):
        async with projecting(database_url, redis_url, NAMES):
            await journal.append(connection, [put(number) for number in range(10)])
            await _projected(connection, 10)
        await journal.append(connection, [put(10)])
        await _projected(connection, 11)
    assert len(await _ids(connection)) == 11


async def test_an_event_that_cannot_be_projected_is_parked_and_the_rest_goes_on(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    await journal.append(connection, [put(0), put(1), put(2)])
    await connection.execute("UPDATE journal.event SET body = 'no json' WHERE position = 2")
    async with projecting(database_url, redis_url, NAMES):
        await _projected(connection, 3)
    assert [one.position for one in await parked.parked(connection)] == [2]
    assert await _ids(connection) == [subject(0).key, subject(2).key]


async def test_a_parked_event_does_not_stop_a_projector_that_tells_redis_what_it_missed(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    client = redis.connect(redis_url)
    await journal.append(connection, [put(0), put(1), put(2)])
    await connection.execute("UPDATE journal.event SET body = 'no json' WHERE position = 2")
    async with projecting(database_url, redis_url, NAMES):
        await _cached(redis_url, 3)
    # As if it had been killed between PostgreSQL and Redis.
    await client.delete(NAMES.announcements)
    await client.set(NAMES.projected, 1)
    async with projecting(database_url, redis_url, NAMES):
        await _cached(redis_url, 3)
        await journal.append(connection, [put(3)])
        await _projected(connection, 4)
    await client.aclose()


async def test_what_is_answered_by_the_bookmark_alone_survives_a_crash_of_the_database(
    postgres_server: PostgresServer,
) -> None:
    """Without Redis lists are shown as soon as the read model says so, and must not go back behind that."""
    url = postgres_server.url()
    migrating.migrate(url)
    for number in range(4):
        connection = await connect(url, name="test")
        async with projecting(url, None, NAMES):
            await journal.append(connection, [put(number)])
            await _projected(connection, number + 1)
            postgres_server.kill()
        with suppress(psycopg.Error):
            await connection.close()
        postgres_server.launch()
        postgres_server.wait_ready()
        connection = await connect(url, name="test")
        assert await listings.bookmark(connection) == number + 1
        await connection.close()


async def test_where_the_database_forgot_what_redis_knows_nobody_joins_behind_that(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    async with projecting(database_url, redis_url, NAMES):
        await journal.append(connection, [put(number) for number in range(3)])
        await _cached(redis_url, 3)
    # As after a crash of a database that commits the read model later than the journal.
    await connection.execute("UPDATE read.bookmark SET position = 1 WHERE name = 'projector'")
    await connection.execute("DELETE FROM read.listing WHERE sort > 1")
    blocking = redis.connect_blocking(redis_url, timeout_s=1)
    replica = Membership(blocking, NAMES, replica="one", lease_ms=60_000)
    client = redis.connect(redis_url)
    before = await client.get(NAMES.generation)
    async with connection.transaction(), projecting(database_url, redis_url, NAMES):
        await connection.execute("LOCK TABLE read.listing")

        async def begun() -> bool:
            return await client.get(NAMES.generation) != before

        await _until(begun)
        assert await asyncio.to_thread(replica.join) is None
    async with projecting(database_url, redis_url, NAMES):

        async def joins() -> bool:
            joined = await asyncio.to_thread(replica.join)
            assert joined is None or joined.position >= 3
            return joined is not None

        await _until(joins)
    blocking.close()
    await client.aclose()


async def test_everybody_goes_on_after_tables_were_away_for_a_moment(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    """As while a dump is loaded by hand: no error of the database ends who follows it."""
    async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):
        await journal.append(connection, [put(0)])
        await _cached(redis_url, 1)
        for table in ("journal.event", "read.bookmark", "read.listing"):
            name = table.partition(".")[2]
            await connection.execute(f"ALTER TABLE {table} RENAME TO away")
            await connection.execute("SELECT pg_notify('titan_journal', '999')")
            await asyncio.sleep(0.5)  # noqa: TID251  # that everybody looks and is disappointed takes time
            await connection.execute(f"ALTER TABLE {table.partition('.')[0]}.away RENAME TO {name}")
        await journal.append(connection, [put(1)])
        await _cached(redis_url, 2)
    assert await parked.parked(connection) == []
