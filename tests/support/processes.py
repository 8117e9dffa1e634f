"""Titan's own processes, as they run in production: started by their command, asked over HTTP, found by pid."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

from support.trees import below
from support.waiting import eventually

_START_WITHIN_S = 90.0
_STOP_WITHIN_S = 60.0


class Found(NamedTuple):
    """A process of a tier: the one that was started by the command, with its workers."""

    pid: int
    workers: frozenset[int]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all of it; the workers first, so that nobody starts them anew."""
        for pid in (*self.workers, self.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


class Titan:
    """A run of one command of Titan."""

    def __init__(self, child: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.child = child
        self.url = url
        self.log = log

    def said(self) -> str:
        """All that it and its processes wrote."""
        return self.log.read_text(errors="replace")

    def processes(self, command: str) -> list[Found]:
        """Its processes that were started by `titan <command>`, without their workers' own entries, by port."""
        tree = below(self.child.pid)
        named = {pid for pid in tree if _words(pid)[-3:] == ["-m", "titan.main", command]}
        masters = [pid for pid in named if not any(pid in below(other) for other in named - {pid})]
        found = [
            Found(pid, frozenset(below(pid)), port)
            for pid in masters
            if (port := int(_environment(pid).get("TITAN_PORT", "0")))
        ]
        return sorted(found, key=lambda one: one.port)

    def is_ready(self) -> bool:
        return is_ready(self.url)


def is_ready(url: str) -> bool:
    """Whether a process says that it is ready to serve."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def titan(
    directory: Path, port: int, *words: str, environ: Mapping[str, str] | None = None, wait: bool = True
) -> Generator[Titan]:
    """Run `titan WORD…` on a port until the context ends; it is ready when this comes back, and nothing is left after.

    Its output goes to a file, in which it can be looked up; what it said is in the failure when it doesn't start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "titan.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "titan.main", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={
                **os.environ,
                "TITAN_HOST": "127.0.0.1",
                "TITAN_PORT": str(port),
                "TITAN_DATA_DIR": str(directory / "data"),
                "TITAN_LOG_FORMAT": "json",
                **(environ or {}),
            },
        )
    with child:
        run = Titan(child, f"http://127.0.0.1:{port}", log)
        try:
            if wait:
                started = eventually(lambda: child.poll() is not None or run.is_ready(), timeout_s=_START_WITHIN_S)
                assert started, f"It was not ready in time; it said:\n{run.said()}"
                assert child.poll() is None, f"It ended; it said:\n{run.said()}"
            yield run
        finally:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    left = below(child.pid)
    for pid in left:
        # What a test stopped has to go on, or it never hears that it is to end.
        _send(pid, signal.SIGCONT)
    child.terminate()
    try:
        child.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        left = below(child.pid)
        child.kill()
        child.wait()
        for pid in left:
            _send(pid, signal.SIGKILL)
        raise


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def _environment(pid: int) -> dict[str, str]:
    try:
        entries = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)
