"""What PostgreSQL calls out: that the journal grew, that the read model caught up, that every replica did.

The first two are a wake-up, never the truth. The third is believed: there is no place where it could be looked up.
"""

import asyncio
import time

import psycopg

from titan.addresses import Address
from titan.errors import Unavailable
from titan.storage.life import life
from titan.storage.postgres import Connection, connect, reachable

JOURNAL = "titan_journal"
PROJECTED = "titan_projected"
VISIBLE = "titan_visible"

# Only as long as that session holds the lock of the one who projects: of a leader that lost it unawares, nobody hears.
CALL_OUT = """
SELECT pg_notify('titan_visible', %(position)s::text)
  FROM pg_locks
 WHERE locktype = 'advisory'
   AND objid = 7241004
   AND pid = %(leader)s
   AND granted
"""


async def call_out(connection: Connection, position: int, *, leader: int) -> bool:
    """Say that every replica shows what happened up to a position, or something newer.

    False where the session `leader`, the one that leads by the number of its process in the server, leads no more.

    Raises:
        Unavailable: where the database is away.
    """
    with reachable():
        cursor = await connection.execute(CALL_OUT, {"position": position, "leader": leader})
        return await cursor.fetchone() is not None


class Notices:
    """The positions called out on each channel, for everybody in the process who waits for one."""

    def __init__(self, conninfo: Address) -> None:
        self._conninfo = conninfo
        self._positions = {JOURNAL: 0, PROJECTED: 0, VISIBLE: 0}
        self.life = ""
        """Of the journal that is heard; the database behind a new connection may have been restored."""
        self._moved: dict[str, asyncio.Event] = {channel: asyncio.Event() for channel in self._positions}

    def position(self, channel: str) -> int:
        """The last position called out; 0 until the first call is heard."""
        return self._positions[channel]

    async def wait(self, channel: str, position: int, *, timeout_s: float) -> bool:
        """Wait until something behind a position is called out, or for a while; calls may be lost, so look then."""
        until = time.monotonic() + timeout_s
        while self._positions[channel] <= position:
            left = until - time.monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self._moved[channel].wait(), left)
            except TimeoutError:
                return False
        return True

    def heard(self, channel: str, position: int) -> None:
        """Take note of a position, called out or known otherwise, and wake those who wait for it."""
        if position <= self._positions[channel]:
            return
        self._positions[channel] = position
        self._moved[channel].set()
        self._moved[channel] = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled; a lost connection is opened again."""
        while True:
            try:
                await self._listen()
            except (Unavailable, psycopg.Error):
                await asyncio.sleep(0.25)

    async def _listen(self) -> None:
        connection = await connect(self._conninfo, name="notices")
        try:
            # Another life of the database may be behind what was heard from the last one.
            self.life = await life(connection)
            self._positions = dict.fromkeys(self._positions, 0)
            await connection.execute("LISTEN titan_journal")
            await connection.execute("LISTEN titan_projected")
            await connection.execute("LISTEN titan_visible")
            async for notice in connection.notifies():
                self.heard(notice.channel, int(notice.payload))
        finally:
            await connection.close()
