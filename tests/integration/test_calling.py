"""The projector says in PostgreSQL how far every replica is, for whoever Redis does not tell."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from support.followers import LEASE_MS, projecting, relaying
from support.operating import until
from support.writes import put
from titan.dev.valkey import ValkeyServer
from titan.projector.run import LEAD
from titan.storage import journal
from titan.storage.membership import Membership
from titan.storage.notices import VISIBLE, Notices, call_out
from titan.storage.postgres import Connection, connect, lead
from titan.storage.redis import Names, connect_blocking
from titan.tasks import beside

NAMES = Names()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def _visible(notices: Notices, position: int) -> None:
    async def holds() -> bool:
        return notices.position(VISIBLE) >= position

    await until(holds)


async def test_what_a_replica_has_not_forgotten_is_not_called_visible(
    database_url: str, redis_url: str, connection: Connection
) -> None:
    notices = Notices(database_url)
    client = connect_blocking(redis_url)
    replica = Membership(client, NAMES, replica="one", lease_ms=60_000)
    async with (
        relaying(database_url, redis_url, NAMES),
        projecting(database_url, redis_url, NAMES),
        beside(notices.run()),
    ):
        await journal.append(connection, [put(1)])
        await _visible(notices, 1)
        joined = await asyncio.to_thread(replica.join)
        assert joined is not None
        await journal.append(connection, [put(2)])
        await asyncio.sleep(LEASE_MS / 1000)  # noqa: TID251 - that nothing is said takes time
        assert notices.position(VISIBLE) == 1
        assert await asyncio.to_thread(replica.report, 2, joined.generation) is not None
        await _visible(notices, 2)
    client.close()


async def test_without_redis_the_read_model_counts_once_no_lease_can_stand_any_more(
    database_url: str, redis_server: ValkeyServer, connection: Connection
) -> None:
    url, notices = redis_server.url(), Notices(database_url)
    async with relaying(database_url, url, NAMES), projecting(database_url, url, NAMES), beside(notices.run()):
        await journal.append(connection, [put(1)])
        await _visible(notices, 1)
        redis_server.kill()
        killed_at = time.monotonic()
        await journal.append(connection, [put(2)])
        await _visible(notices, 2)
        # The last renewal was a quarter of a lease before, at most.
        assert time.monotonic() - killed_at > 1.7 * LEASE_MS / 1000
        await journal.append(connection, [put(3)])
        await _visible(notices, 3)


async def test_of_who_no_longer_leads_nothing_is_heard(database_url: str, connection: Connection) -> None:
    notices = Notices(database_url)
    leading, calling = [await connect(database_url, name="test") for _ in range(2)]
    pid = leading.info.backend_pid
    async with beside(notices.run()):
        await lead(leading, LEAD)

        async def heard() -> bool:
            assert await call_out(calling, 1, leader=pid)
            return notices.position(VISIBLE) == 1

        await until(heard)
        await connection.execute("SELECT pg_terminate_backend(%s::int4, 5000)", [pid])
        assert not await call_out(calling, 3, leader=pid)
        await lead(connection, LEAD)
        assert not await call_out(calling, 4, leader=pid)
        assert await call_out(calling, 5, leader=connection.info.backend_pid)
        await _visible(notices, 5)

    for one in (leading, calling):
        await one.close()
