"""Where it is measured: servers of our own with their defaults, and the processes of Titan, all on 127.0.0.1.

Files lie beside the results and not under /tmp, which is memory on many machines: a commit has to reach a disk.
Everything ends with the context that it was started in, and with this process however that ends.
"""

import http.client
import os
import subprocess
import sys
from collections.abc import Collection, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from signal import SIGTERM
from types import MappingProxyType
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import psycopg
from msgspec import Struct
from psycopg import sql
from redis import Redis

from titan.addresses import current
from titan.dev import embedded
from titan.dev.embedded import Given
from titan.dev.place import Place
from titan.dev.processes import HOST, Command, Process, free_port
from titan.operate.loading import Plan, Result
from titan.storage import migrating

READY_WITHIN_S = 60.0
OUR_PATH = os.pathsep.join(filter(None, sys.path))
"""Children find what we have found, `bench` among it."""
BOTH = frozenset({0, 1})
NOTHING: Mapping[str, str] = MappingProxyType({})


class Stores(Struct, frozen=True):
    """An empty database with the schema, and an empty Redis."""

    database_url: str
    redis_url: str


class Served(Struct, frozen=True):
    """One process that answers over HTTP."""

    process: Process
    url: str
    """Without a slash at its end."""

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def wait_ready(self) -> Self:
        """Wait until it answers.

        Raises:
            Unavailable: where it does not in time.
        """
        self.process.wait_until(lambda: _is_ready(self.url), timeout_s=READY_WITHIN_S)
        return self


class Bench:
    """Servers that run, and what starts processes on them."""

    def __init__(self, directory: Path, environ: Mapping[str, str], *, quick: bool) -> None:
        self.quick = quick
        self._environ = environ
        self._directory = directory
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            place = stack.enter_context(Place(self._directory))
            given = Given(mqtt_broker=HOST)  # nobody publishes here
            path = self._environ.get("PATH", os.defpath)
            servers = embedded.lay_out(place, given, search_path=path)
            for server in servers.embedded:
                stack.callback(server.process.stop)
            embedded.start(servers.embedded)
            self._database_url, self._redis_url = current(servers.database_url), current(servers.redis_url)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def data_dir(self) -> Path:
        """Where the processes keep contents of files and Blobs."""
        return self._directory / "titan"

    @contextmanager
    def stores(self) -> Generator[Stores]:
        """Stores that nobody else uses, gone with the context. One at a time: there is one Redis."""
        name = f"bench_{uuid4().hex}"
        url = f"{self._database_url.rpartition('/')[0]}/{name}"
        with Redis.from_url(self._redis_url) as client:
            client.flushall()
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            migrating.migrate(url)
            yield Stores(url, self._redis_url)
        finally:
            with psycopg.connect(self._database_url, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def titan(
        self, stores: Stores, command: str, settings: Mapping[str, str] = NOTHING, *, cores: Collection[int] = BOTH
    ) -> Generator[Served]:
        """One process of Titan, `write` and the like, that is coming up: several do so side by side."""
        with self._process(stores, ("titan.main", command), cores, settings) as served:
            yield served

    @contextmanager
    def stand_in(self, stores: Stores, name: str, *, cores: Collection[int] = BOTH) -> Generator[Served]:
        """One of `bench.stand_in`, coming up."""
        with self._process(stores, ("bench.stand_in", name), cores, NOTHING) as served:
            yield served

    @contextmanager
    def _process(
        self, stores: Stores, words: tuple[str, ...], cores: Collection[int], settings: Mapping[str, str]
    ) -> Generator[Served]:
        port = free_port()
        process = Process(
            Command(
                name=" ".join(words),
                argv=(sys.executable, "-m", *words),
                environ={**self._settings(stores, port), **settings},
                log=self._directory / "logs" / f"{words[-1]}.log",
                stops=((SIGTERM, 15.0),),
            )
        )
        with pinned(cores):
            process.launch()
        try:
            yield Served(process, f"http://{HOST}:{port}")
        finally:
            process.stop()

    def _settings(self, stores: Stores, port: int) -> dict[str, str]:
        return {
            **{name: value for name, value in self._environ.items() if not name.startswith("TITAN_")},
            "PYTHONPATH": OUR_PATH,
            "DATABASE_URL": stores.database_url,
            "REDIS_URL": stores.redis_url,
            "TITAN_ENV": "production",
            "TITAN_LOG_LEVEL": "WARNING",
            "TITAN_HOST": HOST,
            "TITAN_PORT": str(port),
            "TITAN_DATA_DIR": str(self.data_dir),
        }

    def load(self, plan: Plan, *, cores: Collection[int] = BOTH) -> Result:
        """Carry a plan out and wait for it."""
        with self.loading(plan, cores=cores) as child:
            return finished(child)

    @contextmanager
    def loading(self, plan: Plan, *, cores: Collection[int] = BOTH) -> Generator["subprocess.Popen[bytes]"]:
        """Carry a plan out beside the body; `finished` waits for its result."""
        with pinned(cores):
            child = subprocess.Popen(
                [sys.executable, "-m", "titan.operate.loading"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={"PYTHONPATH": OUR_PATH, "PATH": os.defpath},
            )
        with child:
            try:
                assert child.stdin
                child.stdin.write(msgspec.json.encode(plan))
                child.stdin.close()
                yield child
            finally:
                child.kill()

    @contextmanager
    def command(self, stores: Stores, *words: str) -> Generator["subprocess.Popen[bytes]"]:
        """One command of Titan, beside the body; ended with it where it has not ended by then."""
        argv = (sys.executable, "-m", "titan.main", *words)
        with subprocess.Popen(argv, env=self._settings(stores, free_port()), stderr=subprocess.PIPE) as child:
            try:
                yield child
            finally:
                child.kill()


def ready(*served: Served) -> None:
    """Wait for all of them."""
    for one in served:
        one.wait_ready()


def stopped(child: "subprocess.Popen[bytes]") -> Result:
    """End a load before its time; gives what it has measured until then."""
    child.terminate()
    return finished(child)


def finished(child: "subprocess.Popen[bytes]") -> Result:
    """The result of a load, once there is one."""
    assert child.stdout
    said = child.stdout.read()
    if child.wait() != 0:
        raise RuntimeError("The generator of load gave up.")
    return msgspec.json.decode(said, type=Result)


@contextmanager
def pinned(cores: Collection[int]) -> Generator[None]:
    """Have what is started inside run on these cores alone, where the system knows such a wish."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before & set(cores) or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def ask(
    url: str, method: str = "GET", *, body: str = "", headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of one answer."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    try:
        target = where.path + (f"?{where.query}" if where.query else "")
        given = {"content-type": "application/json"} if body else {}
        connection.request(method, target, body or None, given | dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _is_ready(url: str) -> bool:
    with suppress(OSError, http.client.HTTPException):
        status, _ = ask(f"{url}/health/ready")
        return status == 200
    return False


def resident_mb(pid: int) -> float:
    """Memory that a process and its children have to themselves or share among each other; 0 where nobody tells."""
    total = 0
    for one in (pid, *children(pid)):
        with suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def peak_mb(pid: int) -> float:
    """The most memory that a process had so far; 0 where it has ended, or nobody tells."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    return 0.0


def cpu_s(pid: int) -> float:
    """Seconds of a core that a process and its children have used."""
    ticks = 0
    for one in (pid, *children(pid)):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Of a process, and theirs."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += (int(child), *children(int(child)))
    return found
