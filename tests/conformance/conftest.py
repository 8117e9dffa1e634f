"""A whole Titan behind its gateway for suites and clients that others wrote, and what they find in it.

The installation is the run's; each module finds the fixture of the IDTA's engine in it and nothing else.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from anyio.from_thread import start_blocking_portal

from support import servers
from support.asking import Plain, identifiers, path_of, put
from support.furnished import Place
from support.processes import Titan, titan
from support.servers import Chosen
from support.targets import Targets, serving
from titan.dev.processes import free_port
from titan.metamodel.kinds import KINDS

SHARED = Path(__file__).resolve().parents[3] / "shared"
FIXTURE = SHARED / "data/environments/test-engine-fixture.json"


@pytest.fixture(scope="session")
def installation(
    chosen: Chosen,
    shared_postgres: str,
    template: str,
    mqtt_broker: tuple[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Titan]:
    directory = tmp_path_factory.mktemp("conformance")
    with (
        servers.fresh_database(shared_postgres, template=template) as database_url,
        servers.private_redis(chosen, directory / "redis") as redis,
        titan(
            directory,
            free_port(),
            *("dev", "--replicas", "1"),
            environ={
                "DATABASE_URL": database_url,
                "REDIS_URL": redis.url(),
                "MQTT_BROKER": mqtt_broker[0],
                "MQTT_PORT": str(mqtt_broker[1]),
                "TITAN_LOG_LEVEL": "WARNING",
                "TITAN_OPERATION_TARGETS": "127.0.0.1",
            },
        ) as run,
    ):
        yield run


@pytest.fixture(scope="session")
def client(installation: Titan) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def environment(client: httpx.Client) -> dict[str, list[Plain]]:
    """What the installation holds at the start of a module, and all that it holds."""
    if not FIXTURE.exists():
        pytest.skip("the fixture of the IDTA's engine is not here")
    for kind in KINDS.values():
        for id in identifiers(client, f"/{kind.collection}"):
            assert client.delete(path_of(kind, id)).status_code == 204
    environment = msgspec.json.decode(FIXTURE.read_bytes())
    for kind in KINDS.values():
        for plain in environment[kind.environment_field]:
            put(client, kind, plain)
    return environment


@pytest.fixture(scope="module")
def url(installation: Titan, environment: dict[str, list[Plain]]) -> str:
    """Of the gateway; behind it is the fixture."""
    return installation.url


@pytest.fixture(scope="module")
def place(client: httpx.Client, environment: dict[str, list[Plain]], targets: Targets) -> Place:
    return Place(client, environment, targets.url)


@pytest.fixture(scope="module")
def targets() -> Iterator[Targets]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving()) as targets:
        yield targets
