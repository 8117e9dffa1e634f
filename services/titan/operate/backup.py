"""`titan backup`: database and contents as of one position, in one archive, while everything runs."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from hashlib import sha256
from importlib.metadata import version
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import psycopg
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress, TaskID

from titan.addresses import Address, database
from titan.errors import Misconfigured, NotFound
from titan.operate.archive import FORMAT, PIECE_BYTES, End, Manifest, Writer
from titan.operate.placing import Placed, Target
from titan.operate.terminal import amounts, say
from titan.storage import dump
from titan.storage.blobs.collect import gather, gathered, hold_off
from titan.storage.blobs.store import Blobs
from titan.storage.dump import Moment, Table
from titan.storage.postgres import Connection, connect, reachable

ROWS_BYTES = 4 << 20
"""Rows that are gathered before they become a piece of the archive; one that is longer is a piece of its own."""
SPOOLED_BYTES = 8 << 20
"""Contents up to here are looked at in memory before they are written."""
MISSING_TOLD = 100
WHOLE_TABLES = "-c jit=off"


class Backed(Struct, frozen=True):
    """What came of it."""

    manifest: Manifest
    end: End


async def backup(target: Target, *, database_url: Address, blobs: Blobs, console: Console) -> int:
    """Make a backup and say what is in it; gives 0, or 1 where the blob store lacked a content.

    The user of the database must be allowed to read all tables and to make temporary ones.

    Raises:
        Misconfigured: where the database has no schema.
        Unavailable: where a store goes away, or the target cannot be written. What was written until then is removed.
    """
    started_at = time.monotonic()
    try:
        connection = await connect(database(database_url).conninfo, name="backup", options=WHOLE_TABLES)
        try:
            with reachable(), amounts() as bar:
                backed, placed = await Backup(connection, blobs, bar).run(target)
        finally:
            await connection.close()
    finally:
        await blobs.close()
    _show(backed, placed, time.monotonic() - started_at, console)
    return 1 if backed.end.missing else 0


def _show(backed: Backed, placed: Placed, took_s: float, console: Console) -> None:
    manifest, end = backed.manifest, backed.end
    say(console, contents(manifest, end))
    say(console, f"{end.bytes:,} bytes, {placed.bytes:,} in {placed.name}, in {took_s:.1f} s.")
    for name in placed.removed:
        say(console, f"Removed {name}.")
    for sentence in lacking(end):
        say(console, sentence, style="bold red")


def contents(manifest: Manifest, end: End) -> str:
    """What a backup holds, in a sentence."""
    standing = ", ".join(f"{count} {kind}s" for kind, count in manifest.documents.items()) or "no documents"
    events = end.rows.get("journal.event", 0)
    return (
        f"{standing}; {events} events up to position {manifest.position}; {end.contents} contents; "
        f"schema {manifest.schema}; {manifest.at:%Y-%m-%d %H:%M:%S} UTC."
    )


def lacking(end: End) -> Sequence[str]:
    """What is to be said of contents that a backup lacks."""
    if not end.missing:
        return ()
    some = "at least " if len(end.missing) >= MISSING_TOLD else ""
    head = f"{some}{len(end.missing)} contents that documents refer to were not in the blob store, or damaged there:"
    return (head, *(f"  {digest}" for digest in end.missing))


class Backup:
    """A backup under way."""

    def __init__(self, connection: Connection, blobs: Blobs, bar: Progress) -> None:
        self._connection = connection
        self._blobs = blobs
        self._bar = bar
        self._rows: dict[str, int] = {}
        self._missing: list[str] = []

    async def run(self, target: Target) -> tuple[Backed, Placed]:
        """Write all of it; the target has it whole, or not at all."""
        connection = self._connection
        await hold_off(connection)
        tables = await dump.tables(connection)
        if not tables:
            raise Misconfigured("The database has no schema yet: there is nothing to back up.")
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        async with AsyncExitStack() as stack:
            async with connection.transaction():
                await dump.hold(connection, tables)
                moment = await dump.moment(connection)
                sink = await stack.enter_async_context(target.open(moment.at, moment.position))
                writer = Writer(sink, moment.at)
                manifest = await self._begin(writer, moment, tables)
                for table in tables:
                    await self._table(writer, table)
                count = await gather(connection)
            # What follows needs the snapshot no longer: vacuum may go on.
            await self._contents(writer, count)
            end = await writer.end(self._rows, tuple(self._missing))
            placed = await sink.finish()
        return Backed(manifest, end), placed

    async def _begin(self, writer: Writer, moment: Moment, tables: Sequence[Table]) -> Manifest:
        manifest = Manifest(
            format=FORMAT,
            version=version("titan-aas"),
            schema=moment.schema,
            position=moment.position,
            at=moment.at,
            documents=await dump.standing(self._connection),
            tables=tuple(tables),
        )
        await writer.manifest(manifest)
        return manifest

    async def _table(self, writer: Writer, table: Table) -> None:
        task = self._bar.add_task(table.title, total=None)
        number = 0
        waiting = bytearray()
        async with self._connection.cursor() as cursor:
            async with cursor.copy(table.to_stdout) as copy:
                async for rows in copy:
                    waiting += rows
                    if len(waiting) >= ROWS_BYTES:
                        await self._piece(writer, table, number, waiting, task)
                        number += 1
            self._rows[table.title] = cursor.rowcount
        await self._piece(writer, table, number, waiting, task)
        self._bar.remove_task(task)

    async def _piece(self, writer: Writer, table: Table, number: int, rows: bytearray, task: TaskID) -> None:
        await writer.piece(table, number, bytes(rows))
        self._bar.advance(task, len(rows))
        rows.clear()

    async def _contents(self, writer: Writer, count: int) -> None:
        task = self._bar.add_task(f"{count} contents", total=None)
        async for digest in gathered(self._connection):
            with SpooledTemporaryFile(max_size=SPOOLED_BYTES) as spool:
                size = await self._fetch(digest, spool)
                if size is None:
                    if len(self._missing) < MISSING_TOLD:
                        self._missing.append(digest)
                    continue
                await writer.content(digest, size, _pieces(spool))
                self._bar.advance(task, size)

    async def _fetch(self, digest: str, spool: IO[bytes]) -> int | None:
        """Look at a content before it is written: None where it is not there, or is not what its name says."""
        known, size = sha256(), 0
        try:
            async with aclosing(cast("AsyncGenerator[bytes]", self._blobs.read(digest))) as pieces:
                async for piece in pieces:
                    known.update(piece)
                    size += len(piece)
                    await asyncio.to_thread(spool.write, piece)
        except NotFound:
            return None
        spool.seek(0)
        return size if known.hexdigest() == digest else None


async def _pieces(spool: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(spool.read, PIECE_BYTES):
        yield piece
