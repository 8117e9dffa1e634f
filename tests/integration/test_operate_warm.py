"""`titan warm`: what replicas will be asked for, they have."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.answering import Asked, answer, answering
from support.followers import projecting
from support.operating import projected, quiet, told, until, write
from support.processes import Titan, titan
from support.writes import put, subject
from titan.codec.ids import encode_id
from titan.dev.processes import free_port
from titan.errors import Unavailable
from titan.operate.replicas import each
from titan.operate.warming import AWAY, warm
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names

NAMES = Names()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def store(connection: Connection, database_url: str, count: int) -> None:
    await write(connection, [put(number) for number in range(count)])
    async with projecting(database_url, None, NAMES):
        await projected(connection)


async def warmed(database_url: str, *urls: str, limit: int | None = None) -> tuple[int, str]:
    console = quiet()
    status = await warm(urls, database_url=database_url, limit=limit, console=console, concurrency=4)
    return status, told(console)


def path(number: int) -> str:
    return f"/submodels/{encode_id(subject(number).id)}"


async def figures(run: Titan) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{run.url}/metrics")).text
    families = text_string_to_metric_families(text)
    return {f"{s.name}{s.labels.get('level', '')}": s.value for family in families for s in family.samples}


async def test_every_replica_answers_from_memory_what_it_was_warmed_with(
    connection: Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    await write(connection, [put(number) for number in range(30)])
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    async with projecting(database_url, redis_url, NAMES):
        await projected(connection)
        with (
            titan(tmp_path / "1", free_port(), "read", environ=environ) as one,
            titan(tmp_path / "2", free_port(), "read", environ=environ) as two,
        ):
            for run in (one, two):

                async def is_fresh(run: Titan = run) -> bool:
                    return (await figures(run)).get("titan_lease_valid", 0) == 1

                await until(is_fresh)
            command = [sys.executable, "-m", "titan.main", "warm", "--url", one.url, "--url", f"{two.url}/"]
            done = await asyncio.to_thread(
                subprocess.run, command, env={**os.environ, **environ}, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout.count(": 33 answers, ") == 2
            for run in (one, two):
                before = await figures(run)
                assert before["titan_memory_entries"] == 33
                async with httpx.AsyncClient(base_url=run.url) as client:
                    for asked in (path(0), path(29), "/submodels", "/shells"):
                        assert (await client.get(asked)).status_code == 200
                after = await figures(run)
                assert after["cache_hits_totalmemory"] - before["cache_hits_totalmemory"] == 4


async def test_of_a_number_of_documents_the_newest_come_last(connection: Connection, database_url: str) -> None:
    await store(connection, database_url, 10)
    asked: list[str] = []

    def script(one: Asked) -> bytes:
        asked.append(one.path)
        return answer("200 OK", b"{}")

    async with answering(script) as url:
        console = quiet()
        status = await warm([url], database_url=database_url, limit=3, console=console, concurrency=1)
    assert status == 0
    assert asked == ["/shells", "/submodels", "/concept-descriptions", path(7), path(8), path(9)]


async def test_what_a_replica_refuses_is_told_and_fails_the_command(connection: Connection, database_url: str) -> None:
    await store(connection, database_url, 10)

    def script(one: Asked) -> bytes:
        return answer("500 Internal Server Error" if one.path == path(3) else "200 OK", b"{}")

    async with answering(script) as url:
        status, said = await warmed(database_url, url)
    assert status == 1
    assert f"{url}{path(3)}: 500 Internal Server Error" in said
    assert said.splitlines()[-1].startswith(f"{url}: 12 answers, 26 bytes, ")
    assert said.endswith(", 1 failed\n")


async def test_what_was_removed_meanwhile_is_no_failure(connection: Connection, database_url: str) -> None:
    await store(connection, database_url, 3)

    def script(one: Asked) -> bytes:
        return answer("404 Not Found" if one.path == path(1) else "200 OK")

    async with answering(script) as url:
        status, said = await warmed(database_url, url)
    assert status == 0
    assert said.endswith(", 1 gone meanwhile\n")


async def test_a_replica_that_is_away_is_given_up_and_the_others_are_warmed(
    connection: Connection, database_url: str
) -> None:
    await store(connection, database_url, AWAY * 2)
    asked: list[str] = []

    def script(one: Asked) -> bytes:
        asked.append(one.path)
        return answer("200 OK")

    nobody = f"http://127.0.0.1:{free_port()}"
    async with answering(script) as url:
        status, said = await warmed(database_url, url, nobody)
    assert status == 2
    assert len(asked) == AWAY * 2 + 3
    assert f"{nobody}/shells: ConnectError(" in said
    assert said.splitlines()[-1].endswith(" failed, given up")


async def test_each_address_of_a_name_is_a_replica() -> None:
    assert await each(["http://127.0.0.1:8080", "http://[::1]:8080/api/v3"]) == [
        "http://127.0.0.1:8080",
        "http://[::1]:8080/api/v3",
    ]
    assert "http://127.0.0.1:8080" in await each(["http://localhost:8080"])
    with pytest.raises(Unavailable, match=r"nobody\.invalid"):
        await each(["http://nobody.invalid:8080"])
