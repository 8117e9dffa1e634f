"""Whether this worker may answer from memory: it forgets what is announced, says how far it is, and holds a lease.

All of it happens in a thread of its own. On the loop that serves, a worker that is saturated with readers would report
late, and every writer would wait for it.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Sequence

from structlog.stdlib import BoundLogger

from titan.errors import Unavailable
from titan.read.memory import Memory
from titan.storage.membership import Announced, Joined, Membership

PAUSE_S = 0.1


def list_subject(kind: str) -> bytes:
    """The subject of every list of a kind: any change to a document of the kind may change it."""
    return b"list:" + kind.encode()


class Fresh:
    """The lease of one worker. Without Redis there is none, and nothing is ever fresh."""

    def __init__(
        self,
        membership: Membership | None,
        memory: Memory,
        bookmark: Callable[[], int],
        *,
        lease_ms: int,
        log: BoundLogger,
    ) -> None:
        self._membership = membership
        self._memory = memory
        self._bookmark = bookmark
        self._renew_ms = lease_ms // 4
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fresh", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moved = asyncio.Event()
        self.until = 0.0
        """Until when memory and Redis may be trusted, on the monotonic clock."""
        self.applied = 0
        """Position up to which everything announced is forgotten."""
        self.generation = ""

    @property
    def is_fresh(self) -> bool:
        """Whether memory and Redis may be trusted now."""
        return time.monotonic() < self.until

    def start(self) -> None:
        """Begin to follow; called on the loop that serves."""
        if self._membership is not None:
            self._loop = asyncio.get_running_loop()
            self._thread.start()

    def stop(self) -> None:
        """Give the lease back and end the thread; nothing is fresh any more. May take as long as Redis takes."""
        self.until = 0.0
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    async def reach(self, position: int, *, timeout_s: float) -> bool:
        """Wait until everything up to a position is forgotten, while the lease is held."""
        until = time.monotonic() + timeout_s
        while self.applied < position and self.is_fresh:
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                return False
        return self.applied >= position

    def _run(self) -> None:
        membership = self._membership
        if membership is None:
            return
        while not self._stopping.is_set():
            try:
                joined = self._join(membership)
                if joined is not None:
                    self._follow(membership, joined)
            except Unavailable:
                # A Redis that comes back may have forgotten our lease: others would not wait for us.
                self.until = 0.0
                self._log.warning("announcements are away", applied=self.applied)
                self._stopping.wait(PAUSE_S)
            except Exception:  # noqa: BLE001  # without this thread nothing would be fresh again, and nobody would know why
                self.until = 0.0
                self._log.exception("what was announced cannot be followed", applied=self.applied)
                self._stopping.wait(PAUSE_S)
        try:
            membership.leave()
        except Unavailable:
            return

    def _join(self, membership: Membership) -> Joined | None:
        """Take a lease and begin with an empty memory; None where Redis is behind what the read model knows."""
        # From the moment on that Redis takes us for one who has forgotten everything, nobody waits for us.
        self.until = 0.0
        known = self._bookmark()
        joined = membership.join()
        if joined is None or joined.position < known:
            # Nobody projects, or Redis is older than it was and its projector has not noticed yet.
            self._stopping.wait(PAUSE_S)
            return None
        self._memory.clear()
        self.generation = joined.generation
        self._reached(joined.position)
        self.until = joined.until
        self._log.info("joined", generation=joined.generation, position=joined.position)
        return joined

    def _follow(self, membership: Membership, joined: Joined) -> None:
        while not self._stopping.is_set():
            announced = membership.read(self.applied, block_ms=self._renew_ms)
            if not self._forget(announced):
                self._log.warning("an announcement is missing", applied=self.applied)
                return
            until = membership.report(self.applied, joined.generation)
            if until is None:
                self.until = 0.0
                self._log.warning("the lease is lost", applied=self.applied)
                return
            if not self._stopping.is_set():
                self.until = until

    def _forget(self, announced: Sequence[Announced]) -> bool:
        for announcement in announced:
            if announcement.after != self.applied:
                return False
            self._memory.forget(announcement.keys)
            self._memory.forget(list_subject(kind) for kind in announcement.kinds)
            self._reached(announcement.upto)
        return True

    def _reached(self, position: int) -> None:
        self.applied = position
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def replica_name() -> str:
    """A name that no other worker has."""
    return secrets.token_hex(6)
