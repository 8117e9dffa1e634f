"""What a blob store does, whichever it is."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

PIECE_BYTES = 256 * 1024
"""Most that is handed over at once when a content is read."""

Claim = Callable[[Sequence[str]], Awaitable[None]]
"""Says that facts will refer to these digests, so that nobody removes their contents; see `collect.claim`."""


class Stored(Struct, frozen=True):
    """A content that stands."""

    digest: str
    """SHA-256 in 64 lower-case hexadecimal digits."""
    size: int
    """In bytes."""


class Blobs(Protocol):
    """Contents by digest. Every method raises `Unavailable` where the store is away, full, or refuses us."""

    async def put(self, pieces: AsyncIterator[bytes], *, limit_bytes: int) -> Stored:
        """Store a content, in bounded memory; it appears whole or not at all, and durably.

        To store what is there already makes its age begin anew and sends nothing.

        Raises:
            TooLarge: where there is more than the limit; nothing of it is kept.
            Unavailable: where the store is away; nothing of it can be seen.
        """
        ...

    async def size(self, digest: str) -> int | None:
        """Bytes of a content; None where there is no such content."""
        ...

    def read(self, digest: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes `start` up to but without `end`, in pieces of at most `PIECE_BYTES`; nothing beyond the last byte.

        Whoever stops in the middle closes the iterator (`contextlib.aclosing`), so that its connection is free again.

        Raises:
            NotFound: where there is no such content, with the first piece.
        """
        ...

    async def remove(self, digest: str) -> None:
        """Remove a content; one that is not there is no error."""
        ...

    def walk(self) -> AsyncIterator[tuple[str, datetime]]:
        """Every digest with when its content was last put, by the store's clock."""
        ...

    async def close(self) -> None:
        """End connections and threads."""
        ...
