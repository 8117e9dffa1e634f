"""`titan status`: where everything stands."""

from collections.abc import AsyncIterator

import pytest

from support import servers
from support.followers import projecting
from support.operating import projected, quiet, told, until, write
from support.servers import Chosen
from support.writes import put, removed
from titan.errors import Misconfigured, Unavailable
from titan.operate.status import show, status
from titan.storage import journal, parked, redis, schema
from titan.storage.membership import Membership
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names
from titan.storage.stream import Stream

NAMES = Names()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def test_positions_replicas_and_what_is_stored_are_told(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    async with projecting(database_url, redis_url, NAMES):
        await write(connection, [put(0), put(1), removed(1, expected=1)])
        await projected(connection)
        asynchronous = redis.connect(redis_url)
        await Stream(asynchronous, NAMES, kept=1000).publish(await journal.after(connection, 0), life="")
        await asynchronous.aclose()
        client = redis.connect_blocking(redis_url)
        membership = Membership(client, NAMES, replica="reader-1", lease_ms=60_000)

        async def is_finished() -> bool:
            found = await status(database_url=database_url, redis_url=redis_url, names=NAMES)
            return found.redis is not None and found.redis.projected == 3

        await until(is_finished)
        joined = membership.join()
        assert joined is not None
        found = await status(database_url=database_url, redis_url=redis_url, names=NAMES)
        membership.leave()
        client.close()
    assert (found.schema, found.position, found.bookmark) == (schema.KNOWN, 3, 3)
    assert found.documents == {"submodel": 1}
    assert found.parked == []
    assert {"journal.event", "journal.head", "read.listing", "database"} <= found.sizes.keys()
    assert found.redis is not None
    assert (found.redis.stream_end, found.redis.stream_length) == (3, 3)
    assert found.redis.projector_lives
    assert found.redis.generation == joined.generation
    assert [(one.name, one.position) for one in found.redis.replicas] == [("reader-1.1", 3)]
    assert 0 < found.redis.replicas[0].lease_ms <= 60_000
    console = quiet()
    show(found, console)
    assert "reader-1" in told(console)
    assert "No projector is alive" not in told(console)


async def test_what_is_behind_and_what_is_parked_is_told(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    await write(connection, [put(number) for number in range(5)])
    await parked.park(connection, 2, follower="projector", key=b"k", error="DecodeError('[bold]')")
    found = await status(database_url=database_url, redis_url=redis_url, names=NAMES)
    assert (found.position, found.bookmark) == (5, 0)
    assert found.redis is not None
    assert (found.redis.stream_end, found.redis.projected, found.redis.replicas) == (None, None, [])
    console = quiet()
    show(found, console)
    assert "No projector is alive" in told(console)
    assert "Parked: 2 of projector" in told(console)
    assert "DecodeError('[bold]')" in told(console)


async def test_a_redis_that_is_away_is_shown(database_url: str) -> None:
    found = await status(database_url=database_url, redis_url="redis://127.0.0.1:1/0", names=NAMES)
    assert found.redis is None
    console = quiet()
    show(found, console)
    assert "Redis is away" in told(console)


async def test_a_redis_that_may_evict_leases_is_warned_of(
    database_url: str, chosen: Chosen, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They are among the few keys that expire, so that `volatile-*` takes them first, and `allkeys-*` as any other."""
    with (
        servers.private_redis(chosen, tmp_path_factory.mktemp("redis")) as private,
        redis.connect_blocking(private.url()) as client,
    ):
        for policy in ("noeviction", "volatile-lru", "allkeys-lru"):
            client.config_set("maxmemory-policy", policy)
            found = await status(database_url=database_url, redis_url=private.url(), names=NAMES)
            console = quiet()
            show(found, console)
            assert (f"maxmemory-policy {policy}" in told(console)) is (policy != "noeviction")


async def test_a_database_without_schema_is_told(empty_database_url: str) -> None:
    with pytest.raises(Misconfigured, match="titan migrate"):
        await status(database_url=empty_database_url, redis_url=None, names=NAMES)


async def test_a_database_that_is_away_is_no_status() -> None:
    with pytest.raises(Unavailable):
        await status(database_url="postgresql://nobody@127.0.0.1:1/nothing", redis_url=None, names=NAMES)
