"""Calls out in PostgreSQL how far every replica is, for those whom Redis does not tell.

Whoever is cut off from Redis cannot know whether replicas are cut off too, or go on serving from memory. The projector
can: replicas have their leases only as long as it renews its own in Redis. While it announces, it says what the
watermark is; once it cannot, it waits until no lease can stand any more, and then says where the read model is.
"""

import asyncio
import time
from collections.abc import Callable

from titan.addresses import Address
from titan.errors import Unavailable
from titan.storage.membership import Watermark
from titan.storage.notices import call_out
from titan.storage.postgres import Connection, connect

LEASES = 2
"""How many leases after our last attempt at renewing ours a replica may have one: ours stood for one more, and with it
a replica could renew its own for another."""
AGAIN_S = 1.0
"""How often the same is said again: calls may be lost."""


class Calling:
    """What the active projector calls out."""

    def __init__(self, watermark: Watermark | None, *, lease_ms: int) -> None:
        self._watermark = watermark
        self._lease_s = lease_ms / 1000
        self._renewed_at = 0.0
        self._moved = asyncio.Event()

    def renewed(self) -> None:
        """Take note that Redis was just asked to renew our lease, whatever came of it; or that another may have."""
        self._renewed_at = time.monotonic()

    def moved(self) -> None:
        """Have it called out at once that the read model moved."""
        self._moved.set()

    async def run(
        self, conninfo: Address, life: str, bookmark: Callable[[], int], announces: Callable[[], bool], *, leader: int
    ) -> None:
        """Call out until cancelled.

        Raises:
            Unavailable: where the database is away, or the session `leader` no longer leads.
        """
        connection = await connect(conninfo, name="projector calls")
        try:
            await self._run(connection, life, bookmark, announces, leader)
        finally:
            await connection.close()

    async def _run(
        self, connection: Connection, life: str, bookmark: Callable[[], int], announces: Callable[[], bool], leader: int
    ) -> None:
        told, told_at = 0, 0.0
        while True:
            # What is read first is said: it only grows.
            upto = bookmark()
            known = await self._known(life, upto, announces=announces())
            now = time.monotonic()
            if known > told or (known and now >= told_at + AGAIN_S):
                if not await call_out(connection, known, leader=leader):
                    message = "The session that leads is gone."
                    raise Unavailable(message)
                told, told_at = max(told, known), now
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), self._lease_s / 4)
            except TimeoutError:
                continue

    async def _known(self, life: str, bookmark: int, *, announces: bool) -> int:
        """How far everybody is; 0 where that cannot be said."""
        if self._watermark is None:
            return bookmark
        if announces:
            try:
                return (await self._watermark.now(life)).watermark
            except Unavailable:
                return 0
        return bookmark if time.monotonic() >= self._renewed_at + LEASES * self._lease_s else 0
