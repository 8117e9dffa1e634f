"""A release is rolled out under load: the schema first, then one process after the other."""

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from msgspec import structs

from support.load import under_load
from support.operating import quiet, told
from support.processes import Titan, is_ready, titan
from support.waiting import eventually
from titan.dev import caddy
from titan.dev.processes import HOST, Process, free_port
from titan.operate.rebuilding import rebuild
from titan.operate.verifying import verify
from titan.storage import schema
from titan.storage.redis import Names

ROOT = Path(__file__).resolve().parents[2]
HEALTH = "health_uri /health/ready\n health_interval 200ms\n health_timeout 1s"
"""What makes the gateway notice in time that a writer leaves; it looks at readers without being told to."""
DRAIN_S = 2


def migrate_to_next(url: str) -> None:
    """Do what `titan migrate` of the release after this one does."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    places = (ROOT / "migrations" / "versions", ROOT / "tests" / "support" / "releases" / "next")
    config.set_main_option("version_locations", os.pathsep.join(map(str, places)))
    config.set_main_option("prepend_sys_path", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    command.upgrade(config, "head")


class Fleet:
    """Processes of all tiers behind a gateway, which knows from the beginning where their successors will be."""

    def __init__(self, directory: Path, database_url: str, redis_url: str) -> None:
        self._directory = directory
        self._environ = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "TITAN_DRAIN_S": str(DRAIN_S),
            "TITAN_LOG_LEVEL": "WARNING",
        }
        self._taken: list[int] = []
        self.ports = {tier: [self._port() for _ in range(4)] for tier in ("write", "read", "projector")}
        self.url = f"http://{HOST}:{self._port()}"
        self._stack = ExitStack()
        self._running: dict[str, list[Titan]] = {tier: [] for tier in self.ports}

    def _port(self) -> int:
        self._taken.append(free_port(taken=self._taken))
        return self._taken[-1]

    @contextmanager
    def serving(self) -> Generator[None]:
        """Two of each tier, and the gateway."""
        with self._stack:
            for tier in self.ports:
                for _ in range(2):
                    self.start(tier)
            everyone = [run for several in self._running.values() for run in several]
            assert eventually(lambda: all(run.is_ready() for run in everyone), timeout_s=90)
            gateway = self._gateway()
            self._stack.callback(gateway.stop)
            gateway.launch()
            gateway.wait_until(lambda: is_ready(self.url), timeout_s=30)
            yield

    def start(self, tier: str) -> Titan:
        """Start the next one of a tier."""
        number = len(self._running[tier])
        port = self.ports[tier][number]
        directory = self._directory / f"{tier}-{number}"
        run = self._stack.enter_context(titan(directory, port, tier, environ=self._environ, wait=False))
        self._running[tier].append(run)
        return run

    def replace(self, tier: str) -> None:
        """Start a new one, and once it is ready stop the oldest that runs, as any orchestrator does."""
        new = self.start(tier)
        assert eventually(new.is_ready, timeout_s=90), new.said()
        old = next(run for run in self._running[tier] if run.child.poll() is None)
        began = monotonic()
        old.child.send_signal(signal.SIGTERM)
        assert old.child.wait(30) == 0, old.said()
        assert monotonic() - began < DRAIN_S + 10

    def _gateway(self) -> Process:
        made = caddy.command(
            caddy.find_program(search_path=os.environ.get("PATH", os.defpath)),
            self._directory / "caddy",
            host=HOST,
            port=int(self.url.rpartition(":")[2]),
            read=[f"{HOST}:{port}" for port in self.ports["read"]],
            write=[f"{HOST}:{port}" for port in self.ports["write"]],
        )
        environ = {**made.environ, "TITAN_WRITE": f"{made.environ['TITAN_WRITE']}\n {HEALTH}"}
        return Process(structs.replace(made, environ=environ))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_rollout_under_load_fails_no_request_and_shows_nothing_stale(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    fleet = Fleet(tmp_path, database_url, redis_url)
    with fleet.serving():
        with under_load("rollout", fleet.url, [], clients=3, directly=0) as tally:
            migrate_to_next(database_url)
            # Those that replace are of this release too: on a schema of the next one they are what an old process is
            # that has to be started again in the middle of a rollout.
            for tier in ("projector", "read", "write"):
                for _ in range(2):
                    fleet.replace(tier)
            Event().wait(1)
        assert tally.failed_writes == []
        assert tally.failed_reads == []
        assert tally.stale == []
        assert min(tally.writes, tally.reads, tally.lists) > 50, tally.told()
        console = quiet()
        asyncio.run(verify(database_url=database_url, redis_url=redis_url, names=Names(), console=console))
        assert told(console).splitlines()[-1].startswith("OK: ")


def test_this_release_works_on_the_schema_of_the_next(database_url: str) -> None:
    migrate_to_next(database_url)
    schema.check(database_url)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version_num FROM public.alembic_version").fetchone() == ("9000",)
    assert asyncio.run(rebuild(database_url=database_url, redis_url=None, names=Names(), console=quiet())) == 0
    assert asyncio.run(verify(database_url=database_url, redis_url=None, names=Names(), console=quiet())) == 0
