"""Embedded servers and the fixtures that give them to tests."""

import sys
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from redis import Redis
from redis.exceptions import RedisError

from support import servers
from support.servers import Chosen
from titan.dev import mqtt, postgres
from titan.dev.mqtt import Broker, MqttServer
from titan.dev.postgres import PostgresServer
from titan.dev.processes import free_port
from titan.dev.valkey import ValkeyServer
from titan.errors import Misconfigured
from titan.storage import schema

SCHEMA_REVISION = "SELECT version_num FROM public.alembic_version"
OWN_TABLE = "CREATE TABLE mark (text text)"
FILL = "INSERT INTO mark SELECT 'kept' FROM generate_series(1, 1000)"
COUNT = "SELECT count(*) FROM mark"
COLLATION = "SELECT datlocprovider, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
DURABILITY = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('data_checksums')"


def test_a_test_has_a_database_with_the_schema(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute(SCHEMA_REVISION).fetchone() == (schema.KNOWN,)


@pytest.mark.parametrize("turn", [1, 2])
def test_a_database_has_nothing_of_the_test_before(database_url: str, turn: int) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(OWN_TABLE)


@pytest.mark.parametrize("turn", [1, 2])
def test_redis_has_nothing_of_the_test_before(redis_url: str, turn: int) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.set("mark", turn, nx=True)


def test_a_killed_postgresql_has_all_that_was_committed(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url()) as connection:
        connection.execute(OWN_TABLE)
        connection.execute(FILL)
    postgres_server.kill()
    postgres_server.launch()
    postgres_server.wait_ready()
    with psycopg.connect(postgres_server.url()) as connection:
        assert connection.execute(COUNT).fetchone() == (1000,)


def test_a_stopped_redis_has_all_that_was_written(redis_server: ValkeyServer) -> None:
    with Redis.from_url(redis_server.url()) as client:
        client.xadd("titan:events", {"body": "kept"}, id="7-0")
    redis_server.stop()
    redis_server.launch()
    redis_server.wait_ready()
    with Redis.from_url(redis_server.url()) as client:
        assert client.xlen("titan:events") == 1


def test_servers_ask_for_the_password(postgres_server: PostgresServer, redis_server: ValkeyServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://titan@127.0.0.1:{postgres_server.port}/titan")
    with (
        Redis(port=redis_server.port) as client,
        pytest.raises(RedisError, match="authenticate"),
    ):
        client.ping()


def test_a_server_for_people_is_durable_and_sorts_alike_everywhere(chosen: Chosen, tmp_path: Path) -> None:
    binaries = postgres.find_binaries(override=chosen.postgres_bin, search_path=chosen.search_path)
    server = PostgresServer(
        tmp_path / "postgres", binaries=binaries, port=free_port(), password="secret", log=tmp_path / "log"
    )
    server.launch()
    try:
        server.wait_ready()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute(DURABILITY).fetchone() == ("on", "on", "on")
            assert connection.execute(COLLATION).fetchone() == ("b" if binaries.major >= 17 else "c", "UTF8")
    finally:
        server.stop()


def test_every_postgresql_of_this_machine_works(chosen: Chosen, tmp_path: Path) -> None:
    """The wheel is young: whatever else is there must do instead of it."""
    for directory in postgres._candidates(chosen.search_path):
        found = postgres._try(directory)
        if found is None or found.major < 15:
            continue
        log = tmp_path / "log"
        server = PostgresServer(
            tmp_path / str(found.major), binaries=found, port=free_port(), password="secret", log=log, is_durable=False
        )
        server.launch()
        try:
            server.wait_ready()
            with psycopg.connect(server.url()) as connection:
                assert connection.info.server_version // 10_000 == found.major
        finally:
            server.stop()


def test_files_of_a_release_that_is_not_here_are_refused_with_a_sentence(chosen: Chosen) -> None:
    with pytest.raises(Misconfigured, match=r"release 9, which wrote the files.*TITAN_PG_BIN"):
        postgres.find_binaries(override=chosen.postgres_bin, search_path=chosen.search_path, major=9)


@pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5], ids=str)
@pytest.mark.parametrize("is_the_wheels", [True, False], ids=["wheel", "found"])
def test_a_broker_delivers(
    chosen: Chosen, tmp_path: Path, version: MQTTProtocolVersion, *, is_the_wheels: bool
) -> None:
    found = mqtt.find_broker(search_path=chosen.search_path)
    broker = Broker(Path(sys.executable), is_full=False) if is_the_wheels else found
    server = MqttServer(tmp_path, broker=broker, port=free_port(), port_v5=free_port(), log=tmp_path / "log")
    server.launch()
    try:
        server.wait_ready()
        port = server.port if version is MQTTProtocolVersion.MQTTv311 else server.port_v5
        # A document may be large, and iotcore's own limit is 20 KB.
        body = b"x" * 1_000_000
        assert delivered(version, server.host, port, body) == [body]
    finally:
        server.stop()


def delivered(version: MQTTProtocolVersion, host: str, port: int, body: bytes) -> list[bytes]:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=version)
    received: list[bytes] = []
    client.on_message = lambda _client, _data, message: received.append(bytes(message.payload))
    client.connect(host, port)
    client.subscribe("titan/#", qos=1)
    client.publish("titan/shells/x", body, qos=1)
    _turn(client, until=lambda: bool(received))
    client.disconnect()
    client._reset_sockets()  # which paho leaves to the garbage collector
    return received


def _turn(client: paho.Client, *, until: Callable[[], bool]) -> None:
    for _ in range(500):
        if until():
            return
        client.loop(timeout=0.1)


def test_the_broker_of_the_run_takes_connections(mqtt_broker: tuple[str, int]) -> None:
    assert delivered(MQTTProtocolVersion.MQTTv311, *mqtt_broker, b"x") == [b"x"]


def test_a_wish_for_servers_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(Misconfigured, match="may be auto, docker, embedded, external"):
        servers.choose({"TITAN_TEST_BACKEND": "podman"})
    with pytest.raises(Misconfigured, match="no such servers"):
        servers.choose({"TITAN_TEST_BACKEND": "external"})
    with pytest.raises(Misconfigured, match="no such servers"):
        servers.choose({"TITAN_TEST_BACKEND": "docker", "DOCKER_HOST": "tcp://127.0.0.1:1"})
