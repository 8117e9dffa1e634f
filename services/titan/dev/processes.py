"""One program as a child of this process: started, watched, stopped, and started again."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from signal import SIGKILL, SIGTERM, Signals
from typing import BinaryIO

from msgspec import Struct

from titan.dev import lifeline
from titan.dev.lifeline import Identity
from titan.errors import Misconfigured, Unavailable

HOST = "127.0.0.1"
"""Where everything listens that nobody asked to be elsewhere."""

# Below the ports that the kernel gives to outgoing connections, so that a port remembered today is free tomorrow.
_PORTS = range(20_000, 32_000)
_LOG_LIMIT_BYTES = 5_000_000


class Command(Struct, frozen=True, kw_only=True):
    """How a program is started and stopped."""

    name: str
    """As people know it: `PostgreSQL`, `titan write`."""
    argv: tuple[str, ...]
    """The program by its full path, and its arguments."""
    environ: Mapping[str, str]
    """The whole of its environment."""
    log: Path | None = None
    """Where its output goes; without one it speaks through our own."""
    cwd: Path | None = None
    identity: Identity = Identity.SELF
    on_orphaned: Signals = SIGKILL
    """What it gets when this process is gone."""
    stops: tuple[tuple[Signals, float], ...] = ((SIGTERM, 10.0),)
    """What stops it, from kind to rough, and how many seconds each may take. SIGKILL comes last by itself."""


class Process:
    """A command, running or not. Belongs to the thread that launches it: when that thread ends, the child is gone."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None before the first launch."""
        return None if self._child is None else self._child.pid

    @property
    def status(self) -> int | None:
        """How the last run ended: exit status, or minus the signal. None while it runs, or before the first launch."""
        return None if self._child is None else self._child.poll()

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def launch(self) -> None:
        """Start the program and come back at once.

        It gets a session of its own, so that Ctrl-C at the terminal reaches this process alone, which then stops its
        children in order; and an open standard input that closes when this process ends.
        """
        self._let_go()
        command = self.command
        argv = launcher(command.argv, identity=command.identity, on_orphaned=command.on_orphaned)
        with _output(command.log) as output:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=output if command.log else None,
                stderr=subprocess.STDOUT if command.log else None,
                cwd=command.cwd,
                env=dict(command.environ),
                start_new_session=True,
            )

    def ask_to_stop(self) -> None:
        """Send the kindest of the signals, and come back at once."""
        self._send(self.command.stops[0][0])

    def wait_stopped(self, *, is_hurried: Callable[[], bool] = lambda: False) -> None:
        """Wait until the program has done what it was asked, ask more roughly in time; `is_hurried` cuts it short."""
        for step, (number, seconds) in enumerate(self.command.stops):
            if is_hurried():
                break
            if step > 0:
                self._send(number)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and not is_hurried():
                if self._is_gone_within(0.05):
                    self._let_go()
                    return
        self.kill()

    def stop(self) -> None:
        """Stop the program and wait until it is gone."""
        self.ask_to_stop()
        self.wait_stopped()

    def kill(self) -> None:
        """End the program as a power cut would, and wait until it is gone."""
        self._send(SIGKILL)
        if self._child is not None:
            self._child.wait()
        self._let_go()

    def last_words(self, lines: int = 12) -> str:
        """The end of its log, for a person who wonders why it ended."""
        log = self.command.log
        if log is None or not log.exists():
            return ""
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def wait_until(
        self, is_ready: Callable[[], bool], *, timeout_s: float, is_hurried: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until a condition holds.

        Raises:
            Unavailable: where the program ends before that, the time is over, or somebody is in a hurry.
        """
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            if not self.is_running:
                raise Unavailable(f"{self.command.name} ended with status {self.status}:\n{self.last_words()}")
            if is_hurried():
                raise Unavailable(f"{self.command.name} was not waited for: somebody wants to stop.")
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.command.name} was not ready within {timeout_s:g} s:\n{self.last_words()}")
            time.sleep(0.01)

    def _send(self, number: Signals) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def _is_gone_within(self, seconds: float) -> bool:
        if self._child is None:
            return True
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _let_go(self) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()


@contextmanager
def _output(log: Path | None) -> Generator[BinaryIO | None]:
    if log is None:
        yield None
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        yield output


def launcher(argv: tuple[str, ...], *, identity: Identity, on_orphaned: Signals = SIGKILL) -> list[str]:
    """The command line that starts a program tied to the life of the calling thread."""
    return [
        *(sys.executable, "-I", "-S", lifeline.__file__),
        *(str(os.getpid()), on_orphaned.name, identity.value),
        *argv,
    ]


def free_port(remembered: int | None = None, *, taken: Collection[int] = ()) -> int:
    """A port that nobody listens on: the remembered one where it is still free, else one that is not taken."""
    if remembered is not None and is_free(HOST, remembered):
        return remembered
    for port in SystemRandom().sample(_PORTS, 200):
        if port not in taken and is_free(HOST, port):
            return port
    raise Misconfigured("No free port was found between 20000 and 32000 on 127.0.0.1.")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def evict(program: str, directory: Path, *, with_signal: Signals, timeout_s: float = 10.0) -> None:
    """End what an earlier run left in a server's data directory, and wait until it is gone.

    Only for the holder of the lock of that directory. Two servers on the same files would destroy them, and a server
    whose supervisor was killed a moment ago may still be writing its last bytes. Asks /proc, so does nothing where
    there is none.
    """
    deadline = time.monotonic() + timeout_s
    directory = directory.resolve()
    while pids := _inhabitants(program, directory):
        number = with_signal if time.monotonic() < deadline else SIGKILL
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        time.sleep(0.02)


def _inhabitants(program: str, directory: Path) -> list[int]:
    # Servers make their data directory the working directory; a shell that stands there has another name.
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
            if name == program and (process / "cwd").readlink() == directory:
                found.append(int(process.name))
    return found


def answers(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
