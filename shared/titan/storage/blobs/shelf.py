"""Streams to and from a store whose client is synchronous: hashing, limits, threads."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from typing import IO, Protocol, TypeVar

from titan.errors import TooLarge, Unavailable
from titan.storage.blobs.store import PIECE_BYTES, Claim, Stored

Result = TypeVar("Result")

THREADS = 16
"""Calls that wait for the store at once; more wait for a thread."""


class Shelf(Protocol):
    """What a kind of store does, synchronously. All of it raises `Unavailable` where the store is away."""

    def spool(self) -> IO[bytes]:
        """A file that a content is gathered in before it has a name."""
        ...

    def discard(self, spool: IO[bytes]) -> None:
        """Close it and take away what is left of it."""
        ...

    def touch(self, digest: str) -> int | None:
        """Make the age of a content begin anew, and give its size; None where there is none."""
        ...

    def place(self, digest: str, spool: IO[bytes], size: int) -> None:
        """Make what was gathered appear under its digest, whole and durably, over what may stand there."""
        ...

    def size(self, digest: str) -> int | None: ...

    def read(self, digest: str, start: int, end: int | None) -> Generator[bytes]:
        """Pieces of any size up to `PIECE_BYTES`; raises `NotFound` with the first."""
        ...

    def remove(self, digest: str) -> None: ...

    def walk(self) -> Generator[tuple[str, datetime]]: ...

    def close(self) -> None: ...


class Shelved:
    """A blob store over a shelf."""

    def __init__(self, shelf: Shelf, *, claim: Claim | None = None) -> None:
        self._shelf = shelf
        self._claim = claim
        self._closed = False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")

    async def put(self, pieces: AsyncIterator[bytes], *, limit_bytes: int) -> Stored:
        spool = await self._run(self._shelf.spool)
        try:
            stored = await self._gather(pieces, spool, limit_bytes)
            if self._claim is not None:
                await self._claim([stored.digest])
            # Another size under this name is no content of ours that could be trusted.
            if await self._run(self._shelf.touch, stored.digest) != stored.size:
                await self._run(self._shelf.place, stored.digest, spool, stored.size)
            return stored
        finally:
            await self._run(self._shelf.discard, spool)

    async def _gather(self, pieces: AsyncIterator[bytes], spool: IO[bytes], limit_bytes: int) -> Stored:
        known, size = sha256(), 0

        def write(block: bytes) -> None:
            known.update(block)
            try:
                spool.write(block)
            except OSError as error:
                raise Unavailable(f"There is no room to gather a content: {error.strerror or error}.") from error

        async for block in _blocks(pieces):
            size += len(block)
            if size > limit_bytes:
                raise TooLarge(f"The content is larger than the limit of {limit_bytes} bytes.")
            await self._run(write, block)
        return Stored(digest=known.hexdigest(), size=size)

    async def size(self, digest: str) -> int | None:
        return await self._run(self._shelf.size, digest)

    async def read(self, digest: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if end is not None and end <= start:
            return
        pieces = self._shelf.read(digest, start, end)

        def following() -> bytes:
            return next(pieces, b"")

        try:
            while piece := await self._run(following):
                yield piece
        finally:
            await self._run(pieces.close)

    async def remove(self, digest: str) -> None:
        await self._run(self._shelf.remove, digest)

    async def walk(self) -> AsyncIterator[tuple[str, datetime]]:
        found = self._shelf.walk()

        def page() -> list[tuple[str, datetime]]:
            return [one for one, _ in zip(found, range(256), strict=False)]

        try:
            while batch := await self._run(page):
                for one in batch:
                    yield one
        finally:
            await self._run(found.close)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._run(self._shelf.close)
        self._threads.shutdown(wait=False)

    async def _run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call in a thread. What it began it ends, also when we are cancelled: nobody closes a file under it."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            while not running.done():
                try:
                    await asyncio.wait([running])
                except asyncio.CancelledError:
                    continue
            running.exception()
            raise


async def _blocks(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in blocks that are worth a thread's while."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) >= PIECE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
