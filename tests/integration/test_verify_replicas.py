"""`titan verify --url`: finds what a replica shows that does not stand, and nothing else."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.answering import Asked, answer, answering
from support.followers import projecting, relaying
from support.histories import History
from support.operating import projected, quiet, told, until, write
from support.processes import titan
from support.writes import put, removed, subject
from titan.codec.ids import encode_id
from titan.dev.processes import free_port
from titan.operate.shown import AWAY
from titan.operate.verifying import verify
from titan.storage import documents
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names

NAMES = Names()
LISTS = {f"/{collection}" for collection in ("shells", "submodels", "concept-descriptions")}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def verified(database_url: str, *urls: str) -> tuple[int, str]:
    console = quiet()
    status = await verify(database_url=database_url, redis_url=None, names=NAMES, console=console, replicas=urls)
    return status, told(console)


def path(number: int) -> str:
    return f"/submodels/{encode_id(subject(number).id)}"


async def store(connection: Connection, database_url: str, count: int) -> None:
    await write(connection, [put(number) for number in range(count)])
    async with projecting(database_url, None, NAMES):
        await projected(connection)


async def test_replicas_under_load_are_ok_at_every_moment(
    connection: Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Each look is at a system that goes on: what is shown later than the snapshot is not held against it."""
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "TITAN_MEMORY_BYTES": "100000000"}
    history = History(12, documents=30)
    done = asyncio.Event()

    async def write_much() -> None:
        for _ in range(80):
            await write(connection, history.take(6))
        done.set()

    with (
        titan(tmp_path / "1", free_port(), "read", environ=environ, wait=False) as one,
        titan(tmp_path / "2", free_port(), "read", environ=environ, wait=False) as two,
    ):
        async with relaying(database_url, redis_url, NAMES), projecting(database_url, redis_url, NAMES):

            async def are_ready() -> bool:
                return await asyncio.to_thread(lambda: one.is_ready() and two.is_ready())

            await until(are_ready, within_s=60)
            looks: list[tuple[int, str]] = []
            async with asyncio.TaskGroup() as group:
                group.create_task(write_much())
                while not done.is_set():
                    looks.append(await verified(database_url, one.url, two.url))
            looks.append(await verified(database_url, one.url, two.url))
            command = [sys.executable, "-m", "titan.main", "verify", "--each", "--url", f"{one.url}/"]
            ran = await asyncio.to_thread(
                subprocess.run,
                command,
                env={"DATABASE_URL": database_url, "REDIS_URL": redis_url},
                capture_output=True,
                text=True,
                check=False,
            )
    assert [said for status, said in looks if status] == []
    assert len(looks) > 1
    assert f", 30 at {one.url}, 30 at {two.url}." in looks[-1][1]
    assert ran.returncode == 0, ran.stderr
    assert f", 30 at {one.url}." in ran.stdout


async def test_it_finds_what_a_replica_shows_otherwise(connection: Connection, database_url: str) -> None:
    await store(connection, database_url, 5)
    await write(connection, [put(1, expected=1, value="new"), removed(2, expected=1)])
    async with projecting(database_url, None, NAMES):
        await projected(connection)
    stands = await documents.fetch(connection, [subject(number).key for number in range(5)])
    bodies = {path(number): b"".join(stands[subject(number).key].pieces) for number in range(5)}
    shown = {
        path(0): ('"1"', bodies[path(0)].replace(b"Property0", b"Property9")),
        path(1): ('"1"', bodies[path(1)]),
        path(2): ('"1"', bodies[path(2)]),
        path(4): ('"1"', bodies[path(4)]),
        "/submodels": ('"x"', b'{"paging_metadata":{},"result":[{"id":"%b"}]}' % subject(0).id.encode()),
    }

    def script(one: Asked) -> bytes:
        if one.path in LISTS - {"/submodels"}:
            return answer("200 OK", b'{"paging_metadata":{},"result":[]}')
        if one.path not in shown:
            return answer("404 Not Found", b"{}")
        etag, body = shown[one.path]
        return answer("200 OK", body, etag=etag)

    async with answering(script) as url:
        status, said = await verified(database_url, url)
    assert status == 1
    assert f"{url}: 5 differences" in said
    assert "submodels/0, revision 1, is shown with other bytes" in said
    assert "submodels/1 is shown at revision 1, and stands at 2" in said
    assert "submodels/2 is still shown, and was removed" in said
    assert "submodels/3 is not shown, and stands at revision 1" in said
    assert f"/submodels ends after 1 documents, where {subject(1).id} follows" in said


async def test_a_replica_that_is_away_is_told_and_not_called_ok(connection: Connection, database_url: str) -> None:
    await store(connection, database_url, AWAY * 4)
    nobody = f"http://127.0.0.1:{free_port()}"
    status, said = await verified(database_url, nobody)
    assert status == 1
    assert "could not be asked for: ConnectError(" in said
    assert said.splitlines()[-1].endswith(f", 0 at {nobody}.")


async def test_only_one_who_says_whether_a_document_stands_is_believed(
    connection: Connection, database_url: str
) -> None:
    await store(connection, database_url, 1)
    async with answering(lambda _: answer("503 Service Unavailable", b"{}")) as url:
        status, said = await verified(database_url, url)
    assert status == 1
    assert f"{subject(0).id} could not be asked for: Unasked('503" in said
