"""One Titan for all tests of the API: every tier in one process, on real servers, asked over HTTP.

It is the run's; what a test stores has identifiers of its own.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count

import httpx
import pytest

from support import servers
from support.asking import BODY_LIMIT
from support.processes import Titan, titan
from support.servers import Chosen
from titan.dev.processes import free_port

Start = Callable[..., AbstractContextManager[Titan]]


@pytest.fixture(scope="session")
def start(
    chosen: Chosen,
    shared_postgres: str,
    template: str,
    mqtt_broker: tuple[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Start:
    """Starts a Titan with a database and a Redis of its own; channels of a Redis are the whole server's."""

    @contextmanager
    def started(**environ: str) -> Generator[Titan]:
        directory = tmp_path_factory.mktemp("titan")
        with (
            servers.fresh_database(shared_postgres, template=template) as database_url,
            servers.private_redis(chosen, directory / "redis") as redis,
            titan(
                directory,
                free_port(),
                "together",
                environ={
                    "DATABASE_URL": database_url,
                    "REDIS_URL": redis.url(),
                    "MQTT_BROKER": mqtt_broker[0],
                    "MQTT_PORT": str(mqtt_broker[1]),
                    "TITAN_MAX_BODY_BYTES": str(BODY_LIMIT),
                    **environ,
                },
            ) as run,
        ):
            yield run

    return started


@pytest.fixture(scope="session")
def strict(start: Start) -> Iterator[Titan]:
    """The Titan that most tests ask."""
    with start() as run:
        yield run


@pytest.fixture(scope="session")
def client(strict: Titan) -> Iterator[httpx.Client]:
    """A client that stays connected; it accepts no encodings unless the test says so."""
    with httpx.Client(base_url=strict.url, headers={"accept-encoding": "identity"}, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def names(worker: str) -> Callable[[], str]:
    """Gives a new identifier each time, which no other test has."""
    numbers = count(1)
    return lambda: f"urn:titan:test:{worker}:{next(numbers)}"
