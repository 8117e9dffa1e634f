"""Keeps processes running until it is asked to stop: starts again what ends unasked, stops all in order."""

import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from http.client import HTTPConnection, HTTPException
from signal import SIGCHLD, SIGHUP, SIGINT, SIGTERM, Signals
from types import FrameType, TracebackType
from typing import Self

from titan.dev.processes import Process
from titan.errors import Unavailable

_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 10.0
_STEADY_AFTER_S = 30.0


class Bell:
    """Rings when a child ends or somebody wants us to stop; what the supervisor sleeps on."""

    def __init__(self) -> None:
        self.asked_to_stop = 0
        """How often."""
        self._ear, self._clapper = socket.socketpair()
        self._handlers_before: dict[Signals, Callable[[int, FrameType | None], object] | int | None] = {}
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        self._ear.settimeout(0)
        self._clapper.settimeout(0)
        self._wakeup_before = signal.set_wakeup_fd(self._clapper.fileno(), warn_on_full_buffer=False)
        for number in (SIGINT, SIGTERM, SIGHUP, SIGCHLD):
            # Whoever started us by `nohup` wants us to outlive the terminal.
            if number == SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            self._handlers_before[number] = signal.signal(number, _note_nothing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._ear.close()
        self._clapper.close()

    def is_asked_to_stop(self) -> bool:
        """Whether somebody wants us to stop, as of now."""
        self.wait(0)
        return self.asked_to_stop > 0

    def wait(self, timeout_s: float | None) -> None:
        """Sleep until it rings or the time is over; None sleeps until it rings."""
        ready, _, _ = select.select([self._ear], [], [], timeout_s)
        if ready:
            rung = self._ear.recv(4096)
            self.asked_to_stop += sum(number != SIGCHLD for number in rung)


def _note_nothing(number: int, frame: FrameType | None) -> None:
    # The number is in the pipe already; a handler must stand here for that to happen.
    del number, frame


class Kept:
    """A process that is to run until we say otherwise."""

    def __init__(
        self, process: Process, *, rank: int, launch: Callable[[], None] | None = None, ready_at: str | None = None
    ) -> None:
        """`rank` is its place in the order of stopping; `ready_at` is HOST:PORT where it says that it is ready."""
        self.process = process
        self.rank = rank
        self.ready_at = ready_at
        self._launch = launch or process.launch
        self._launched_at = 0.0
        self._failures = 0
        self._due_at: float | None = None

    @property
    def name(self) -> str:
        return self.process.command.name

    def launch(self) -> None:
        """Start it and come back at once."""
        self._due_at = None
        self._launched_at = time.monotonic()
        self._launch()

    def look_after(self, say: Callable[[str], None]) -> float | None:
        """Start it again where it ended and its time has come. Gives the seconds until then, None where it runs."""
        if self.process.is_running:
            return None
        now = time.monotonic()
        if self._due_at is None:
            self._failures = 0 if now - self._launched_at > _STEADY_AFTER_S else self._failures + 1
            delay_s = min(_FIRST_DELAY_S * 2 ** min(self._failures, 10), _LONGEST_DELAY_S)
            self._due_at = now + delay_s
            say(f"{self.name} ended with status {self.process.status}; starting it again in {delay_s:g} s.")
            return delay_s
        if now < self._due_at:
            return self._due_at - now
        self.launch()
        return None

    def is_ready(self) -> bool:
        """Whether it answers that it is ready, or has no way to say so and runs."""
        return self.process.is_running and (self.ready_at is None or _is_ready(self.ready_at))


def bring_up(kept: Sequence[Kept], bell: Bell, *, timeout_s: float) -> None:
    """Launch processes and wait until all are ready, or until somebody wants us to stop.

    Raises:
        Unavailable: where one ends, or is not ready in time.
    """
    if bell.is_asked_to_stop():
        return
    for each in kept:
        each.launch()
    deadline = time.monotonic() + timeout_s
    waiting = list(kept)
    while waiting and not bell.asked_to_stop:
        for each in kept:
            if not each.process.is_running:
                raise Unavailable(f"{each.name} ended with status {each.process.status} while starting; see above.")
        waiting = [each for each in waiting if not each.is_ready()]
        if waiting and time.monotonic() > deadline:
            names = ", ".join(each.name for each in waiting)
            raise Unavailable(f"Not ready within {timeout_s:g} s: {names}.")
        bell.wait(0.02 if waiting else 0)


def watch(kept: Sequence[Kept], bell: Bell, say: Callable[[str], None]) -> None:
    """Start again whatever ends, until somebody wants us to stop."""
    while not bell.asked_to_stop:
        delays = [delay for each in kept if (delay := each.look_after(say)) is not None]
        bell.wait(min(delays, default=None))


def take_down(kept: Iterable[Kept], bell: Bell) -> None:
    """Stop processes rank by rank, those of one rank side by side. Asked once more meanwhile, kills what is left."""
    asked_before = bell.asked_to_stop

    def is_hurried() -> bool:
        bell.wait(0)
        return bell.asked_to_stop > max(asked_before, 1)

    by_rank: dict[int, list[Process]] = {}
    for each in kept:
        by_rank.setdefault(each.rank, []).append(each.process)
    for _, processes in sorted(by_rank.items()):
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.wait_stopped(is_hurried=is_hurried)


def _is_ready(address: str) -> bool:
    connection = HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
