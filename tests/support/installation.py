"""A whole installation: gateway, tiers and stores, each a process that a test may stop, kill or take away."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support import servers
from support.operating import quiet, told
from support.processes import Titan, is_ready, titan
from support.servers import Chosen
from titan.dev.mqtt import MqttServer
from titan.dev.postgres import PostgresServer
from titan.dev.processes import free_port
from titan.dev.valkey import ValkeyServer
from titan.operate.verifying import verify
from titan.storage.redis import Names

REPLICAS = 3


class Stores(NamedTuple):
    """Servers that nobody else uses."""

    postgres: PostgresServer
    redis: ValkeyServer
    mqtt: MqttServer

    @property
    def environ(self) -> dict[str, str]:
        """What a process finds them by."""
        return {
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.redis.url(),
            "MQTT_BROKER": self.mqtt.host,
            "MQTT_PORT": str(self.mqtt.port),
            "TITAN_LOG_LEVEL": "WARNING",
        }


@contextmanager
def stores(chosen: Chosen, directory: Path) -> Generator[Stores]:
    """Stores that a test may take away."""
    with (
        servers.private_postgres(chosen, directory / "postgres") as postgres,
        servers.private_redis(chosen, directory / "redis") as redis,
        servers.private_mqtt(chosen, directory / "mqtt") as mqtt,
    ):
        yield Stores(postgres, redis, mqtt)


@contextmanager
def installed(directory: Path, environ: Mapping[str, str], *, replicas: int = REPLICAS) -> Generator[Titan]:
    """Every tier behind a gateway, each a process, ready."""
    with titan(directory, free_port(), "dev", "--replicas", str(replicas), environ=environ) as run:
        yield run


class Installation(NamedTuple):
    """Everything that runs."""

    titan: Titan
    postgres: PostgresServer
    redis: ValkeyServer
    mqtt: MqttServer

    @property
    def url(self) -> str:
        """Of the gateway."""
        return self.titan.url

    def pids(self) -> set[int]:
        """Of all processes of Titan, workers too."""
        commands = ("read", "write", "projector", "bridge")
        found = [process for command in commands for process in self.titan.processes(command)]
        return {pid for process in found for pid in (process.pid, *process.workers)}

    def verified(self) -> str:
        """What `titan verify` says of the journal, the state, the read model and the caches."""
        console = quiet()
        asyncio.run(
            verify(database_url=self.postgres.url(), redis_url=self.redis.url(), names=Names(), console=console)
        )
        return told(console)

    @property
    def replicas(self) -> list[str]:
        return [replica.url for replica in self.titan.processes("read")]

    def is_whole(self) -> bool:
        """Whether every process runs and is ready."""
        replicas = self.titan.processes("read")
        others = [process for command in ("write", "projector", "bridge") for process in self.titan.processes(command)]
        everyone = [*replicas, *others]
        return (
            len(replicas) == REPLICAS
            and len(others) == 3
            and all(process.workers and is_ready(process.url) for process in everyone)
            and self.titan.is_ready()
        )
