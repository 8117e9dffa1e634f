"""Passwords of the stores are changed under load: nobody is started anew, and nobody notices but who was in flight."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import NamedTuple

import httpx
import psycopg
import pytest
from psycopg import sql
from redis import Redis

from support.asking import document, path_of, refused
from support.installation import Stores, installed, stores
from support.load import under_load
from support.processes import Titan, is_ready
from support.servers import Chosen
from support.waiting import eventually
from titan.metamodel.kinds import SUBMODEL

CLIENTS = 6
COMMANDS = ("write", "read", "projector", "bridge")
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'titan %'"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'titan %'"


class Store(NamedTuple):
    """A store whose password is in a file, and who may do everything in it."""

    file: Path
    owner: str

    def tell(self, password: str) -> None:
        """What a mounted Secret does: the file is another one from one moment to the next."""
        draft = self.file.with_suffix(".new")
        draft.write_text(f"{password}\n")
        draft.replace(self.file)


class Rotated(NamedTuple):
    titan: Titan
    environ: Mapping[str, str]
    postgres: Store
    redis: Store

    def pids(self) -> set[int]:
        found = [process for command in COMMANDS for process in self.titan.processes(command)]
        return {pid for process in found for pid in (process.pid, *process.workers)}

    def is_whole(self) -> bool:
        found = [process for command in COMMANDS for process in self.titan.processes(command)]
        return len(found) == 5 and all(one.workers and is_ready(one.url) for one in found)

    def checks(self, command: str) -> dict[str, dict[str, object]]:
        """What a process says of the stores."""
        process = self.titan.processes(command)[0]
        return httpx.get(f"{process.url}/health", timeout=10).json()["checks"]

    def change_role(self, password: str) -> None:
        with psycopg.connect(self.postgres.owner, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER ROLE app PASSWORD {}").format(sql.Literal(password)))

    def end_sessions(self) -> int:
        """End every connection that Titan has to PostgreSQL; gives how many there were."""
        with psycopg.connect(self.postgres.owner, autocommit=True) as connection:
            return len(connection.execute(END_ALL).fetchall())

    def sessions(self) -> int:
        with psycopg.connect(self.postgres.owner, autocommit=True) as connection:
            row = connection.execute(SESSIONS).fetchone()
        return row[0] if row else 0


@pytest.fixture(scope="module")
def _running(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotated]:
    directory = tmp_path_factory.mktemp("rotation")
    with stores(chosen, directory) as own:
        rotated = _rotated(directory, own)
        environ = own.environ | {
            "DATABASE_URL": f"postgresql://app@127.0.0.1:{own.postgres.port}/titan",
            "DATABASE_PASSWORD_FILE": str(rotated[0].file),
            "REDIS_URL": f"redis://app@127.0.0.1:{own.redis.port}/0",
            "REDIS_PASSWORD_FILE": str(rotated[1].file),
        }
        with installed(directory, environ, replicas=2) as run:
            yield Rotated(run, environ, *rotated)
        assert "secret-" not in run.said()


def _rotated(directory: Path, own: Stores) -> tuple[Store, Store]:
    """Have a role of its own in both, with a first password."""
    postgres, redis = Store(directory / "database", own.postgres.url()), Store(directory / "cache", own.redis.url())
    for store in (postgres, redis):
        store.tell("secret-first")
    with psycopg.connect(postgres.owner, autocommit=True) as connection:
        connection.execute("CREATE ROLE app LOGIN PASSWORD 'secret-first'")
        connection.execute("ALTER DATABASE titan OWNER TO app")
        connection.execute("ALTER SCHEMA public OWNER TO app")
    with Redis.from_url(redis.owner) as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">secret-first", "~*", "&*", "+@all")
    return postgres, redis


@pytest.fixture
def running(_running: Rotated) -> Iterator[Rotated]:
    """Everything runs before and after, in the same processes."""
    assert eventually(_running.is_whole, timeout_s=60), _running.titan.said()[-3000:]
    before = _running.pids()
    yield _running
    assert eventually(_running.is_whole, timeout_s=60), _running.titan.said()[-3000:]
    assert _running.pids() == before


def go_on_for(seconds: float) -> None:
    """Let the clients work; time is the subject here."""
    Event().wait(seconds)


def test_a_new_password_of_postgresql_is_taken_up_under_load(running: Rotated) -> None:
    with under_load("rolled", running.titan.url, (), clients=CLIENTS) as calm:
        go_on_for(0.5)
        running.change_role("secret-second")
        go_on_for(0.5)
        running.postgres.tell("secret-second")
        go_on_for(0.5)
    assert (calm.stale, calm.failed_writes, calm.failed_reads) == ([], [], [])
    with under_load("ended", running.titan.url, (), clients=CLIENTS) as tally:
        go_on_for(1)
        assert running.end_sessions() >= 8
        go_on_for(3)
    assert tally.stale == []
    failures = [*tally.failed_writes, *tally.failed_reads]
    # Each client has one request under way, and PostgreSQL ends sessions one after the other.
    assert len(failures) <= CLIENTS, failures
    assert all(": 503 " in failure for failure in failures), failures
    assert tally.writes > 5 * CLIENTS
    assert running.sessions() >= 8


def test_connections_that_rested_when_they_were_ended_cost_nobody_a_request(running: Rotated) -> None:
    with httpx.Client(base_url=running.titan.url, timeout=30) as client:
        for number in range(3):
            id = f"urn:rested:{number}"
            assert client.put(path_of(SUBMODEL, id), json=document(SUBMODEL, id)).status_code in {201, 204}
            running.end_sessions()
            go_on_for(0.5)
            answer = client.put(path_of(SUBMODEL, id), json=document(SUBMODEL, id, idShort="again"))
            assert answer.status_code == 204, answer.text
            assert client.get(f"{path_of(SUBMODEL, id)}/$metadata").status_code == 200


def test_a_file_that_lags_behind_postgresql_is_waited_for(running: Rotated) -> None:
    id = "urn:lagging:1"
    running.change_role("secret-third")
    running.end_sessions()
    refusal = {"status": "down", "reason": "credentials refused"}
    assert eventually(lambda: running.checks("write")["database"] == refusal, timeout_s=20), running.checks("write")
    with httpx.Client(base_url=running.titan.url, timeout=30) as client:
        answer = client.put(path_of(SUBMODEL, id), json=document(SUBMODEL, id))
        refused(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        assert "secret" not in answer.text
        running.postgres.tell("secret-third")
        assert eventually(running.is_whole, timeout_s=30)
        assert client.put(path_of(SUBMODEL, id), json=document(SUBMODEL, id)).status_code == 201
    assert running.checks("write")["database"]["status"] == "up"
    assert "refuses our credentials: see DATABASE_URL" in running.titan.said()


@pytest.mark.parametrize("command", ["migrate", "status", "verify"])
def test_commands_find_the_password_in_the_file(running: Rotated, command: str) -> None:
    argv = (sys.executable, "-m", "titan.main", command)
    done = subprocess.run(argv, env={**os.environ, **running.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secret-" not in done.stdout + done.stderr


def test_a_new_password_of_redis_is_taken_up_under_load(running: Rotated) -> None:
    with Redis.from_url(running.redis.owner) as owner, under_load("keyed", running.titan.url, (), clients=4) as tally:
        go_on_for(0.5)
        owner.execute_command("ACL", "SETUSER", "app", "resetpass", ">secret-second")
        go_on_for(0.5)
        running.redis.tell("secret-second")
        owner.execute_command("CLIENT", "KILL", "USER", "app")
        go_on_for(2)
        users = {client["user"] for client in owner.client_list()}
    assert (tally.stale, tally.failed_writes, tally.failed_reads) == ([], [], [])
    assert "app" in users
    for command in ("write", "read"):
        assert eventually(lambda command=command: running.checks(command)["redis"]["status"] == "up", timeout_s=20)


def test_a_file_that_lags_behind_redis_costs_no_request(running: Rotated) -> None:
    refusal = {"status": "down", "reason": "credentials refused"}
    with Redis.from_url(running.redis.owner) as owner, under_load("unkeyed", running.titan.url, (), clients=4) as tally:
        owner.execute_command("ACL", "SETUSER", "app", "resetpass", ">secret-third")
        owner.execute_command("CLIENT", "KILL", "USER", "app")
        assert eventually(lambda: running.checks("read")["redis"] == refusal, timeout_s=20), running.checks("read")
        go_on_for(0.5)
        running.redis.tell("secret-third")
        assert eventually(lambda: running.checks("read")["redis"]["status"] == "up", timeout_s=20)
        go_on_for(0.5)
    assert (tally.stale, tally.failed_writes, tally.failed_reads) == ([], [], [])
