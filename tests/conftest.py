"""Fixtures that every test may ask for: real servers, empty at the start of each test. See `support.servers`."""

import os
from collections.abc import Iterator

import pytest

from support import servers
from support.servers import Chosen
from titan.dev.mqtt import MqttServer
from titan.dev.postgres import PostgresServer
from titan.dev.valkey import ValkeyServer
from titan.errors import Misconfigured
from titan.storage import migrating

_CHOSEN = pytest.StashKey[Chosen]()


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[_CHOSEN] = servers.choose(os.environ)
    except Misconfigured as error:
        pytest.exit(str(error), returncode=3)


def pytest_report_header(config: pytest.Config) -> str:
    return f"servers: {config.stash[_CHOSEN].described}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanting = [item for item in items if item.get_closest_marker("mqtt_full")]
    if wanting and not config.stash[_CHOSEN].mqtt_is_full:
        for item in wanting:
            item.add_marker(
                pytest.mark.skip(reason="the broker at hand keeps only a part of MQTT 5: install mosquitto")
            )


@pytest.fixture(scope="session")
def chosen(request: pytest.FixtureRequest) -> Chosen:
    """Which servers this run uses."""
    return request.config.stash[_CHOSEN]


@pytest.fixture(scope="session")
def worker() -> str:
    """Name of this worker of xdist, `main` without it."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def shared_postgres(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the PostgreSQL in which the tests have their databases."""
    with servers.shared_postgres(chosen, tmp_path_factory.mktemp("shared-postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def shared_redis(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the Redis-compatible server in which the tests have their databases."""
    with servers.shared_redis(chosen, tmp_path_factory.mktemp("shared-redis")) as url:
        yield url


@pytest.fixture(scope="session")
def template(shared_postgres: str) -> Iterator[str]:
    """Name of a database with the schema and nothing in it."""
    with servers.fresh_database(shared_postgres) as url:
        migrating.migrate(url)
        yield url.rpartition("/")[2]


@pytest.fixture
def database_url(shared_postgres: str, template: str) -> Iterator[str]:
    """A database of this test's own, migrated and empty."""
    with servers.fresh_database(shared_postgres, template=template) as url:
        yield url


@pytest.fixture
def empty_database_url(shared_postgres: str) -> Iterator[str]:
    """A database of this test's own without any schema."""
    with servers.fresh_database(shared_postgres) as url:
        yield url


@pytest.fixture
def redis_url(shared_redis: str, worker: str) -> str:
    """An empty database of a Redis-compatible server. Channels are the whole server's."""
    return servers.empty_redis(shared_redis, worker=worker)


@pytest.fixture(scope="session")
def mqtt_broker(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Host and port of a broker for MQTT 3.1.1. It keeps what it retains: a test has topics of its own."""
    with servers.shared_mqtt(chosen, tmp_path_factory.mktemp("shared-mqtt")) as address:
        yield address


@pytest.fixture
def postgres_server(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL that this test may stop, kill and launch again; its first database has no schema."""
    with servers.private_postgres(chosen, tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def redis_server(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A Valkey that this test may stop, kill, flush and launch again."""
    with servers.private_redis(chosen, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def mqtt_server(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MqttServer]:
    """A broker that this test may stop, kill and launch again."""
    with servers.private_mqtt(chosen, tmp_path_factory.mktemp("mqtt")) as server:
        yield server
