"""Servers for tests as containers, where an engine answers. Slow to import, so imported only then."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import docker
import psycopg
from docker.errors import DockerException
from redis import Redis
from redis.exceptions import RedisError
from testcontainers.core.container import DockerContainer

from titan.dev.processes import answers

_POSTGRES = "postgres:18-alpine"
_VALKEY = "valkey/valkey:9-alpine"
_MOSQUITTO = "eclipse-mosquitto:2"


def docker_answers(environ: Mapping[str, str]) -> bool:
    """Whether there is an engine to start containers on."""
    try:
        client = docker.from_env(timeout=2, environment=dict(environ))
    except DockerException:
        return False
    try:
        return client.ping()
    except DockerException:
        return False
    finally:
        client.close()


@contextmanager
def postgres() -> Generator[str]:
    """URL of a PostgreSQL without fsync, for its superuser."""
    container = (
        DockerContainer(_POSTGRES)
        .with_env("POSTGRES_USER", "titan")
        .with_env("POSTGRES_PASSWORD", "of-a-test")
        .with_command("postgres -c fsync=off -c full_page_writes=off -c max_connections=200")
        .with_exposed_ports(5432)
    )
    with container:
        url = f"postgresql://titan:of-a-test@{_address(container, 5432)}/titan"
        _wait_until(lambda: _postgres_answers(url))
        yield url


@contextmanager
def redis() -> Generator[str]:
    """URL of a Valkey, without the number of a database."""
    with DockerContainer(_VALKEY).with_exposed_ports(6379) as container:
        url = f"redis://{_address(container, 6379)}"
        _wait_until(lambda: _redis_answers(url))
        yield url


@contextmanager
def mqtt() -> Generator[tuple[str, int]]:
    """Host and port of a mosquitto."""
    container = (
        DockerContainer(_MOSQUITTO).with_command("mosquitto -c /mosquitto-no-auth.conf").with_exposed_ports(1883)
    )
    with container:
        host, port = container.get_container_host_ip(), int(container.get_exposed_port(1883))
        _wait_until(lambda: answers(host, port))
        yield host, port


def _address(container: DockerContainer, port: int) -> str:
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"


def _wait_until(is_ready: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError("A container did not become ready.")
        time.sleep(0.05)  # noqa: TID251 - a container has nothing that could be awaited


def _postgres_answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def _redis_answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as client:
            return bool(client.ping())
    except RedisError:
        return False
