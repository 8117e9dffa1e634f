"""The command line: `titan <command>`, or `python -m titan.main`, which without one is `titan dev`."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from granian.constants import Interfaces, Loops
from granian.server import Server
from litestar import Litestar
from litestar.types import ASGIApp

from titan import factories
from titan.commands import console, operators, settings_of_a_person
from titan.config import Settings
from titan.dev.embedded import Given
from titan.dev.run import DevSettings
from titan.dev.run import run as run_dev
from titan.errors import Misconfigured, Unavailable
from titan.http.leaving import leaving
from titan.observability import logs
from titan.storage import schema

app = App(
    name="titan",
    help="Titan-AAS: an Asset Administration Shell server.",
    version=lambda: version("titan-aas"),
    version_flags=["--version"],
)
app.command(operators, name="*")

Port = Annotated[int | None, Parameter(help="Where to listen; TITAN_PORT unless given.")]
Workers = Annotated[int | None, Parameter(help="Worker processes; TITAN_WORKERS unless given.")]

_INTO_A_BROKER = {"MQTT_BROKER", "MQTT_USERNAME", "MQTT_TLS"}


def write_worker() -> ASGIApp:
    """What granian calls in a worker of the write tier."""
    settings = factories.begin(os.environ)
    return leaving(factories.write_app(settings), drain_s=settings.drain_s)


def read_worker() -> ASGIApp:
    """What granian calls in a worker of the read tier."""
    settings = factories.begin(os.environ)
    return leaving(factories.read_app(settings), drain_s=settings.drain_s)


def projector_worker() -> Litestar:
    """What granian calls in the projector."""
    return factories.projector_app(factories.begin(os.environ))


def bridge_worker() -> Litestar:
    """What granian calls in the bridge."""
    return factories.bridge_app(factories.begin(os.environ))


def together_worker() -> ASGIApp:
    """What granian calls where everything is one process."""
    settings = factories.begin(os.environ)
    return leaving(factories.together_app(settings), drain_s=settings.drain_s)


def _serve(worker: str, *, port: int | None, workers: int | None) -> None:
    settings = Settings.load(os.environ)
    logs.configure(settings.log_level, factories.log_format(settings))
    workers = workers or settings.workers
    # The workers read their settings themselves, and tell themselves apart where there are several.
    os.environ["TITAN_WORKERS"] = str(workers)
    database_url, _ = factories.stores(settings)
    schema.wait_and_check(database_url)
    Server(
        f"titan.main:{worker}",
        factory=True,
        address=settings.host,
        port=port or settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=workers,
        websockets=False,
        backlog=2048,
        log_dictconfig=logs.GRANIAN,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=settings.shutdown_s + settings.drain_s,
    ).serve()


@app.command
def write(*, port: Port = None, workers: Workers = None) -> None:
    """Serve the write tier: what changes documents."""
    _serve("write_worker", port=port, workers=workers)


@app.command
def read(*, port: Port = None, workers: Workers = None) -> None:
    """Serve the read tier: what shows documents. Every worker is a replica of its own."""
    _serve("read_worker", port=port, workers=workers)


@app.command
def projector(*, port: Port = None) -> None:
    """Keep the read model and the caches up to date. One is active; others stand by."""
    _serve("projector_worker", port=port, workers=1)


@app.command
def bridge(*, port: Port = None) -> None:
    """Publish every change to the MQTT broker. One is active; others stand by."""
    _serve("bridge_worker", port=port, workers=1)


@app.command(show=False)
def together(*, port: Port = None) -> None:
    """Serve all tiers in one process, on servers that run already."""
    _serve("together_worker", port=port, workers=1)


@app.command
def dev(
    *,
    port: Port = None,
    replicas: Annotated[int | None, Parameter(help="Read replicas behind a gateway; 0: one process for all.")] = None,
    workers: Workers = None,
    with_parent: Annotated[bool, Parameter(help="Stop when the process that started this one ends.")] = False,
) -> int:
    """Start everything on this machine, with servers of its own where none are given, until Ctrl-C."""
    settings = settings_of_a_person()
    given = Given(
        database_url=settings.database,
        redis_url=settings.redis,
        # Whoever says how to get into a broker has one.
        mqtt_broker=settings.mqtt_broker if _INTO_A_BROKER & settings.given else None,
        mqtt_port=settings.mqtt_port,
    )
    if replicas is None:
        replicas = settings.read_replicas if "TITAN_READ_REPLICAS" in settings.given else 0
    return run_dev(
        DevSettings(
            environ=os.environ,
            migrate=schema.migrate,
            data_dir=Path(settings.data_dir),
            host=settings.host if "TITAN_HOST" in settings.given else "127.0.0.1",
            port=port or settings.port,
            given=given,
            replicas=replicas,
            workers=workers or settings.workers,
            postgres_bin=Path(settings.pg_bin) if settings.pg_bin else None,
            with_parent=with_parent,
        )
    )


def run() -> None:
    """Do what the command line says; without a command, `titan dev`."""
    try:
        sys.exit(app(sys.argv[1:] or ["dev"]))
    except (Misconfigured, Unavailable) as error:
        console.print(f"titan: {error}", markup=False, highlight=False)
        sys.exit(2)


if __name__ == "__main__":
    run()
