"""Redis gets as many documents as it has room for, and what cannot get there in time keeps nobody waiting."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest

from support.followers import projecting, relaying
from support.gate import gate
from support.writes import put, subject
from titan.dev.valkey import ValkeyServer
from titan.events.project import Pieced
from titan.projector.copies import operations
from titan.storage import documents, journal, listings, redis
from titan.storage.cache import Cache
from titan.storage.journal import BATCH_BYTES
from titan.storage.life import life
from titan.storage.membership import Membership, Watermark
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names

NAMES = Names()
MB = 1024 * 1024


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def _until(holds: Callable[[], Awaitable[bool]], *, within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110  # it happens elsewhere, where no event is set
            await asyncio.sleep(0.02)  # noqa: TID251  # polled: the processes under test say nothing


async def _visible(connection: Connection, url: str, position: int) -> None:
    """Wait until Redis says that everybody shows what happened up to a position."""
    client = redis.connect(url)
    watermark, journals = Watermark(client, NAMES), await life(connection)

    async def holds() -> bool:
        return (await watermark.now(journals)).watermark >= position

    await _until(holds)
    await client.aclose()


async def _copies(connection: Connection, url: str) -> dict[bytes, int]:
    """The revision of each document that Redis has; none of them is another than what stands."""
    client = redis.connect(url)
    cache = Cache(client, NAMES)
    generation = (redis.value(await client.get(NAMES.generation)) or b"").decode()
    page = await listings.page(connection, "submodel", (), after=0, limit=10_000)
    stand = await documents.fetch(connection, [place.key for place in page.places])
    found = {key: (await cache.get(generation, key)).document for key in stand}
    await client.aclose()
    copies = {key: copy for key, copy in found.items() if copy is not None}
    for key, copy in copies.items():
        assert (copy.revision, b"".join(copy.pieces)) == (stand[key].revision, b"".join(stand[key].pieces))
    return {key: copy.revision for key, copy in copies.items()}


async def test_what_a_batch_says_is_bounded_by_bytes_and_the_rest_is_dropped(connection: Connection) -> None:
    for number in range(50):
        await journal.append(connection, [put(number, elements=16, text_bytes=64_000)])
    changed: list[Pieced] = []
    while events := await journal.after(connection, len(changed)):
        changed += [Pieced(event) for event in events]
    said = await operations(connection, changed, b"prefix:")
    assert said.count(b"P") == 8
    assert said.count(b"D") == 42
    assert sum(map(len, said)) < BATCH_BYTES + 10_000


async def test_a_chunk_that_changes_often_in_a_batch_is_fetched_once(connection: Connection) -> None:
    """And a chunk may be as large as one element: what does not fit is dropped."""
    for number in range(3):
        await journal.append(connection, [put(number, elements=2, text_bytes=3 * MB)])
    parts = [(subject(number).key, ordinal) for number in range(3) for ordinal in (0, 1)]
    found = await documents.chunks(connection, parts)
    assert len(found) == 2
    assert sum(len(row.body) for row in found.values()) < BATCH_BYTES


async def test_a_document_larger_than_a_batch_keeps_nobody_waiting_and_is_never_put_into_redis(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    there = urlsplit(redis_url)
    async with gate(there.hostname or "", there.port or 0) as passing:
        slow = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{passing.port}")).geturl()
        passing.delay(0.01)
        await journal.append(connection, [put(0), put(1, elements=1, text_bytes=20 * MB)])
        async with projecting(database_url, slow, NAMES):
            await _visible(connection, redis_url, 2)
            await journal.append(connection, [put(1, expected=1, value="2", elements=20, text_bytes=MB)])
            await journal.append(connection, [put(2)])
            await _visible(connection, redis_url, 4)
            copies = await _copies(connection, redis_url)
    assert copies == {subject(0).key: 1, subject(2).key: 1}


async def test_a_batch_that_does_not_get_to_redis_in_time_is_said_without_its_documents(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    there = urlsplit(redis_url)
    async with gate(there.hostname or "", there.port or 0) as passing:
        slow = there._replace(netloc=there.netloc.replace(f":{there.port}", f":{passing.port}")).geturl()
        async with projecting(database_url, slow, NAMES):
            await journal.append(connection, [put(0)])
            await _visible(connection, redis_url, 1)
            passing.delay(0.05)
            await journal.append(connection, [put(1, elements=60, text_bytes=100_000)])
            await _visible(connection, redis_url, 2)
            copies = await _copies(connection, redis_url)
    assert copies == {subject(0).key: 1}


COUNT = 250


async def _limit(url: str, size_bytes: int) -> None:
    client = redis.connect(url)
    await client.config_set("maxmemory-policy", "noeviction")
    await client.config_set("maxmemory", size_bytes)
    await client.aclose()


async def _used(url: str) -> int:
    client = redis.connect(url)
    told = await client.info("memory")
    await client.aclose()
    return int(told["used_memory"])


async def _comes_back(connection: Connection, url: str, number: int) -> None:
    """Wait until documents are kept again once they change."""

    async def kept() -> bool:
        kept = 0
        for _ in range(3):
            standing = (await documents.look(connection, [subject(number).key])).get(subject(number).key)
            revision = standing.revision if standing else 0
            await journal.append(connection, [put(number, expected=revision, value=str(revision))])
            await _visible(connection, url, await journal.last(connection))
            kept = (await _copies(connection, url)).get(subject(number).key, 0)
        return kept > 0

    await _until(kept)


async def _joined(replica: Membership) -> str:
    """Take a lease; gives the generation."""
    generations: list[str] = []

    async def joins() -> bool:
        joined = await asyncio.to_thread(replica.join)
        generations.extend([joined.generation] if joined is not None else [])
        return joined is not None

    await _until(joins)
    return generations[0]


async def test_a_redis_that_is_smaller_than_the_data_keeps_fewer_copies_and_nobody_waits(
    connection: Connection, database_url: str, redis_server: ValkeyServer
) -> None:
    url = redis_server.url()
    await _limit(url, 8 * MB)
    async with projecting(database_url, url, NAMES):
        for number in range(COUNT):
            await journal.append(connection, [put(number, text_bytes=60_000)])
            if number % 25 == 24:
                await _visible(connection, url, number + 1)
        await _comes_back(connection, url, 0)
        assert len(await _copies(connection, url)) < 8 * MB / 60_000
        assert await _used(url) < 10 * MB
        await _limit(url, 200 * MB)
        await _comes_back(connection, url, COUNT)


async def test_a_cache_is_filled_as_far_as_there_is_room(
    connection: Connection, database_url: str, redis_server: ValkeyServer
) -> None:
    url = redis_server.url()
    await _limit(url, 16 * MB)
    for number in range(COUNT):
        await journal.append(connection, [put(number, text_bytes=120_000)])
    async with projecting(database_url, url, NAMES):
        await _visible(connection, url, COUNT)
        await _comes_back(connection, url, COUNT)
        assert 10 < len(await _copies(connection, url)) < COUNT / 2
        assert await _used(url) < 30 * MB


async def test_a_redis_that_others_fill_is_told_what_changed_and_keeps_its_leases(
    connection: Connection, database_url: str, redis_server: ValkeyServer
) -> None:
    """The stream of events may fill it as well: followers read the journal then."""
    url = redis_server.url()
    blocking = redis.connect_blocking(url)
    replica = Membership(blocking, NAMES, replica="one", lease_ms=60_000)
    late = Membership(blocking, NAMES, replica="two", lease_ms=60_000)
    client = redis.connect(url)
    async with relaying(database_url, url, NAMES), projecting(database_url, url, NAMES):
        await journal.append(connection, [put(number, text_bytes=60_000) for number in range(20)])
        await _visible(connection, url, 20)
        # While the projector's own lease lapses, nobody joins or reports.
        generation = await _joined(replica)
        await client.set("stranger", b"x" * 8 * MB)
        await _limit(url, 8 * MB)
        for number in range(20, 60):
            await journal.append(connection, [put(number, text_bytes=60_000)])

        async def told() -> bool:
            announced = await asyncio.to_thread(replica.read, 20, block_ms=100)
            return bool(announced) and announced[-1].upto == 60

        await _until(told)
        watermark, journals = Watermark(client, NAMES), await life(connection)
        assert (await watermark.now(journals)).watermark == 20, "one replica has not reported yet"

        async def reports() -> bool:
            return await asyncio.to_thread(replica.report, 60, generation) is not None

        await _until(reports)
        await _visible(connection, url, 60)
        assert await _joined(late) == generation
        await asyncio.to_thread(late.leave)
        await asyncio.to_thread(replica.leave)

        async def freed() -> bool:
            return not await _copies(connection, url)

        await _until(freed)
        await client.delete("stranger")
        await _comes_back(connection, url, 60)
    await client.aclose()
    blocking.close()
