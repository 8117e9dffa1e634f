"""What people do by hand, `titan <command>`: every command but those that serve. `titan.main` names them."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number
from msgspec.structs import replace
from rich.console import Console

from titan.addresses import Address, Secret, database
from titan.config import Settings
from titan.dev.embedded import Given
from titan.dev.run import DevSettings, addresses
from titan.dev.run import run as run_dev
from titan.errors import Misconfigured
from titan.observability import logs
from titan.operate.backup import backup as make_backup
from titan.operate.collecting import collect_blobs
from titan.operate.importing import import_files
from titan.operate.parking import parked as parked_events
from titan.operate.parking import retry as retry_events
from titan.operate.parking import show as show_events
from titan.operate.placing import Target, newest, refuse_options
from titan.operate.rebuilding import rebuild as rebuild_read_model
from titan.operate.replicas import each
from titan.operate.restoring import Origin, Stores, check
from titan.operate.restoring import restore as restore_backup
from titan.operate.sealing import identities, recipients
from titan.operate.status import show, status
from titan.operate.validating import validate_files
from titan.operate.verifying import verify as verify_all
from titan.operate.warming import warm as warm_replicas
from titan.options import Every, Port, Replicas, Workers
from titan.storage import migrating, schema
from titan.storage.blobs.opening import open_blobs
from titan.storage.redis import Names

_INTO_A_BROKER = {"MQTT_BROKER", "MQTT_USERNAME", "MQTT_TLS"}

_archive = Parameter(allow_leading_hyphen=True, validator=refuse_options)

# An identifier such as `urn:x:1` is no picture.
console = Console(stderr=True, emoji=False)


def _settings() -> Settings:
    """The settings, for what is run by hand: a person reads what it says, and the log is for what goes wrong."""
    settings = Settings.load(os.environ)
    logs.configure(settings.log_level if "TITAN_LOG_LEVEL" in settings.given else "WARNING", "console")
    return settings


def _stores() -> tuple[Settings, Address, Address | None]:
    """The stores to operate on: those given, else those of a `titan dev` that runs here."""
    settings = _settings()
    settings = replace(
        settings,
        database_url=settings.database_url or _of_dev(settings, "DATABASE_URL"),
        redis_url=settings.redis_url or _of_dev(settings, "REDIS_URL"),
    )
    database_url, redis_url = settings.stores()
    return settings, database(database_url).conninfo, redis_url


def _of_dev(settings: Settings, name: str) -> Secret | None:
    """An address that `titan dev` noted in its data directory."""
    return Secret(name, noted) if (noted := addresses(Path(settings.data_dir)).get(name)) else None


def _replicas(urls: Sequence[str], *, every: bool) -> Sequence[str]:
    """Where replicas are, each once."""
    found = asyncio.run(each(urls)) if every else urls
    return list(dict.fromkeys(url.rstrip("/") for url in found))


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
            migrate=migrating.migrate,
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


def migrate(*, to: Annotated[str, Parameter(help="Revision of the schema.")] = "head") -> None:
    """Bring the database's schema up to date."""
    _, database_url, _ = _stores()
    migrating.migrate(database_url, to)
    console.print(f"The schema is at {to if to != 'head' else schema.KNOWN}.")


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
    return asyncio.run(import_files(files, url=where, replace=replace, lenient=lenient, console=console))


def validate(
    files: list[Path],
    /,
    *,
    lenient: Annotated[bool, Parameter(help="Only what cannot be stored at all is a fault.")] = False,
    json: Annotated[bool, Parameter(help="Print the report as JSON.")] = False,
) -> int:
    """Check environments or documents (JSON or XML) against the metamodel and its constraints."""
    return validate_files(files, lenient=lenient, as_json=json, console=Console(emoji=False))


def show_status() -> None:
    """Show positions, lags, replicas and what is parked."""
    settings, database_url, redis_url = _stores()
    names = Names(stream=settings.event_bus_stream)
    show(asyncio.run(status(database_url=database_url, redis_url=redis_url, names=names)), Console(emoji=False))


def warm(
    *,
    url: Replicas = None,
    every: Every = False,
    limit: Annotated[int | None, Parameter(help="Only so many documents, the newest.", validator=Number(gte=1))] = None,
) -> int:
    """Have replicas load documents and lists before they are asked for them."""
    settings, database_url, _ = _stores()
    urls = _replicas(url or [f"http://127.0.0.1:{settings.port}"], every=every)
    return asyncio.run(warm_replicas(urls, database_url=database_url, limit=limit, console=Console(emoji=False)))


def rebuild() -> int:
    """Build the read model and the caches anew from the journal's state, while the system runs."""
    settings, database_url, redis_url = _stores()
    names = Names(stream=settings.event_bus_stream)
    return asyncio.run(rebuild_read_model(database_url=database_url, redis_url=redis_url, names=names, console=console))


def verify(*, url: Replicas = None, every: Every = False) -> int:
    """Compare journal, state, read model, Redis and what replicas show, where those are named; OK or what differs."""
    settings, database_url, redis_url = _stores()
    return asyncio.run(
        verify_all(
            database_url=database_url,
            redis_url=redis_url,
            names=Names(stream=settings.event_bus_stream),
            console=Console(emoji=False),
            replicas=_replicas(url or (), every=every),
        )
    )


events = App(name="events", help="Events that the projector could not follow, and set aside.")


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


def collect() -> int:
    """Remove contents of the blob store that nothing refers to any more, once two graces have passed."""
    settings, database_url, _ = _stores()
    blobs = open_blobs(settings)
    console = Console(emoji=False)
    return asyncio.run(
        collect_blobs(database_url=database_url, blobs=blobs, grace_s=settings.blob_grace_s, console=console)
    )


def backup(
    to: Annotated[
        str | None, _archive, Parameter(help="File, directory, or `-`; `backups` in the data directory if none.")
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
    return asyncio.run(make_backup(target, database_url=database_url, blobs=blobs, console=console))


def restore(
    from_: Annotated[str, _archive, Parameter(name="FROM", help="File, directory (its newest backup), or `-`.")],
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
        return asyncio.run(check(origin, console))
    settings, database_url, redis_url = _stores()
    stores = Stores(
        database_url=database_url,
        redis_url=redis_url,
        names=Names(stream=settings.event_bus_stream),
        blobs=open_blobs(settings),
        lease_s=settings.lease_ms / 1000,
    )
    return asyncio.run(restore_backup(origin, stores, replace=replace, console=console))
