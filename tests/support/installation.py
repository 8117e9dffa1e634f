"""A whole installation: gateway, tiers and stores, each a process that a test may stop, kill or take away."""

from typing import NamedTuple

from support.processes import Titan, is_ready
from titan.dev.mqtt import MqttServer
from titan.dev.postgres import PostgresServer
from titan.dev.valkey import ValkeyServer

REPLICAS = 3


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
