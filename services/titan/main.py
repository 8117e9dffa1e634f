"""The command line: `titan <command>`, or `python -m titan.main`, which without one is `titan dev`."""

import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number
from granian.constants import Interfaces, Loops
from granian.server import Server
from litestar import Litestar
from litestar.types import ASGIApp
from msgspec.structs import replace
from rich.console import Console

from titan import factories
from titan.config import Settings, database
from titan.dev.embedded import Given
from titan.dev.run import DevSettings, addresses
from titan.dev.run import run as run_dev
from titan.errors import Misconfigured, Unavailable
from titan.http.leaving import leaving
from titan.observability import logs
from titan.operate.backup import backup as make_backup
from titan.operate.collecting import collect_blobs
from titan.operate.importing import import_files
from titan.operate.parking import parked as parked_events
from titan.operate.parking import retry as retry_events
from titan.operate.parking import show as show_events
from titan.operate.placing import Target, newest
from titan.operate.rebuilding import rebuild as rebuild_read_model
from titan.operate.restoring import Origin, Stores, check
from titan.operate.restoring import restore as restore_backup
from titan.operate.sealing import identities, recipients
from titan.operate.status import show, status
from titan.operate.validating import validate_files
from titan.operate.verifying import verify as verify_all
from titan.operate.warming import each
from titan.operate.warming import warm as warm_replicas
from titan.storage import schema
from titan.storage.blobs.opening import open_blobs
from titan.storage.redis import Names

app = App(
    name="titan",
    help="Titan-AAS: an Asset Administration Shell server.",
    version=lambda: version("titan-aas"),
    version_flags=["--version"],
)

Port = Annotated[int | None, Parameter(help="Where to listen; TITAN_PORT unless given.")]
Workers = Annotated[int | None, Parameter(help="Worker processes; TITAN_WORKERS unless given.")]

# An identifier such as `urn:x:1` is no picture.
_console = Console(stderr=True, emoji=False)


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


def _settings() -> Settings:
    settings = Settings.load(os.environ)
    # A person reads what these say; the log is for what goes wrong.
    logs.configure(settings.log_level if "TITAN_LOG_LEVEL" in settings.given else "WARNING", "console")
    return settings


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
    settings = _settings()
    given = Given(
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        mqtt_broker=settings.mqtt_broker if "MQTT_BROKER" in settings.given else None,
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


def _stores() -> tuple[Settings, str, str | None]:
    """The stores to operate on: those given, else those of a `titan dev` that runs here."""
    settings = _settings()
    settings = replace(
        settings,
        database_url=settings.database_url or _of_dev(settings, "DATABASE_URL"),
        redis_url=settings.redis_url or _of_dev(settings, "REDIS_URL"),
    )
    database_url, redis_url = factories.stores(settings)
    return settings, database(database_url).conninfo, redis_url


def _of_dev(settings: Settings, name: str) -> str | None:
    """An address that `titan dev` noted in its data directory."""
    return addresses(Path(settings.data_dir)).get(name)


@app.command
def migrate(*, to: Annotated[str, Parameter(help="Revision of the schema.")] = "head") -> None:
    """Bring the database's schema up to date."""
    _, database_url, _ = _stores()
    schema.migrate(database_url, to)
    _console.print(f"The schema is at {to if to != 'head' else schema.KNOWN}.")


@app.command(name="import")
def import_(
    files: list[Path],
    /,
    *,
    url: Annotated[str | None, Parameter(help="Where the API is; this machine and TITAN_PORT unless given.")] = None,
    replace: Annotated[bool, Parameter(help="Replace what is there already.")] = False,
    lenient: Annotated[bool, Parameter(help="Let older data through that breaks constraints, and report it.")] = False,
) -> int:
    """Store the documents of environments (JSON or XML)."""
    settings = _settings()
    where = url or f"http://127.0.0.1:{settings.port}"
    return asyncio.run(import_files(files, url=where, replace=replace, lenient=lenient, console=_console))


@app.command
def validate(
    files: list[Path],
    /,
    *,
    lenient: Annotated[bool, Parameter(help="Only what cannot be stored at all is a fault.")] = False,
    json: Annotated[bool, Parameter(help="Print the report as JSON.")] = False,
) -> int:
    """Check environments or documents (JSON or XML) against the metamodel and its constraints."""
    return validate_files(files, lenient=lenient, as_json=json, console=Console(emoji=False))


@app.command(name="status")
def show_status() -> None:
    """Show positions, lags, replicas and what is parked."""
    settings, database_url, redis_url = _stores()
    names = Names(stream=settings.event_bus_stream)
    show(asyncio.run(status(database_url=database_url, redis_url=redis_url, names=names)), Console(emoji=False))


@app.command
def warm(
    *,
    url: Annotated[
        list[str] | None,
        Parameter(help="Where a replica is, each by an option of its own; this machine and TITAN_PORT unless given."),
    ] = None,
    every: Annotated[
        bool,
        Parameter(
            name="--each", negative=(), help="Each address that a name has is a replica, as of a headless Service."
        ),
    ] = False,
    limit: Annotated[int | None, Parameter(help="Only so many documents, the newest.", validator=Number(gte=1))] = None,
) -> int:
    """Have replicas load documents and lists before they are asked for them."""
    settings, database_url, _ = _stores()
    urls = url or [f"http://127.0.0.1:{settings.port}"]
    urls = asyncio.run(each(urls)) if every else urls
    return asyncio.run(warm_replicas(urls, database_url=database_url, limit=limit, console=Console(emoji=False)))


@app.command
def rebuild() -> int:
    """Build the read model and the caches anew from the journal's state, while the system runs."""
    settings, database_url, redis_url = _stores()
    names = Names(stream=settings.event_bus_stream)
    return asyncio.run(
        rebuild_read_model(database_url=database_url, redis_url=redis_url, names=names, console=_console)
    )


@app.command
def verify() -> int:
    """Compare journal, state, read model and caches; says OK or what differs."""
    settings, database_url, redis_url = _stores()
    names = Names(stream=settings.event_bus_stream)
    return asyncio.run(
        verify_all(database_url=database_url, redis_url=redis_url, names=names, console=Console(emoji=False))
    )


events = App(name="events", help="Events that the projector could not follow, and set aside.")
app.command(events)


@events.command
def parked(*, json: Annotated[bool, Parameter(help="Print one object of JSON a line.")] = False) -> None:
    """Show what is parked, and why."""
    _, database_url, _ = _stores()
    show_events(asyncio.run(parked_events(database_url=database_url)), Console(emoji=False), as_json=json)


@events.command
def retry(
    positions: list[int] | None = None,
    /,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative="", help="Everything that is parked.")] = False,
) -> int:
    """Put the documents of parked events right, as they stand now; what fails again stays parked."""
    settings, database_url, redis_url = _stores()
    return asyncio.run(
        retry_events(
            positions or (),
            everything=all_,
            database_url=database_url,
            redis_url=redis_url,
            names=Names(stream=settings.event_bus_stream),
            console=Console(emoji=False),
        )
    )


@app.command
def collect() -> int:
    """Remove contents of the blob store that nothing refers to any more, once two graces have passed."""
    settings, database_url, _ = _stores()
    blobs = open_blobs(settings)
    console = Console(emoji=False)
    return asyncio.run(
        collect_blobs(database_url=database_url, blobs=blobs, grace_s=settings.blob_grace_s, console=console)
    )


@app.command
def backup(
    to: Annotated[
        str | None, Parameter(help="File, directory, or `-`; `backups` in the data directory if none.")
    ] = None,
    /,
    *,
    recipient: Annotated[
        tuple[str, ...], Parameter(negative=(), help="Encrypt for this key, `age1…` or `ssh-…`.")
    ] = (),
    keep: Annotated[
        int | None, Parameter(help="How many backups stay in the directory.", validator=Number(gte=1))
    ] = None,
) -> int:
    """Write database and contents, as of one position, into one archive, while the system runs."""
    settings, database_url, _ = _stores()
    if to == "-":
        if sys.stdout.isatty():
            raise Misconfigured("An archive is nothing for a terminal: send it somewhere.")
        where = sys.stdout.buffer
    else:
        where = Path(to) if to else Path(settings.data_dir) / "backups"
        if to is None:
            where.mkdir(parents=True, exist_ok=True)
    target = Target(where, recipients=recipients(recipient), keep=keep)
    blobs = open_blobs(settings)
    return asyncio.run(make_backup(target, database_url=database_url, blobs=blobs, console=_console))


@app.command
def restore(
    from_: Annotated[str, Parameter(name="FROM", help="File, directory (its newest backup), or `-`.")],
    /,
    *,
    identity: Annotated[Path | None, Parameter(help="File with the private key of an encrypted backup.")] = None,
    replace: Annotated[bool, Parameter(negative=(), help="Replace what the database holds.")] = False,
    check_only: Annotated[
        bool, Parameter(name="--check", negative=(), help="Only see whether the backup is whole; touch nothing.")
    ] = False,
) -> int:
    """Bring database and contents back as a backup has them; all of it, or nothing."""
    source = sys.stdin.buffer if from_ == "-" else newest(Path(from_))
    origin = Origin(source, identities(identity))
    if check_only:
        return asyncio.run(check(origin, _console))
    settings, database_url, redis_url = _stores()
    stores = Stores(
        database_url=database_url,
        redis_url=redis_url,
        names=Names(stream=settings.event_bus_stream),
        blobs=open_blobs(settings),
        lease_s=settings.lease_ms / 1000,
    )
    return asyncio.run(restore_backup(origin, stores, replace=replace, console=_console))


def run() -> None:
    """Do what the command line says; without a command, `titan dev`."""
    try:
        sys.exit(app(sys.argv[1:] or ["dev"]))
    except (Misconfigured, Unavailable) as error:
        _console.print(f"titan: {error}", markup=False, highlight=False)
        sys.exit(2)


if __name__ == "__main__":
    run()
