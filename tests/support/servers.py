"""Real servers for tests: which kind this run uses, and how a test gets one that is its own.

`TITAN_TEST_BACKEND` chooses among

- `docker`: containers, by testcontainers;
- `embedded`: the servers of `titan dev`, from wheels or from the machine;
- `external`: servers that are there, named by `TITAN_TEST_DATABASE_URL` (whose user may create databases),
  `TITAN_TEST_REDIS_URL` (whose databases are flushed) and `TITAN_TEST_MQTT` (HOST:PORT);
- `auto`, the default: the first of these that is to be had.

Each worker of xdist has servers of its own, so that nothing is shared but external ones. Servers start when the first
test asks for them. The PostgreSQL that tests share runs without fsync, for speed: what a power cut does is no subject
of theirs. A server that a test may kill is always an embedded one, because it takes a process to be killed.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal
from uuid import uuid4

import psycopg
from msgspec import Struct
from psycopg import sql
from redis import Redis

from titan.dev import mqtt, postgres, valkey
from titan.dev.mqtt import MqttServer
from titan.dev.postgres import PostgresServer
from titan.dev.processes import free_port
from titan.dev.valkey import ValkeyServer
from titan.errors import Misconfigured

Backend = Literal["docker", "embedded", "external"]

_PASSWORD = "of-a-test"
_SOCKETS_OF_DOCKER = ("/var/run/docker.sock", "~/.docker/run/docker.sock")


class Chosen(Struct, frozen=True, kw_only=True):
    """What this run uses."""

    backend: Backend
    environ: Mapping[str, str]

    @property
    def search_path(self) -> str:
        return self.environ.get("PATH", "")

    @property
    def postgres_bin(self) -> Path | None:
        named = self.environ.get("TITAN_PG_BIN")
        return Path(named) if named else None

    @property
    def mqtt_is_full(self) -> bool:
        """Whether the broker keeps the whole of MQTT 5."""
        return self.backend != "embedded" or mqtt.find_broker(search_path=self.search_path).is_full

    @property
    def described(self) -> str:
        """For the header of the run, so that its log says what was really tested."""
        if self.backend != "embedded":
            return self.backend
        binaries = postgres.find_binaries(override=self.postgres_bin, search_path=self.search_path)
        redis = valkey.find_program(search_path=self.search_path)
        broker = mqtt.find_broker(search_path=self.search_path)
        return (
            f"embedded (PostgreSQL {binaries.major} from {binaries.directory}, {redis.name} from {redis.parent}, "
            f"{'mosquitto' if broker.is_full else 'iotcore'})"
        )


def choose(environ: Mapping[str, str]) -> Chosen:
    """What `TITAN_TEST_BACKEND` asks for, or the first that is to be had.

    Raises:
        Misconfigured: where it asks for what is not there.
    """
    wanted = environ.get("TITAN_TEST_BACKEND") or "auto"
    possible: dict[str, Callable[[], bool]] = {
        "docker": lambda: _docker_answers(environ),
        "embedded": lambda: _can_embed(environ),
        "external": lambda: "TITAN_TEST_DATABASE_URL" in environ,
    }
    if wanted not in {"auto", *possible}:
        raise Misconfigured(f"TITAN_TEST_BACKEND is {wanted!r}; it may be auto, {', '.join(possible)}.")
    for backend in ("docker", "embedded", "external"):
        if wanted in {"auto", backend} and possible[backend]():
            return Chosen(backend=backend, environ=environ)
    raise Misconfigured(f"TITAN_TEST_BACKEND={wanted}: there are no such servers here.")


def _docker_answers(environ: Mapping[str, str]) -> bool:
    # Looked at first, because importing its client takes half a second.
    if "DOCKER_HOST" not in environ and not any(Path(path).expanduser().exists() for path in _SOCKETS_OF_DOCKER):
        return False
    from support import containers  # noqa: PLC0415 - the same half second

    return containers.docker_answers(environ)


def _can_embed(environ: Mapping[str, str]) -> bool:
    chosen = Chosen(backend="embedded", environ=environ)
    try:
        return bool(chosen.described)
    except Misconfigured:
        return False


@contextmanager
def shared_postgres(chosen: Chosen, directory: Path) -> Generator[str]:
    """URL of a PostgreSQL for all tests of this worker, as a user who may create databases."""
    if chosen.backend == "external":
        yield chosen.environ["TITAN_TEST_DATABASE_URL"]
    elif chosen.backend == "docker":
        from support import containers  # noqa: PLC0415 - slow to import, and rarely there

        with containers.postgres() as url:
            yield url
    else:
        with private_postgres(chosen, directory) as server:
            yield server.url()


@contextmanager
def shared_redis(chosen: Chosen, directory: Path) -> Generator[str]:
    """URL of a Redis-compatible server for all tests of this worker, without the number of a database."""
    if chosen.backend == "external":
        yield chosen.environ["TITAN_TEST_REDIS_URL"].rstrip("/")
    elif chosen.backend == "docker":
        from support import containers  # noqa: PLC0415 - slow to import, and rarely there

        with containers.redis() as url:
            yield url
    else:
        with private_redis(chosen, directory) as server:
            yield server.url().removesuffix("/0")


@contextmanager
def shared_mqtt(chosen: Chosen, directory: Path) -> Generator[tuple[str, int]]:
    """Host and port of a broker for all tests of this worker, for MQTT 3.1.1."""
    if chosen.backend == "external":
        host, _, port = chosen.environ["TITAN_TEST_MQTT"].rpartition(":")
        yield host, int(port)
    elif chosen.backend == "docker":
        from support import containers  # noqa: PLC0415 - slow to import, and rarely there

        with containers.mqtt() as address:
            yield address
    else:
        with private_mqtt(chosen, directory) as server:
            yield server.host, server.port


@contextmanager
def private_postgres(chosen: Chosen, directory: Path) -> Generator[PostgresServer]:
    """A PostgreSQL that a test may stop, kill and launch again, with an empty database `titan`."""
    directory.mkdir(parents=True, exist_ok=True)
    server = PostgresServer(
        directory / "postgres",
        binaries=postgres.find_binaries(override=chosen.postgres_bin, search_path=chosen.search_path),
        port=free_port(),
        password=_PASSWORD,
        log=directory / "postgres.log",
        is_durable=False,
    )
    with ExitStack() as stack:
        stack.callback(server.process.kill)
        server.launch()
        server.wait_ready()
        yield server


@contextmanager
def private_redis(chosen: Chosen, directory: Path) -> Generator[ValkeyServer]:
    """A Valkey that a test may stop, kill, flush and launch again."""
    server = ValkeyServer(
        directory / "valkey",
        program=valkey.find_program(search_path=chosen.search_path),
        port=free_port(),
        password=_PASSWORD,
        log=directory / "valkey.log",
    )
    with ExitStack() as stack:
        stack.callback(server.process.kill)
        server.launch()
        server.wait_ready()
        yield server


@contextmanager
def private_mqtt(chosen: Chosen, directory: Path) -> Generator[MqttServer]:
    """A broker that a test may stop, kill and launch again."""
    server = MqttServer(
        directory / "mqtt",
        broker=mqtt.find_broker(search_path=chosen.search_path),
        port=free_port(),
        port_v5=free_port(),
        log=directory / "mqtt.log",
    )
    with ExitStack() as stack:
        stack.callback(server.process.kill)
        server.launch()
        server.wait_ready()
        yield server


@contextmanager
def fresh_database(server_url: str, *, template: str | None = None) -> Generator[str]:
    """URL of a database that is there as long as the context is, a copy of the template if there is one."""
    name = f"titan_{uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        create += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(create)
    try:
        yield f"{server_url.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def empty_redis(server_url: str, *, worker: str) -> str:
    """URL of an empty numbered database: a worker of xdist keeps to its own number."""
    number = int(worker.removeprefix("gw")) if worker.startswith("gw") else 0
    url = f"{server_url}/{number}"
    with Redis.from_url(url) as client:
        client.flushdb()
    return url
