"""`titan events`: what was parked is shown, and put right from how its document stands."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from support.followers import projecting, relaying
from support.histories import History
from support.operating import projected, quiet, told, until, write
from support.writes import put, removed, subject
from titan.errors import Misconfigured
from titan.operate import parking
from titan.operate.rebuilding import rebuild
from titan.operate.verifying import verify
from titan.storage import listings, parked, redis
from titan.storage.cache import Announcer
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names

NAMES = Names()
ROOT = Path(__file__).resolve().parents[2]
DUMP = b"""
SELECT l.*, (SELECT array_agg(f.facet ORDER BY f.facet) FROM read.facet f WHERE f.sort = l.sort)
  FROM read.listing l
 ORDER BY l.kind, l.sort
"""


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def rows(connection: Connection, query: bytes) -> list[tuple[object, ...]]:
    return await (await connection.execute(query)).fetchall()


async def spoil(connection: Connection, position: int) -> None:
    """Make an event one that no projector can follow; its document stands as it stood."""
    await connection.execute("UPDATE journal.event SET body = 'no json' WHERE position = %s", [position])


async def follow(database_url: str, connection: Connection, redis_url: str | None = None) -> None:
    async with projecting(database_url, redis_url, NAMES):
        await projected(connection)


async def retried(database_url: str, *positions: int, redis_url: str | None = None) -> tuple[int, str]:
    console = quiet()
    status = await parking.retry(
        positions,
        everything=not positions,
        database_url=database_url,
        redis_url=redis_url,
        names=NAMES,
        console=console,
    )
    return status, told(console)


async def test_what_is_parked_is_shown_with_its_document(connection: Connection, database_url: str) -> None:
    await write(connection, [put(0), put(1), put(0, expected=1, value="new")])
    await spoil(connection, 3)
    await follow(database_url, connection)
    found = await parking.parked(database_url=database_url)
    console = quiet()
    parking.show(found, console, as_json=False)
    assert [word in told(console) for word in ("position", "3", subject(0).id, "replaced", "DecodeError")] == [True] * 5
    console = quiet()
    parking.show(found, console, as_json=True)
    (one,) = (msgspec.json.decode(line) for line in told(console).splitlines())
    assert one.keys() == {"position", "follower", "document", "fact", "since", "error"}
    assert (one["position"], one["follower"], one["fact"]) == (3, "projector", "replaced")
    assert one["document"] == f"submodel {subject(0).id}"


async def test_what_is_put_right_is_listed_as_if_it_had_been_followed(
    connection: Connection, database_url: str
) -> None:
    await write(connection, [put(0), put(1), put(2)])
    await write(connection, [put(1, expected=1, value="new"), removed(2, expected=1), put(3), put(0, expected=1)])
    for position in (2, 4, 6, 7):
        await spoil(connection, position)
    await follow(database_url, connection)
    assert [one.position for one in await parked.parked(connection)] == [2, 4, 6, 7]
    status, said = await retried(database_url)
    assert (status, said.splitlines()[-1]) == (0, "4 events are put right, 0 stay parked.")
    assert await parked.parked(connection) == []
    put_right = await rows(connection, DUMP)
    assert await rebuild(database_url=database_url, redis_url=None, names=NAMES, console=quiet()) == 0
    assert await rows(connection, DUMP) == put_right
    assert len(put_right) == 3


async def test_an_old_event_is_not_followed_over_newer_ones(connection: Connection, database_url: str) -> None:
    """The document was replaced since, and then removed: what is put right is that."""
    await write(connection, [put(0), put(1)])
    await spoil(connection, 1)
    await spoil(connection, 2)
    await write(connection, [put(0, expected=1, value="new"), removed(1, expected=1)])
    await follow(database_url, connection)
    before = await rows(connection, DUMP)
    assert (await retried(database_url))[0] == 0
    assert await rows(connection, DUMP) == before


async def test_a_document_that_came_back_is_listed_once(connection: Connection, database_url: str) -> None:
    """The removal could not be followed, so that the row of its former life was left."""
    await write(connection, [put(0)])
    await follow(database_url, connection)
    await write(connection, [removed(0, expected=1), put(0, expected=2)])
    await connection.execute("UPDATE read.bookmark SET position = 3")
    await parked.park(connection, 2, follower="projector", key=subject(0).key, error="once")
    assert (await retried(database_url))[0] == 0
    assert [row[1] for row in await rows(connection, DUMP)] == [3]


async def test_what_the_projector_has_yet_to_come_to_is_left_to_it(connection: Connection, database_url: str) -> None:
    await write(connection, [put(0), put(1)])
    await follow(database_url, connection)
    await write(connection, [removed(0, expected=1), put(0, expected=2), removed(0, expected=3), put(0, expected=4)])
    await parked.park(connection, 1, follower="projector", key=subject(0).key, error="once")
    await parked.park(connection, 4, follower="projector", key=subject(0).key, error="just now")
    status, said = await retried(database_url)
    assert status == 1
    assert "Position 4 stays parked: the projector is just coming to it." in said
    assert [one.position for one in await parked.parked(connection)] == [4]
    await follow(database_url, connection)
    assert [row[1] for row in await rows(connection, DUMP)] == [2, 6]


async def test_what_fails_again_stays_parked_with_its_new_error(connection: Connection, database_url: str) -> None:
    await write(connection, [put(0), put(1)])
    await spoil(connection, 1)
    await follow(database_url, connection)
    (before,) = await parked.parked(connection)
    await connection.execute("UPDATE journal.head SET kind = 'unheard of' WHERE position = 1")
    status, said = await retried(database_url)
    assert status == 1
    assert "Position 1, submodel https://example.com/submodels/0, stays parked: KeyError('unheard of')" in said
    (after,) = await parked.parked(connection)
    assert (after.error, after.since) == ("KeyError('unheard of')", before.since)


async def test_what_the_database_refuses_stays_parked(connection: Connection, database_url: str) -> None:
    await write(connection, [put(0), put(1)])
    await spoil(connection, 1)
    await follow(database_url, connection)
    await connection.execute("ALTER TABLE read.listing ADD CHECK (sort > 1)")
    assert (await retried(database_url))[0] == 1
    (after,) = await parked.parked(connection)
    assert after.error.startswith("CheckViolation")


async def test_retrying_may_be_repeated(connection: Connection, database_url: str) -> None:
    await write(connection, [put(0), put(1)])
    await spoil(connection, 1)
    await spoil(connection, 2)
    await follow(database_url, connection)
    assert await retried(database_url, 1) == (0, "1 events are put right, 0 stay parked.\n")
    once = await rows(connection, DUMP)
    assert await retried(database_url, 1) == (0, "Position 1 is not parked.\nNothing is to be done.\n")
    assert await rows(connection, DUMP) == once
    assert [one.position for one in await parked.parked(connection)] == [2]


async def test_it_must_be_said_what_to_retry(database_url: str) -> None:
    command = [sys.executable, "-m", "titan.main", "events", "retry"]
    environ = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    refused = await asyncio.to_thread(run)
    assert (refused.returncode, "titan events retry POSITION" in refused.stderr) == (2, True)
    assert (await asyncio.to_thread(run, "--all")).stdout == "Nothing is to be done.\n"
    assert "Position 7 is not parked." in (await asyncio.to_thread(run, "7", "8")).stdout
    with pytest.raises(Misconfigured):
        await parking.retry((), everything=False, database_url="", redis_url=None, names=NAMES, console=quiet())


async def test_what_was_put_right_is_told_to_redis_by_a_new_generation(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    client = redis.connect(redis_url)
    announcer = Announcer(client, NAMES, lease_ms=400)
    await write(connection, [put(0), put(1)])
    await spoil(connection, 2)
    async with projecting(database_url, redis_url, NAMES):
        await projected(connection)

        async def knows_all() -> bool:
            return (await announcer.where())[1] == 2

        await until(knows_all)
        before, _ = await announcer.where()
        assert (await retried(database_url, redis_url=redis_url))[0] == 0

        async def is_filled() -> bool:
            generation, _ = await announcer.where()
            if generation is None or generation == before:
                return False
            return bool(await client.exists(NAMES.document(generation) + subject(1).key))

        await until(is_filled)
    await connection.execute(
        "UPDATE journal.event e SET body = h.body FROM journal.head h WHERE h.position = e.position AND e.position = 2"
    )
    status = await verify(database_url=database_url, redis_url=redis_url, names=NAMES, console=quiet())
    await client.aclose()
    assert status == 0


async def test_a_redis_that_does_not_hear_of_it_is_told(connection: Connection, database_url: str) -> None:
    await write(connection, [put(0)])
    await spoil(connection, 1)
    await follow(database_url, connection)
    status, said = await retried(database_url, redis_url="redis://127.0.0.1:1/0")
    assert status == 2
    assert "Redis is away" in said
    assert await parked.parked(connection) == []


async def test_a_running_projector_and_retries_leave_the_read_model_as_a_rebuild_would(
    connection: Connection, database_url: str, redis_url: str
) -> None:
    """Everything is said to be parked again and again, under writes: whatever is put right, what follows fits."""
    history = History(21, documents=25)
    done = asyncio.Event()

    async def write_much() -> None:
        writer = await connect(database_url, name="test writer")
        for _ in range(60):
            await write(writer, history.take(6))
        await writer.close()
        done.set()

    async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):
        async with asyncio.TaskGroup() as group:
            group.create_task(write_much())
            while not done.is_set():
                await connection.execute(
                    "INSERT INTO read.parked SELECT position, 'projector', key, 'made up', now() FROM journal.head"
                    " ON CONFLICT DO NOTHING"
                )
                await retried(database_url)
        await projected(connection)
        await connection.execute("DELETE FROM read.parked WHERE error = 'made up'")
    assert await parked.parked(connection) == []
    followed = await rows(connection, DUMP)
    await rebuild(database_url=database_url, redis_url=None, names=NAMES, console=quiet())
    assert await rows(connection, DUMP) == followed
    assert await listings.bookmark(connection) == 360
