"""`titan dev`: servers, schema and Titan itself from one command, until Ctrl-C."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlsplit

from msgspec import Struct

from titan.addresses import Address, current
from titan.dev import caddy, embedded
from titan.dev.embedded import Given, Servers
from titan.dev.lifeline import die_with_parent
from titan.dev.place import Place
from titan.dev.processes import HOST, Command, Process, is_free
from titan.dev.supervisor import Bell, Kept, bring_up, take_down, watch
from titan.errors import Misconfigured, Unavailable

_READY_WITHIN_S = 60.0

# In this order they stop: nobody asks any more, what was accepted is finished and seen, then the stores go.
_GATEWAY, _WRITERS, _READERS, _FOLLOWERS, _STORES = range(5)


class DevSettings(Struct, frozen=True, kw_only=True):
    """What `titan dev` is to start."""

    environ: Mapping[str, str]
    """The environment of the Titan processes, to which the addresses of the servers are added."""
    migrate: Callable[[Address], None]
    """Brings the schema of the database at a URL up to date; called before any process of Titan starts."""
    data_dir: Path
    """Where the embedded servers keep their files (`TITAN_DATA_DIR`)."""
    host: str = HOST
    port: int = 8080
    """Where the API is."""
    given: Given = Given()
    """Servers that are not to be embedded."""
    replicas: int = 0
    """Read replicas behind a gateway; with none, all of Titan is one process on the port itself."""
    workers: int = 1
    """Worker processes of the write tier; only with replicas."""
    postgres_bin: Path | None = None
    """A directory with the programs of PostgreSQL (`TITAN_PG_BIN`), instead of those found."""
    program: tuple[str, ...] = (sys.executable, "-m", "titan.main")
    """What a Titan process is started by; `write`, `read`, `projector`, `bridge` or `together` is added to it, and
    `--workers N` for the write tier. Where to listen stands in TITAN_HOST and TITAN_PORT of its environment."""
    with_parent: bool = False
    """Whether to stop when the process that started this one ends: for `make run`, which can be killed too."""


def run(settings: DevSettings) -> int:
    """Start everything, say where it is, keep it running until a signal, and stop it in order. Gives the exit status.

    Has to be called in the main thread.

    Raises:
        Misconfigured: where it cannot start as told; nothing is left running.
        Unavailable: where a server or a process does not come up; nothing is left running.
    """
    started_at = time.monotonic()
    if settings.with_parent:
        die_with_parent(os.getppid(), with_signal=SIGTERM)
    with Place(settings.data_dir) as place, Bell() as bell:
        _refuse_a_taken_port(settings)
        search_path = settings.environ.get("PATH", os.defpath)
        servers = embedded.lay_out(place, settings.given, search_path=search_path, postgres_bin=settings.postgres_bin)
        kept = [Kept(server.process, launch=server.launch, rank=_STORES) for server in servers.embedded]
        try:
            embedded.start(servers.embedded, is_hurried=bell.is_asked_to_stop)
            _note_addresses(place, servers)
            settings.migrate(servers.database_url)
            titans = tuple(_titan(settings, servers, role) for role in _roles(settings, place))
            kept.extend(titans)
            bring_up(titans, bell, timeout_s=_READY_WITHIN_S)
            gateway = tuple(_gateway(settings, titans, place, search_path=search_path))
            kept.extend(gateway)
            bring_up(gateway, bell, timeout_s=_READY_WITHIN_S)
            if not bell.asked_to_stop:
                _say(_report(settings, servers, titans, place, seconds=time.monotonic() - started_at))
            watch(kept, bell, _say)
        except Unavailable:
            if not bell.is_asked_to_stop():
                raise
        finally:
            take_down(kept, bell)
    _say("Titan has stopped.")
    return 0


def _refuse_a_taken_port(settings: DevSettings) -> None:
    if not is_free(settings.host, settings.port):
        raise Misconfigured(
            f"Port {settings.port} on {settings.host} is taken by another program: stop that, or choose another one "
            "in TITAN_PORT."
        )


_ADDRESSES = "addresses"


def _note_addresses(place: Place, servers: Servers) -> None:
    """Note where the servers are, for `titan status` and its siblings; with passwords, so for the owner alone."""
    path = place.path / _ADDRESSES
    path.touch(mode=0o600)
    noted = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
    # What changes with a file is not copied into another one.
    path.write_text("".join(f"{name}={where}\n" for name, where in noted.items() if isinstance(where, str)))


def addresses(data_dir: Path) -> dict[str, str]:
    """Where the servers are that a `titan dev` over this data directory has, or had; empty where there is none."""
    try:
        lines = (data_dir / _ADDRESSES).read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


class _Role(Struct, frozen=True, kw_only=True):
    """One process of Titan."""

    command: str
    rank: int
    port: int
    host: str = HOST
    workers: int = 1
    number: int | None = None
    serves: bool = True
    """Whether it can be asked over HTTP if it is ready."""


def _roles(settings: DevSettings, place: Place) -> Iterator[_Role]:
    if settings.replicas == 0:
        yield _Role(command="together", rank=_WRITERS, host=settings.host, port=settings.port)
        return
    yield _Role(command="write", rank=_WRITERS, port=place.port("write"), workers=settings.workers)
    for number in range(1, settings.replicas + 1):
        yield _Role(command="read", rank=_READERS, port=place.port(f"read-{number}"), number=number)
    for command in ("projector", "bridge"):
        yield _Role(command=command, rank=_FOLLOWERS, port=place.port(command), serves=False)


def _titan(settings: DevSettings, servers: Servers, role: _Role) -> Kept:
    command = Command(
        name=f"titan {role.command}" if role.number is None else f"titan {role.command} {role.number}",
        argv=(*settings.program, role.command, *(("--workers", str(role.workers)) if role.workers > 1 else ())),
        environ={
            **settings.environ,
            **_leading("DATABASE", servers.database_url),
            **_leading("REDIS", servers.redis_url),
            "MQTT_BROKER": servers.mqtt_broker,
            "MQTT_PORT": str(servers.mqtt_port),
            "TITAN_HOST": role.host,
            "TITAN_PORT": str(role.port),
        },
        stops=((SIGTERM, 15.0),),
    )
    ready_at = f"{_reachable(role.host)}:{role.port}" if role.serves else None
    return Kept(Process(command), rank=role.rank, ready_at=ready_at)


def _leading(name: str, where: Address) -> dict[str, str]:
    """What leads a process to a store; nothing where files do, which the environment names already."""
    return {} if callable(where) else {f"{name}_URL": where, f"{name}_PASSWORD": ""}


def _gateway(settings: DevSettings, titans: tuple[Kept, ...], place: Place, *, search_path: str) -> Iterator[Kept]:
    if settings.replicas == 0:
        return
    command = caddy.command(
        caddy.find_program(search_path=search_path),
        place.path / "caddy",
        host=settings.host,
        port=settings.port,
        read=[each.ready_at for each in titans if each.rank == _READERS and each.ready_at],
        write=[each.ready_at for each in titans if each.rank == _WRITERS and each.ready_at],
    )
    yield Kept(Process(command), rank=_GATEWAY, ready_at=f"{_reachable(settings.host)}:{settings.port}")


def _report(settings: DevSettings, servers: Servers, titans: tuple[Kept, ...], place: Place, *, seconds: float) -> str:
    given = settings.given
    rows = [
        ("API", f"http://{_reachable(settings.host)}:{settings.port}"),
        ("PostgreSQL", _address(servers.database_url, is_given=given.database_url is not None)),
        ("Redis", _address(servers.redis_url, is_given=given.redis_url is not None)),
        ("MQTT", _mqtt_address(servers, is_given=given.mqtt_broker is not None)),
        *((each.name, f"http://{each.ready_at}") for each in titans if settings.replicas and each.ready_at),
        ("data", f"{place.path} (logs of the servers in {place.log('*')})"),
    ]
    table = "\n".join(f"  {name:<12} {where}" for name, where in rows)
    return f"\nTitan is ready after {seconds:.1f} s.\n\n{table}\n\nCtrl-C stops it all; the data stays.\n"


def _address(where: Address, *, is_given: bool) -> str:
    url = current(where)
    # The embedded servers' password is for this machine and this person; another server's is nobody's business here.
    if not is_given:
        return url
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path} (given)"


def _mqtt_address(servers: Servers, *, is_given: bool) -> str:
    address = f"{servers.mqtt_broker}:{servers.mqtt_port}"
    if is_given:
        return f"{address} (given)"
    if servers.mqtt_port_v5 != servers.mqtt_port:
        return f"{address} (MQTT 3.1.1; MQTT 5 on port {servers.mqtt_port_v5})"
    return address


def _reachable(host: str) -> str:
    if host in {"", "0.0.0.0"}:  # noqa: S104 - recognised, not bound
        return HOST
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def _say(text: str) -> None:
    print(text, flush=True)
