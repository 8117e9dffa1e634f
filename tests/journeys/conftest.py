"""A whole installation for the journeys: a gateway, a write tier, three replicas, projector and bridge, each a process.

The stores are beside it, so that a test can take them away. It is the run's: a test leaves everything running behind.
"""

from collections.abc import Iterator

import pytest

from support import servers
from support.installation import REPLICAS, Installation
from support.processes import titan
from support.servers import Chosen
from support.waiting import eventually
from titan.dev.processes import free_port


@pytest.fixture(scope="session")
def _installation(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("installation")
    with (
        servers.private_postgres(chosen, directory / "postgres") as postgres,
        servers.private_redis(chosen, directory / "redis") as redis,
        servers.private_mqtt(chosen, directory / "mqtt") as mqtt,
        titan(
            directory,
            free_port(),
            *("dev", "--replicas", str(REPLICAS)),
            environ={
                "DATABASE_URL": postgres.url(),
                "REDIS_URL": redis.url(),
                "MQTT_BROKER": mqtt.host,
                "MQTT_PORT": str(mqtt.port),
                "TITAN_LOG_LEVEL": "WARNING",
            },
        ) as run,
    ):
        yield Installation(run, postgres, redis, mqtt)


@pytest.fixture
def installation(_installation: Installation) -> Iterator[Installation]:
    """The installation, whole before the test and after it, when all its stores agree."""
    assert eventually(_installation.is_whole, timeout_s=40), _installation.titan.said()[-4000:]
    yield _installation
    assert eventually(_installation.is_whole, timeout_s=40), _installation.titan.said()[-4000:]
    said = _installation.verified()
    assert said.splitlines()[-1].startswith("OK:"), said
