"""`titan rebuild`: the read model anew from the state, while everything runs, and a new generation in Redis."""

import asyncio
import time
from collections.abc import Sequence

import psycopg
from rich.console import Console
from rich.progress import Progress

from titan.addresses import Address, database
from titan.events.facts import Event
from titan.events.project import Change, Forgotten, Listed, latest_rows, project
from titan.operate.listed import listed
from titan.operate.renewing import renew_cache
from titan.operate.terminal import progress, say
from titan.storage import journal, listings
from titan.storage import rebuild as tables
from titan.storage.postgres import Connection, connect, reachable
from titan.storage.rebuild import Astray, Stands
from titan.storage.redis import Names

PAGE = 256
NEAR = 256
"""How many events may be left to follow when the tables are swapped: while they are, the projector waits."""
AGAIN_S = 0.2
WHOLE_TABLES = "-c jit=off -c synchronous_commit=off"
"""The swap reaches the disk all the same, because it removes files."""


async def rebuild(*, database_url: Address, redis_url: Address | None, names: Names, console: Console) -> int:
    """Rebuild the read model and have Redis filled anew; gives the exit status.

    The user of the database must be allowed to create a schema.

    Raises:
        Unavailable: where the database goes away; the read model is as it was.
    """
    conninfo = database(database_url).conninfo
    connection = await connect(conninfo, name="rebuild", options=WHOLE_TABLES)
    try:
        with reachable():
            if not await tables.alone(connection):
                say(console, "Another rebuild is under way.", style="red")
                return 2
            await tables.prepare(connection)
            try:
                with progress() as bar:
                    await Rebuild(connection, console).run(conninfo, bar)
            finally:
                if not connection.closed:
                    await tables.remove(connection)
    finally:
        await connection.close()
    await renew_cache(redis_url, names, console)
    return 0


class Rebuild:
    """A rebuild under way: how far the new tables have come, and what they could not take."""

    def __init__(self, connection: Connection, console: Console) -> None:
        self._connection = connection
        self._console = console
        self._position = 0
        self._astray: list[Astray] = []

    async def run(self, conninfo: Address, bar: Progress) -> None:
        """Fill the new tables from a snapshot, follow what was written meanwhile, and swap."""
        started_at = time.monotonic()
        count = await self._fill(conninfo, bar)
        filled_s = time.monotonic() - started_at
        await tables.analyze(self._connection)
        while await listings.bookmark(self._connection) - self._position > NEAR:
            await self._follow(self._position + NEAR)
        await self._swap()
        say(self._console, f"{count} documents in {filled_s:.1f} s: {count / max(filled_s, 0.001):,.0f} a second.")
        say(self._console, f"The read model stands at position {self._position}.")
        if self._astray:
            parked = len({one.position for one in self._astray})
            say(self._console, f"{parked} events are parked; `titan status` shows them.", style="yellow")

    async def _fill(self, conninfo: Address, bar: Progress) -> int:
        source = await connect(conninfo, name="rebuild snapshot", options=WHOLE_TABLES)
        try:
            await source.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await source.set_read_only(True)
            async with source.transaction():
                self._position, count = await tables.snapshot(source)
                task = bar.add_task("Documents", total=count)
                async for page in tables.standing(source, page=PAGE):
                    await self._load([listed for stands in page if (listed := self._list(stands))])
                    bar.advance(task, len(page))
            return count
        finally:
            await source.close()

    def _list(self, stands: Stands) -> Listed | None:
        try:
            return listed(stands)
        except Exception as error:  # noqa: BLE001  # as in the projector: one document must not stop the others
            self._astray.append(Astray(stands.position, stands.key, repr(error)))
            return None

    async def _load(self, rows: Sequence[Listed]) -> None:
        try:
            await tables.load(self._connection, rows)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except psycopg.Error as error:
            if len(rows) == 1:
                self._astray.append(Astray(rows[0].sort, rows[0].key, repr(error)))
                return
            for row in rows:
                await self._load([row])

    async def _follow(self, upto: int) -> None:
        while self._position < upto:
            limit = min(NEAR, upto - self._position)
            events = await journal.after(self._connection, self._position, limit=limit)
            await tables.follow(self._connection, latest_rows([self._project(event) for event in events]))
            self._position = events[-1].position

    def _project(self, event: Event) -> Change:
        try:
            return project(event)
        except Exception as error:  # noqa: BLE001  # as in the projector: one event must not stop the others
            self._astray.append(Astray(event.position, event.key, repr(error)))
            return Change(row=None, copy=Forgotten(event))

    async def _swap(self) -> None:
        """Follow to exactly where the projector is, and take its place for a moment.

        Where the projector is behind the snapshot, or does not run, the bookmark goes to the snapshot.
        """
        is_told = False
        while True:
            position = self._position
            try:
                async with self._connection.transaction():
                    await self._follow(await tables.hold(self._connection))
                    await tables.swap(self._connection, self._position, self._astray)
                return
            except psycopg.errors.LockNotAvailable:
                self._position = position
                if not is_told:
                    say(self._console, "The new tables are ready, and wait until nobody reads the old ones for long.")
                    is_told = True
                await asyncio.sleep(AGAIN_S)
