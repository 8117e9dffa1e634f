"""What is outside of documents that a request writes: there, and claimed, before a fact refers to it.

Large values of Blobs are put into the blob store, and markers in their place. What a path of ours names was put before,
and may be about to be collected.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from titan.codec.blobs import digests, externalised, refuse_markers
from titan.codec.json import encode
from titan.metamodel.references import Part
from titan.storage.blobs.store import Blobs, Claim

P = TypeVar("P", bound=Part)
Result = TypeVar("Result")

_SIGNS = (b"titan:", b"/attachments/", b"\\")
"""One of these is in what has a marker or a path of ours in it, escaped or not."""


class NotKeptError(Exception):
    """A change brings contents that do not stand yet, or are not claimed; it is to be worked out again then."""


class Keeping:
    """The contents of one request."""

    def __init__(self, blobs: Blobs, claim: Claim, *, threshold: int, sent: bytes) -> None:
        self._blobs = blobs
        self._claim = claim
        self._threshold = threshold
        self._may_have = len(sent) > threshold
        self._may_refer = any(sign in sent for sign in _SIGNS)
        self._kept: set[str] = set()
        self._missing: dict[str, bytes] = {}
        self._claimed: set[str] = set()
        self._unclaimed: set[str] = set()

    def __call__(self, part: P, *, stands: bytes = b"") -> P:
        """Give a part with markers in the place of large values; `stands` is what may have markers already.

        Raises:
            Invalid: where a client sent a marker.
            NotKeptError: where a content must be stored or claimed first; `store` does that.
        """
        if self._may_refer:
            body = encode(part)
            refuse_markers(body, known=(stands,))
            self._unclaimed = digests(body) - self._claimed
            if self._unclaimed:
                self._unclaimed -= digests(stands)
        if self._may_have:
            part, taken = externalised(part, threshold=self._threshold)
            self._missing = {digest: content for digest, content in taken if digest not in self._kept}
        if self._missing or self._unclaimed:
            raise NotKeptError
        return part

    async def store(self) -> None:
        """Store what was missing, and claim what was named.

        Raises:
            Unavailable: where the blob store or the database is away; nothing was changed.
        """
        if self._unclaimed:
            await self._claim([*self._unclaimed])
            self._claimed |= self._unclaimed
        for digest, content in self._missing.items():
            await self._blobs.put(_pieces(content), limit_bytes=len(content))
            self._kept.add(digest)

    async def during(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do something that asks us for parts, as often as contents were missing."""
        while True:
            try:
                return await work()
            except NotKeptError:
                await self.store()


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content
