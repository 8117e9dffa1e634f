"""`titan restore`: a database and its contents as a backup has them, or everything as it was.

All of the database happens in one transaction: the old schemas go, those of the backup's revision come, rows are copied
in, checked against what the backup says of itself, and migrated to the revision of this code. Contents are put into the
store before that is committed, as they are for any fact.

What still runs, or starts later, must not go on with the old state. The sessions of Titan's processes are ended under
the locks of the transaction, so that each begins anew on the new state. Redis is told to forget what it knew, and the
time of a lease is waited out before the commit: nobody answers from memory by then. Where Redis could not be told, it
is found out by the life of the journal (`titan.storage.life`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import psycopg
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress, TaskID

from titan.addresses import Address
from titan.errors import Misconfigured, Unavailable
from titan.operate.archive import CONTENTS, ROWS, End, Manifest, Member, Reader, Unsound
from titan.operate.backup import contents, lacking
from titan.operate.sealing import Opened
from titan.operate.terminal import amounts, say
from titan.storage import migrating, redis, refill, schema
from titan.storage.blobs.store import Blobs
from titan.storage.dump import Table
from titan.storage.postgres import reachable
from titan.storage.redis import Names


class Origin(Struct, frozen=True):
    """Where a backup is read from."""

    source: Path | BinaryIO
    identities: list[object]

    @contextmanager
    def open(self) -> Generator[Opened]:
        """Read it from its beginning; a stream can be opened once.

        Raises:
            Misconfigured: where it cannot be read, or needs an identity.
        """
        with ExitStack() as stack:
            if isinstance(self.source, Path):
                try:
                    file = stack.enter_context(self.source.open("rb"))
                except OSError as error:
                    raise Misconfigured(f"{self.source} cannot be read: {error.strerror}.") from error
            else:
                file = self.source
            opened = Opened(file, self.identities)
            stack.callback(opened.close)
            yield opened


class Stores(Struct, frozen=True):
    """Where a backup is restored to."""

    database_url: Address
    redis_url: Address | None
    names: Names
    blobs: Blobs
    lease_s: float
    """How long a replica may go on answering from memory."""


async def check(origin: Origin, console: Console) -> int:
    """Read a backup from its beginning to its end and say what it holds; gives 0, or 1 where it is not sound."""
    return 0 if await _checked(origin, console) else 1


async def _checked(origin: Origin, console: Console) -> bool:
    with amounts() as bar:
        task = bar.add_task("Checking", total=None)
        try:
            manifest, end = await asyncio.to_thread(_read, origin, lambda size: bar.advance(task, size))
        except Unsound as error:
            say(console, f"NOT SOUND: {error}", style="bold red")
            return False
    say(console, contents(manifest, end))
    for sentence in lacking(end):
        say(console, sentence, style="yellow")
    say(console, f"SOUND: {end.members} members, {end.bytes:,} bytes.", style="green")
    return True


def _read(origin: Origin, advance: Callable[[int], None]) -> tuple[Manifest, End]:
    with origin.open() as opened:
        reader = Reader(opened)
        manifest = reader.manifest()
        for member in reader.members():
            while piece := member.read():
                advance(len(piece))
    if reader.end is None:
        raise Unsound("It has no end.")
    return manifest, reader.end


async def restore(origin: Origin, stores: Stores, *, replace: bool, console: Console) -> int:
    """Restore a backup; gives 0, or 1 where it is refused, and then nothing was changed.

    A file is read to its end before anything is touched; a stream is checked while it is restored, and contents that
    came before its fault stay in the store, where nobody refers to them.

    Raises:
        Misconfigured: where the backup cannot be read, or its schema is not known.
        Unavailable: where a store is away; the database is as it was.
    """
    started_at = time.monotonic()
    try:
        if isinstance(origin.source, Path) and not await _checked(origin, console):
            return 1
        try:
            with reachable(), amounts() as bar:
                manifest, end = await Restoration(stores, console, bar).run(origin, replace=replace)
        except Refused as refusal:
            say(console, f"Refused: {refusal}", style="bold red")
            return 1
        except Unsound as error:
            say(console, f"NOT SOUND: {error} Nothing was restored.", style="bold red")
            return 1
    finally:
        await stores.blobs.close()
    if not isinstance(origin.source, Path):
        say(console, contents(manifest, end))
    for sentence in lacking(end):
        say(console, sentence, style="bold red")
    say(
        console, f"Restored up to position {manifest.position} in {time.monotonic() - started_at:.1f} s.", style="green"
    )
    return 0


class Refused(Exception):
    """The database is not to be restored to; the sentence says why."""


class Restoration:
    """A restore under way."""

    def __init__(self, stores: Stores, console: Console, bar: Progress) -> None:
        self._stores = stores
        self._console = console
        self._bar = bar

    async def run(self, origin: Origin, *, replace: bool) -> tuple[Manifest, End]:
        """Restore all of it, or nothing."""
        with origin.open() as opened:
            reader = Reader(opened)
            manifest = await asyncio.to_thread(reader.manifest)
            if manifest.schema not in migrating.known():
                raise Misconfigured(
                    f"The backup has schema {manifest.schema}, this version of Titan knows those up to {schema.KNOWN}: "
                    f"restore it with Titan {manifest.version} or a newer one."
                )
            transaction = migrating.anew(self._stores.database_url)
            anew = await asyncio.to_thread(transaction.__enter__)
            try:
                end = await self._within(anew, reader, manifest, replace=replace)
            except BaseException as error:
                await asyncio.to_thread(transaction.__exit__, type(error), error, error.__traceback__)
                raise
            await asyncio.to_thread(transaction.__exit__, None, None, None)
            return manifest, end

    async def _within(self, anew: migrating.Anew, reader: Reader, manifest: Manifest, *, replace: bool) -> End:
        connection = anew.connection
        ended = await asyncio.to_thread(self._clear, connection, replace=replace)
        await asyncio.to_thread(anew.migrate, manifest.schema)
        end = await self._fill(connection, reader, manifest)
        if manifest.schema != schema.KNOWN:
            await asyncio.to_thread(anew.migrate)
        await asyncio.to_thread(refill.analyze, connection)
        # Who connected meanwhile waits for us, with what it knew from before.
        ended += await asyncio.to_thread(refill.end_sessions, connection)
        if ended:
            say(self._console, f"{ended} sessions of processes that run were ended: they begin anew.")
        await self._tell_redis()
        return end

    def _clear(self, connection: psycopg.Connection, *, replace: bool) -> int:
        """Take out what is there; gives how many sessions were ended for it."""
        held = refill.held(connection)
        if held.rows and not replace:
            raise Refused(
                f"the database holds {held.events} events and {held.documents} documents, up to position "
                f"{held.position}; --replace replaces them."
            )
        if held.rows:
            say(
                self._console,
                f"Replaces what the database holds: {held.events} events and {held.documents} documents, up to "
                f"position {held.position}.",
                style="yellow",
            )
        try:
            ended = refill.end_sessions(connection)
            refill.clear(connection)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable) as error:
            raise Refused("the database is too busy: try again, or stop what works on it.") from error
        return ended

    async def _fill(self, connection: psycopg.Connection, reader: Reader, manifest: Manifest) -> End:
        tables = {table.title: table for table in manifest.tables}
        if await asyncio.to_thread(refill.prepare, connection) != list(manifest.tables):
            raise Unsound(f"Its tables are not those of schema {manifest.schema}.")
        filling = Filling(connection, tables, self._stores.blobs, self._bar)
        members = reader.members()
        while (member := await asyncio.to_thread(next, members, None)) is not None:
            await filling.take(member)
        await asyncio.to_thread(filling.settle)
        end = reader.end
        if end is None or filling.rows != end.rows:
            raise Unsound("It does not hold as many rows as its end says.")
        if (position := await asyncio.to_thread(refill.position, connection)) != manifest.position:
            raise Unsound(f"Its journal ends at position {position}, not at {manifest.position}.")
        return end

    async def _tell_redis(self) -> None:
        """Let Redis forget, and wait until nobody trusts what it knew."""
        if self._stores.redis_url is None:
            return
        client = redis.connect(self._stores.redis_url)
        try:
            await redis.forget(client, self._stores.names)
        except Unavailable:
            say(self._console, "Redis is away: the projector empties it once it is back.", style="yellow")
        finally:
            await client.aclose()
        await asyncio.sleep(self._stores.lease_s)


class Filling:
    """Rows into their tables, contents into the store."""

    def __init__(self, connection: psycopg.Connection, tables: dict[str, Table], blobs: Blobs, bar: Progress) -> None:
        self._connection = connection
        self._tables = tables
        self._blobs = blobs
        self._bar = bar
        self._task: TaskID = bar.add_task("Restoring", total=None)
        self._copying: refill.Copying | None = None
        self.rows: dict[str, int] = {}

    async def take(self, member: Member) -> None:
        """Put a member where it belongs.

        Raises:
            Unsound: where it is damaged or belongs nowhere.
        """
        if member.name.startswith(ROWS):
            await asyncio.to_thread(self._copy, member)
        elif member.name.startswith(CONTENTS):
            await asyncio.to_thread(self.settle)
            stored = await self._blobs.put(self._pieces(member), limit_bytes=member.size)
            if stored.digest != member.digest:
                raise Unsound(f"{member.name} is damaged.")
        else:
            raise Unsound(f"{member.name} does not belong into a backup.")

    async def _pieces(self, member: Member) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(member.read):
            self._bar.advance(self._task, len(piece))
            yield piece

    def _copy(self, member: Member) -> None:
        if self._copying is None or self._copying.table.title != member.table:
            self.settle()
            # Taken out, so that no table comes twice.
            table = self._tables.pop(member.table, None)
            if table is None:
                raise Unsound(f"{member.name} does not belong there.")
            self._copying = refill.Copying(self._connection, table)
        while piece := member.read():
            self._copying.write(piece)
            self._bar.advance(self._task, len(piece))

    def settle(self) -> None:
        """End the table that was filled last.

        Raises:
            Unsound: where the database cannot take its rows.
        """
        if self._copying is None:
            return
        copying, self._copying = self._copying, None
        try:
            self.rows[copying.table.title] = copying.finish()
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise Unsound(f"The rows of {copying.table.title} cannot be restored: {error}") from error
