"""`titan dev` on real servers: starts, stops, deaths, and what is found afterwards."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from pwd import getpwnam
from shutil import rmtree
from signal import SIGINT, SIGKILL

import psycopg
import pytest
from redis import Redis

from support.dev import dev
from support.servers import Chosen
from support.trees import Ends, below
from support.waiting import eventually
from titan.dev import postgres
from titan.dev.lifeline import Identity
from titan.dev.postgres import Binaries, PostgresServer
from titan.dev.processes import answers, free_port
from titan.dev.valkey import ValkeyServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

AS_NOBODY = (
    ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    # A Python in root's home is closed to others; this lets them look, and nothing more.
    (
        *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
        *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
    ),
)
REMEMBER = "INSERT INTO mark VALUES ('kept')"
RECALL = "SELECT text FROM mark"


@pytest.fixture
def port() -> int:
    return free_port()


def remember(database_url: str, redis_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(REMEMBER)
    with Redis.from_url(redis_url) as client:
        client.set("mark", "kept")


def recall(database_url: str, redis_url: str) -> tuple[object, object]:
    with psycopg.connect(database_url) as connection, Redis.from_url(redis_url) as client:
        row = connection.execute(RECALL).fetchone()
        return (row or [None])[0], client.get("mark")


def test_a_second_start_finds_data_at_the_same_addresses(tmp_path: Path, port: int) -> None:
    with dev(tmp_path, port) as first:
        remember(first.address("PostgreSQL"), first.address("Redis"))
        assert first.stop() == 0
    with dev(tmp_path, port) as second:
        assert recall(second.address("PostgreSQL"), second.address("Redis")) == ("kept", b"kept")
    assert [first.address(name) for name in ("PostgreSQL", "Redis", "MQTT")] == [
        second.address(name) for name in ("PostgreSQL", "Redis", "MQTT")
    ]


def test_ctrl_c_stops_everything(tmp_path: Path, port: int) -> None:
    with dev(tmp_path, port) as running, Ends(below(running.child.pid)) as ends:
        assert running.stop(SIGINT) == 0
        assert ends.missing(timeout_s=0) == set()


def test_nobody_outlives_a_killed_supervisor_and_nothing_committed_is_lost(tmp_path: Path, port: int) -> None:
    with dev(tmp_path, port, replicas=2) as first:
        with psycopg.connect(first.address("PostgreSQL")) as connection:
            connection.execute(REMEMBER)
        assert len(below(first.child.pid)) > 8
        assert first.kill() == set()
    with dev(tmp_path, port) as second, psycopg.connect(second.address("PostgreSQL")) as connection:
        assert connection.execute(RECALL).fetchone() == ("kept",)


def test_everything_stops_in_order_when_make_is_killed(tmp_path: Path, port: int) -> None:
    make = ("/bin/sh", "-c", '"$0" "$@"; :')
    with dev(tmp_path, port, "with-parent", before=make) as running:
        assert running.is_ready
        assert running.kill() == set()
    assert (tmp_path / "stops").read_text() == "together\n"


def test_what_a_killed_postmaster_left_hinders_no_start(tmp_path: Path, port: int) -> None:
    """Its number may have become another process's in the meantime, here ours."""
    with dev(tmp_path, port) as first:
        assert first.kill() == set()
    (tmp_path / "data/postgres/postmaster.pid").write_text(f"{os.getpid()}\n")
    with dev(tmp_path, port) as second:
        assert second.is_ready


def test_two_do_not_share_a_data_directory(tmp_path: Path, port: int) -> None:
    with dev(tmp_path, port) as first:
        with dev(tmp_path, port) as second:
            assert not second.is_ready
            assert f"process {first.child.pid}" in second.said
            assert "TITAN_DATA_DIR" in second.said
        assert first.ask("GET", "/shells")[0] == 200


def test_a_port_that_is_taken_is_named(tmp_path: Path, port: int) -> None:
    (tmp_path / "other").mkdir()
    with dev(tmp_path, port) as first, dev(tmp_path / "other", port) as second:
        assert first.is_ready
        assert "TITAN_PORT" in second.said


def test_a_server_that_is_given_is_not_embedded(tmp_path: Path, port: int, redis_server: ValkeyServer) -> None:
    with dev(tmp_path, port, f"redis={redis_server.url()}") as running:
        assert running.address("Redis") == f"redis://127.0.0.1:{redis_server.port}/0"
        assert not (tmp_path / "data/valkey").exists()


def test_a_process_that_cannot_start_ends_it_all(tmp_path: Path, port: int) -> None:
    with dev(tmp_path, port, "ending") as running:
        assert running.child.wait(30) != 0
        assert "titan together ended with status 3" in running.said


def test_a_process_that_ends_unasked_is_started_again(tmp_path: Path, port: int) -> None:
    with dev(tmp_path, port) as running:
        running.ask("POST", "/leave/7")
        assert "ended with status 7" in running.read_until("starting it again")
        assert eventually(lambda: answers("127.0.0.1", port))
        assert running.ask("GET", "/shells")[0] == 200


def test_a_server_that_dies_is_started_again_with_its_data(tmp_path: Path, port: int) -> None:
    with dev(tmp_path, port) as running:
        database_url, redis_url = running.address("PostgreSQL"), running.address("Redis")
        remember(database_url, redis_url)
        os.kill(postmaster_of(tmp_path), SIGKILL)
        running.read_until("PostgreSQL ended with status -9")
        assert eventually(lambda: takes_connections(database_url))
        assert recall(database_url, redis_url) == ("kept", b"kept")


def test_writes_are_finished_before_readers_and_stores_go(tmp_path: Path, port: int) -> None:
    with dev(tmp_path, port, replicas=2) as running:
        assert running.stop() == 0
    stopped = (tmp_path / "stops").read_text().split()
    assert stopped[:3] == ["write", "read", "read"]
    assert sorted(stopped[3:]) == ["bridge", "projector"]


@pytest.mark.skipif(os.geteuid() != 0, reason="the run is a normal user's already")
def test_a_normal_user_can_start_it(home_of_nobody: Path, port: int) -> None:
    as_nobody = next((command for command in AS_NOBODY if can_import_us(command)), None)
    if as_nobody is None:
        pytest.skip("the user nobody cannot read this Python or this checkout")
    with dev(home_of_nobody, port, before=as_nobody) as first:
        remember(first.address("PostgreSQL"), first.address("Redis"))
        assert first.kill() == set()
    with dev(home_of_nobody, port, before=as_nobody) as second:
        assert recall(second.address("PostgreSQL"), second.address("Redis"))[0] == "kept"
        assert second.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop to another user")
def test_postgresql_runs_as_nobody_where_namespaces_are_refused(chosen: Chosen, home_of_nobody: Path) -> None:
    """And in a namespace again on the same files, if they are allowed later."""
    found = postgres.find_binaries(override=chosen.postgres_bin, search_path=chosen.search_path)
    for identity in (Identity.NOBODY, found.identity):
        server = PostgresServer(
            home_of_nobody / "postgres",
            binaries=Binaries(found.directory, found.major, identity),
            port=free_port(),
            password="secret",
            log=home_of_nobody / "postgres.log",
            is_durable=False,
        )
        server.launch()
        try:
            server.wait_ready()
            with psycopg.connect(server.url()) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS mark (text text)")
        finally:
            server.stop()


@pytest.fixture
def home_of_nobody() -> Iterator[Path]:
    """A directory that the user nobody may use; pytest's own are for their owner alone."""
    nobody = getpwnam("nobody")
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    os.chown(path, nobody.pw_uid, nobody.pw_gid)
    yield path
    rmtree(path)


def can_import_us(command: tuple[str, ...]) -> bool:
    answer = subprocess.run([*command, sys.executable, "-c", "import titan.dev.run"], check=False, capture_output=True)
    return answer.returncode == 0


def takes_connections(database_url: str) -> bool:
    try:
        with psycopg.connect(database_url):
            return True
    except psycopg.OperationalError:
        return False


def postmaster_of(directory: Path) -> int:
    return int((directory / "data/postgres/postmaster.pid").read_text().split()[0])
