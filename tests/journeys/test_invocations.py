"""What was invoked outlives the process that carries it out: as a result, or as the truth that there is none."""

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from support.asking import document, path_of
from support.processes import Titan, titan
from support.targets import Targets, serving
from support.waiting import eventually
from titan.dev.processes import free_port
from titan.metamodel.kinds import SUBMODEL

ID = "urn:titan:invoked"
KEPT_S = 3
SHUTDOWN_S = 6
Tier = Callable[[str], AbstractContextManager[Titan]]


@pytest.fixture
def tier(database_url: str, redis_url: str, tmp_path: Path) -> Tier:
    """Starts a process of a tier."""
    ports = iter(free_port() for _ in range(9))

    @contextmanager
    def started(command: str) -> Generator[Titan]:
        port = next(ports)
        environ = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "TITAN_WRITE_VISIBILITY": "journal",
            "TITAN_OPERATION_TARGETS": "127.0.0.0/8",
            "TITAN_OPERATION_RESULT_TTL": str(KEPT_S),
            "TITAN_SHUTDOWN_S": str(SHUTDOWN_S),
        }
        with titan(tmp_path / f"{command}-{port}", port, command, environ=environ) as run:
            yield run

    return started


async def invoke(writer: Titan, way: str) -> str:
    """Path at which the status is asked for."""
    async with httpx.AsyncClient(base_url=writer.url) as client:
        answer = await client.post(f"{path_of(SUBMODEL, ID)}/submodel-elements/{way}/invoke-async", json={})
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


async def store(writer: Titan, targets: Targets) -> None:
    took = {"modelType": "Property", "idShort": "took", "valueType": "xs:double"}
    operations = [
        {
            "modelType": "Operation",
            "idShort": way,
            "outputVariables": [{"value": took}],
            "qualifiers": [{"type": "invocationDelegation", "valueType": "xs:string", "value": f"{targets.url}/{way}"}],
        }
        for way in ("echo", "slow")
    ]
    async with httpx.AsyncClient(base_url=writer.url) as client:
        answer = await client.post("/submodels", json=document(SUBMODEL, ID, submodelElements=operations))
    assert answer.status_code == 201, answer.text


def state(reader: Titan, status: str) -> str:
    """The state of an invocation, by way of the redirect; empty where nobody knows it."""
    answer = httpx.get(f"{reader.url}{status}", follow_redirects=True)
    return answer.json()["executionState"] if answer.status_code == 200 else ""


async def test_what_a_killed_writer_carried_out_is_told_as_failed_and_not_repeated(tier: Tier) -> None:
    async with serving() as targets:
        with tier("read") as reader, tier("write") as staying:
            with tier("write") as killed:
                await store(staying, targets)
                lost = await invoke(killed, "slow")
                await targets.reached.wait()
                others = await invoke(staying, "slow")
                assert state(reader, lost) == state(reader, others) == "Running"
                for process in killed.processes("write"):
                    process.send(signal.SIGKILL)
                killed.child.kill()
                killed.child.wait()
            with tier("write"):
                assert await asyncio.to_thread(eventually, lambda: state(reader, lost) == "Failed")
                assert "server stopped" in told(reader, lost)
                # What another writer carries out goes on, however long it takes.
                assert state(reader, others) == "Running"
                targets.released.set()
                assert await asyncio.to_thread(eventually, lambda: state(reader, others) == "Completed")
                assert [path for path, _ in targets.asked] == ["/slow", "/slow"]
                assert state(reader, lost) == "Failed"


async def test_a_result_is_forgotten_and_deleted_when_its_time_is_over(tier: Tier, database_url: str) -> None:
    async with serving() as targets:
        with tier("read") as reader, tier("write") as writer:
            await store(writer, targets)
            status = await invoke(writer, "echo")
            assert await asyncio.to_thread(eventually, lambda: state(reader, status) == "Completed")
            assert await asyncio.to_thread(eventually, lambda: state(reader, status) == "")
            assert await asyncio.to_thread(eventually, lambda: rows(database_url) == 0)


async def test_a_writer_that_is_told_to_stop_finishes_what_it_carries_out(tier: Tier) -> None:
    async with serving() as targets:
        with tier("read") as reader, tier("write") as writer:
            await store(writer, targets)
            status = await invoke(writer, "slow")
            await targets.reached.wait()
            writer.child.terminate()
            targets.released.set()
            assert await asyncio.to_thread(writer.child.wait, 30) == 0, writer.said()[-2000:]
            assert state(reader, status) == "Completed"


async def test_a_writer_that_is_told_to_stop_says_what_it_could_not_finish(tier: Tier) -> None:
    async with serving() as targets:
        with tier("read") as reader, tier("write") as writer:
            await store(writer, targets)
            status = await invoke(writer, "slow")
            await targets.reached.wait()
            writer.child.terminate()
            assert await asyncio.to_thread(writer.child.wait, 30) == 0, writer.said()[-2000:]
            # At once: the lease has not run out yet.
            assert state(reader, status) == "Failed"


def told(reader: Titan, status: str) -> str:
    answer = httpx.get(f"{reader.url}{status.replace('/operation-status/', '/operation-results/')}")
    return answer.json()["messages"][0]["text"]


def rows(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM journal.invocation").fetchone()
    return row[0] if row else 0
