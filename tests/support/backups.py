"""Backups in tests: made from a database with contents, opened, and held against what was backed up."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import psycopg
from rich.console import Console

from support.operating import quiet
from titan.config import Settings
from titan.operate.backup import backup
from titan.operate.placing import Target
from titan.operate.restoring import Origin, Stores, restore
from titan.storage.blobs.opening import open_blobs
from titan.storage.blobs.store import Blobs
from titan.storage.dump import tables_of
from titan.storage.redis import Names


def store(directory: Path) -> Blobs:
    """A blob store in a directory."""
    return open_blobs(Settings(data_dir=str(directory)))


async def stored(directory: Path, *contents: bytes) -> list[str]:
    """Put contents into the store of a directory; gives their digests."""
    blobs = store(directory)

    async def pieces(content: bytes) -> AsyncIterator[bytes]:
        yield content

    digests = [(await blobs.put(pieces(content), limit_bytes=len(content))).digest for content in contents]
    await blobs.close()
    return digests


async def backed_up(
    to: Path | BinaryIO,
    database_url: str,
    directory: Path,
    *,
    recipients: tuple[object, ...] = (),
    keep: int | None = None,
) -> int:
    """Make a backup; gives the exit status."""
    target = Target(to, recipients=recipients, keep=keep)
    return await backup(target, database_url=database_url, blobs=store(directory), console=quiet())


async def brought_back(
    source: Path | BinaryIO,
    database_url: str,
    directory: Path,
    *,
    identities: tuple[object, ...] = (),
    redis_url: str | None = None,
    replace: bool = False,
    console: Console | None = None,
) -> int:
    """Restore a backup; gives the exit status."""
    stores = Stores(database_url=database_url, redis_url=redis_url, names=Names(), blobs=store(directory), lease_s=0.2)
    return await restore(Origin(source, list(identities)), stores, replace=replace, console=console or quiet())


def everything(database_url: str) -> dict[str, list[bytes]]:
    """All rows of all tables that are backed up, by table, in an order of their own."""
    found: dict[str, list[bytes]] = {}
    with psycopg.connect(database_url) as connection:
        for table in tables_of(connection):
            with connection.cursor() as cursor, cursor.copy(table.to_stdout) as copy:
                found[table.title] = sorted(bytes(row) for row in copy)
    return found


def files_of(directory: Path) -> dict[str, bytes]:
    """Every content in the store of a directory."""
    return {path.name: path.read_bytes() for path in directory.glob("blobs/[0-9a-f][0-9a-f]/*")}
