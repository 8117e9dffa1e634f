"""The embedded servers together: whichever nobody gave us, started side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from titan.addresses import Address
from titan.dev import postgres, valkey
from titan.dev.mqtt import MqttServer, find_broker
from titan.dev.place import Place
from titan.dev.postgres import PostgresServer
from titan.dev.processes import Process
from titan.dev.valkey import ValkeyServer


class Server(Protocol):
    """What the three have in common."""

    @property
    def process(self) -> Process: ...

    def launch(self) -> None: ...

    def wait_ready(self, *, timeout_s: float = ..., is_hurried: Callable[[], bool] = ...) -> None: ...


class Given(Struct, frozen=True, kw_only=True):
    """Servers that are there already; each that is None is embedded."""

    database_url: Address | None = None
    redis_url: Address | None = None
    mqtt_broker: str | None = None
    """Its host."""
    mqtt_port: int = 1883


class Servers(Struct, frozen=True, kw_only=True):
    """Where the servers are, and the embedded ones among them."""

    database_url: Address
    redis_url: Address
    mqtt_broker: str
    mqtt_port: int
    mqtt_port_v5: int
    """Where MQTT 5 is spoken; the same port unless the broker wants one for each."""
    embedded: tuple[Server, ...]


def lay_out(place: Place, given: Given, *, search_path: str, postgres_bin: Path | None = None) -> Servers:
    """Find programs and ports for all that is to be embedded; starts nothing.

    Raises:
        Misconfigured: where there is no program for one of them.
    """
    embedded: list[Server] = []
    database_url, redis_url, mqtt_broker = given.database_url, given.redis_url, given.mqtt_broker
    mqtt_port = mqtt_port_v5 = given.mqtt_port
    if redis_url is None:
        server = _valkey(place, search_path=search_path)
        embedded.append(server)
        redis_url = server.url()
    if mqtt_broker is None:
        server = MqttServer(
            place.path / "mqtt",
            broker=find_broker(search_path=search_path),
            port=place.port("mqtt"),
            port_v5=place.port("mqtt-5"),
            log=place.log("mqtt"),
        )
        embedded.append(server)
        mqtt_broker, mqtt_port, mqtt_port_v5 = server.host, server.port, server.port_v5
    if database_url is None:
        server = _postgres(place, search_path=search_path, postgres_bin=postgres_bin)
        embedded.append(server)
        database_url = server.url()
    return Servers(
        database_url=database_url,
        redis_url=redis_url,
        mqtt_broker=mqtt_broker,
        mqtt_port=mqtt_port,
        mqtt_port_v5=mqtt_port_v5,
        embedded=tuple(embedded),
    )


def start(servers: Sequence[Server], *, is_hurried: Callable[[], bool] = lambda: False) -> None:
    """Launch all, then wait for all, so that they come up side by side.

    Raises:
        Unavailable: where one does not come up, or somebody is in a hurry; the others go on running.
    """
    for server in servers:
        server.launch()
    for server in servers:
        server.wait_ready(is_hurried=is_hurried)


def _valkey(place: Place, *, search_path: str) -> ValkeyServer:
    directory = place.path / "valkey"
    program = valkey.find_program(search_path=search_path)
    # Before a port is chosen: what an earlier run left still holds the one that we would like to have again.
    valkey.vacate(directory)
    port, log = place.port("valkey"), place.log("valkey")
    return ValkeyServer(directory, program=program, port=port, password=place.secret, log=log)


def _postgres(place: Place, *, search_path: str, postgres_bin: Path | None) -> PostgresServer:
    directory = place.path / "postgres"
    binaries = postgres.find_binaries(
        override=postgres_bin, search_path=search_path, major=postgres.release_of(directory)
    )
    postgres.vacate(directory)
    port, log = place.port("postgres"), place.log("postgres")
    return PostgresServer(directory, binaries=binaries, port=port, password=place.secret, log=log)
