"""The stage: every process of an installation and every store, each of which can be killed, stopped and cut off.

Nothing stands between the laboratory and a process that could hide what happens to it: no supervisor starts anew what
ended. Each process of Titan reaches PostgreSQL and Redis by wires of its own.
"""

import asyncio
import os
import sys
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from threading import Event
from typing import Literal, get_args

from support import servers
from support.laboratory.wires import TESTS, Wire, Wires
from support.operating import quiet, told
from support.processes import is_ready
from support.servers import Chosen
from support.trees import below
from support.waiting import eventually
from titan.dev import caddy
from titan.dev.mqtt import MqttServer
from titan.dev.postgres import PostgresServer
from titan.dev.processes import HOST, Command, Process, free_port
from titan.dev.valkey import ValkeyServer
from titan.operate.verifying import verify
from titan.storage import migrating
from titan.storage.redis import Names

Tier = Literal["write", "read", "projector", "bridge", "gateway"]
Store = Literal["postgres", "redis"]

WHOLE: Mapping[Tier, int] = {"write": 2, "read": 3, "projector": 2, "bridge": 1, "gateway": 1}
"""How many of each there are in a whole installation."""
LEASE_S = 1.0
READY_WITHIN_S = 90.0


class Actor:
    """A process of one tier."""

    def __init__(self, name: str, tier: Tier, command: Command, port: int) -> None:
        self.name = name
        self.tier: Tier = tier
        self.url = f"http://{HOST}:{port}"
        self.wanted = False
        """Whether it is to run: false while a fault has it ended."""
        self.ended = 0
        """How often it ended though nobody had told it to."""
        self._process = Process(command)

    def launch(self) -> None:
        """Start it, and come back before it is ready."""
        self._process.launch()
        self.wanted = True

    def send(self, number: Signals) -> None:
        """Send a signal to it with all its workers."""
        if self._process.pid is not None and self._process.is_running:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End all of it as a power cut would."""
        self.wanted = False
        self.send(SIGKILL)
        self._process.kill()

    def ask_to_stop(self) -> None:
        """Ask it to end, and come back at once."""
        self.wanted = False
        self._process.ask_to_stop()

    def relaunch(self) -> None:
        """Start it again, once it has ended."""
        self._process.wait_stopped()
        self.launch()

    def kill_workers(self) -> None:
        """End its workers; who started them starts others."""
        for pid in below(self._process.pid or 0):
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)

    def look_after(self) -> None:
        """Start it again where it ended by itself, and take note of that."""
        if self.wanted and not self._process.is_running:
            self.ended += 1
            self.launch()

    def is_ready(self) -> bool:
        """Whether it runs and says that it is ready."""
        return self._process.is_running and is_ready(self.url)

    def last_words(self) -> str:
        return self._process.last_words(30)


class Stage:
    """Everything that runs. Belongs to the thread that made it: that one has to start what is started."""

    def __init__(
        self, postgres: PostgresServer, redis: ValkeyServer, mqtt: MqttServer, wires: Wires, actors: Sequence[Actor]
    ) -> None:
        self.postgres = postgres
        self.redis = redis
        self.mqtt = mqtt
        self.wires = wires
        self.actors = {actor.name: actor for actor in actors}

    def of(self, *tiers: Tier) -> list[Actor]:
        """The processes of some tiers."""
        return [actor for actor in self.actors.values() if actor.tier in tiers]

    @property
    def url(self) -> str:
        """Of the gateway."""
        return self.actors["gateway"].url

    @property
    def replicas(self) -> dict[str, str]:
        """Where each reader is asked directly."""
        return {actor.name: actor.url for actor in self.of("read")}

    def look_at_stores(self, *, besides: Collection[str]) -> None:
        """See that no store has ended by itself: whatever happens after that would prove nothing."""
        stores = {"postgres": self.postgres, "redis": self.redis, "broker": self.mqtt}
        for name, store in stores.items():
            process = store.process
            assert name in besides or process.is_running, f"{name} ended ({process.status}):\n{process.last_words(40)}"

    def verified(self) -> str:
        """What `titan verify` says of the journal, the state, the read model and the caches."""
        console = quiet()
        asyncio.run(
            verify(database_url=self.postgres.url(), redis_url=self.redis.url(), names=Names(), console=console)
        )
        return told(console)

    def is_whole(self) -> bool:
        """Whether every process runs and is ready."""
        return all(actor.is_ready() for actor in self.actors.values())

    def become_whole(self) -> None:
        """Start whatever does not run, and wait until everybody is ready."""

        def holds() -> bool:
            for actor in self.actors.values():
                actor.look_after()
            return self.is_whole()

        assert eventually(holds, timeout_s=READY_WITHIN_S), self.last_words()

    def last_words(self) -> str:
        """What those said last who are not ready."""
        silent = [actor for actor in self.actors.values() if not actor.is_ready()]
        return "\n".join(f"{actor.name} is not ready; it said:\n{actor.last_words()}" for actor in silent)


def wait_s(seconds: float) -> None:
    """Let what is under way go on; time is the subject of the laboratory."""
    Event().wait(max(0.0, seconds))


@contextmanager
def stage(
    chosen: Chosen,
    directory: Path,
    *,
    cast: Mapping[Tier, int] = WHOLE,
    weak: Mapping[str, str] | None = None,
    lease_s: float = LEASE_S,
) -> Generator[Stage]:
    """Start everything, and end it with the context; nothing is left running.

    Args:
        chosen: Where servers come from.
        directory: For their files and everybody's log.
        cast: How many processes of each tier.
        weak: Which processes lack what, for the sake of the judges: see `weakened`.
        lease_s: How long a replica may be believed to be silent.
    """
    with ExitStack() as stack:
        postgres = stack.enter_context(servers.private_postgres(chosen, directory / "postgres"))
        redis = stack.enter_context(servers.private_redis(chosen, directory / "redis"))
        mqtt = stack.enter_context(servers.private_mqtt(chosen, directory / "mqtt"))
        migrating.migrate(postgres.url())
        names = [f"{tier}-{number}" for tier in get_args(Tier) for number in range(1, cast.get(tier, 0) + 1)]
        titans = [name for name in names if not name.startswith("gateway")]
        ports = {"postgres": postgres.port, "redis": redis.port}
        wires = Wires([Wire(f"{name} {store}", HOST, port) for name in titans for store, port in ports.items()])
        stack.callback(wires.close)
        environ = {
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "MQTT_BROKER": mqtt.host,
            "MQTT_PORT": str(mqtt.port),
            "TITAN_HOST": HOST,
            "TITAN_DATA_DIR": str(directory / "data"),
            "TITAN_LOG_FORMAT": "json",
            "TITAN_LOG_LEVEL": "WARNING",
            "TITAN_LEASE_MS": str(round(lease_s * 1000)),
        }
        actors: list[Actor] = []
        for name in titans:
            own = environ | {
                "DATABASE_URL": _by(postgres.url(), postgres.port, wires.port(f"{name} postgres")),
                "REDIS_URL": _by(redis.url(), redis.port, wires.port(f"{name} redis")),
            }
            actors.append(_titan(name, own, directory / "logs", weakness=(weak or {}).get(name)))
        if cast.get("gateway"):
            actors.append(_gateway(chosen, directory, actors))
        made = Stage(postgres, redis, mqtt, wires, actors)
        for actor in actors:
            stack.callback(actor.kill)
            actor.launch()
        made.become_whole()
        yield made


def _by(url: str, port: int, wire: int) -> str:
    return url.replace(f":{port}/", f":{wire}/")


def _titan(name: str, environ: Mapping[str, str], logs: Path, *, weakness: str | None) -> Actor:
    tier = next(tier for tier in get_args(Tier) if name.startswith(tier))
    port = free_port()
    program = ("titan.main",) if weakness is None else ("support.laboratory.weakened", weakness)
    command = Command(
        name=name,
        argv=(sys.executable, "-m", *program, tier),
        environ={**environ, "TITAN_PORT": str(port)},
        log=logs / f"{name}.log",
        stops=((SIGTERM, 20.0),),
    )
    return Actor(name, tier, command, port)


def _gateway(chosen: Chosen, directory: Path, titans: Sequence[Actor]) -> Actor:
    port = free_port()
    command = caddy.command(
        caddy.find_program(search_path=chosen.search_path),
        directory / "caddy",
        host=HOST,
        port=port,
        read=[actor.url.removeprefix("http://") for actor in titans if actor.tier == "read"],
        write=[actor.url.removeprefix("http://") for actor in titans if actor.tier == "write"],
    )
    logged = Command(
        name="gateway",
        argv=command.argv,
        environ=command.environ,
        cwd=command.cwd,
        log=directory / "logs" / "gateway.log",
    )
    return Actor("gateway", "gateway", logged, port)
