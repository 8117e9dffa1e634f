"""A database that says nothing at all: who waits for it is told so in time, and comes back by itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from support.gate import Gate, gate
from titan.errors import Unavailable
from titan.storage.postgres import CONNECTION_S, WRITING, Pool, alive, bounded, connect, pool, reachable

QUESTION = "SELECT 1"
KEEPALIVES = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


def by_way_of(url: str, passing: Gate) -> str:
    parts = urlsplit(url)
    name = parts.netloc.rpartition("@")[0]
    return urlunsplit(
        parts._replace(netloc=f"{name}@127.0.0.1:{passing.port}" if name else f"127.0.0.1:{passing.port}")
    )


@pytest.fixture
async def passing(database_url: str) -> AsyncIterator[Gate]:
    parts = urlsplit(database_url)
    async with gate(parts.hostname or "", parts.port or 0) as passing:
        yield passing


@pytest.fixture
async def lending(database_url: str, passing: Gate) -> AsyncIterator[Pool]:
    async with pool(by_way_of(database_url, passing), name="test", size=4) as lending:
        yield lending


async def ask(lending: Pool, *, statement_s: float) -> float:
    """Ask something; gives how long it took until the database was said to be away."""
    began = time.monotonic()
    with pytest.raises(Unavailable), reachable():
        async with lending.connection(statement_s=statement_s) as connection:
            await connection.execute(QUESTION)
    return time.monotonic() - began


async def test_an_answer_is_not_waited_for_longer_than_was_said(lending: Pool, passing: Gate) -> None:
    await alive(lending)
    passing.hold_answers()
    assert await ask(lending, statement_s=0.2) < CONNECTION_S


async def test_who_asks_after_somebody_found_it_away_is_told_quickly(lending: Pool, passing: Gate) -> None:
    await alive(lending)
    passing.hold_answers()
    await ask(lending, statement_s=0.2)
    took = await asyncio.gather(*(ask(lending, statement_s=0.2) for _ in range(20)))
    assert max(took) < CONNECTION_S / 2


async def test_it_is_asked_again_once_it_answers(lending: Pool, passing: Gate) -> None:
    await alive(lending)
    passing.hold_answers()
    await ask(lending, statement_s=0.2)
    passing.open()
    async with asyncio.timeout(10):
        while True:
            try:
                await alive(lending)
            except Unavailable:
                continue
            break


async def test_its_health_is_told_while_it_is_silent(lending: Pool, passing: Gate) -> None:
    await alive(lending)
    passing.hold_answers()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await alive(lending)
    assert time.monotonic() - began < CONNECTION_S


async def test_a_connection_that_is_kept_is_given_up_as_well(database_url: str, passing: Gate) -> None:
    connection = await connect(by_way_of(database_url, passing), name="test")
    passing.hold_answers()
    with pytest.raises(Unavailable), reachable(), bounded(connection, 0.2):
        await connection.execute(QUESTION)
    assert connection.closed


async def test_a_server_is_told_to_notice_that_we_are_gone_without_a_word(database_url: str) -> None:
    """It would keep our locks for two hours, and nobody else could lead."""
    connection = await connect(database_url, name="test")
    async with pool(database_url, name="test", size=1) as lending, lending.connection() as lent:
        for one in (connection, lent):
            told = [await (await one.execute(f"SHOW {name}".encode())).fetchone() for name in KEEPALIVES]
            assert told == [(value,) for value in KEEPALIVES.values()]
    await connection.close()


async def test_a_writer_that_stands_still_does_not_keep_the_lock_of_all_writers(database_url: str) -> None:
    connection = await connect(database_url, name="test", options=WRITING)
    row = await (await connection.execute("SHOW idle_in_transaction_session_timeout")).fetchone()
    assert row == ("10s",)
    await connection.close()
