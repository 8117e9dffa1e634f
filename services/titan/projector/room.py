"""How much room Redis has for documents.

What it has no room for is dropped instead: a missing copy is always right, as it is a question to PostgreSQL. Only what
is small and has an end, leases and announcements, is said to a Redis that is full (`titan.storage.scripts.ANYWAY`).
"""

import asyncio

from structlog.stdlib import BoundLogger

from titan.storage.cache import Announcer

FULL = 0.9
"""Share of its memory from which Redis gets no more documents, and loses some."""
ENOUGH = 0.75
"""Share of its memory up to which a cache is filled, and from which on copies are freed once it was full."""
LOOK_S = 1.0
PAGE = 20
"""How many copies are freed before it is looked again."""


class Room:
    """Whether there is room, as it was when Redis was last asked, or refused."""

    def __init__(self, log: BoundLogger) -> None:
        self._log = log
        self._look_at = 0.0
        self._cursor: int | None = None
        self.is_full = False
        """Whether documents are dropped instead of stored."""
        self.is_scarce = False
        """Whether no documents are stored but those that change."""

    @property
    def is_being_made(self) -> bool:
        """Whether there are copies left to free."""
        return self.is_full and self._cursor is not None

    def refused(self) -> None:
        """Take note that Redis had no room."""
        self._turn(is_full=True)

    async def look(self, announcer: Announcer, *, at_once: bool) -> None:
        """Ask how full Redis is, if it was not asked lately.

        Raises:
            Unavailable: where Redis is away.
        """
        now = asyncio.get_running_loop().time()
        if at_once or now >= self._look_at:
            self._look_at = now + LOOK_S
            share = await announcer.share()
            self.is_scarce = share >= ENOUGH
            self._turn(is_full=share >= FULL or (self.is_full and self.is_scarce))
            if self.is_full and self._cursor is None:
                self._cursor = 0

    async def make(self, announcer: Announcer) -> None:
        """Free some copies, whichever are found first.

        Raises:
            Unavailable: where Redis is away.
        """
        self._cursor = await announcer.sweep(None, self._cursor or 0, count=PAGE) or None

    def _turn(self, *, is_full: bool) -> None:
        if is_full and not self.is_full:
            self._cursor = 0
            self._log.warning("Redis is full: documents are dropped from it, and served from PostgreSQL")
        elif self.is_full and not is_full:
            self._log.info("Redis has room for documents again")
        self.is_full = is_full
