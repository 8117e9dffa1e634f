"""Keeps large values of Blobs outside documents: their bytes stand in the blob store before a fact refers to them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from titan.codec.blobs import externalised, refuse_markers
from titan.codec.json import encode
from titan.metamodel.references import Part
from titan.storage.blobs.store import Blobs

P = TypeVar("P", bound=Part)
Result = TypeVar("Result")

_MARK = b"titan:"


class NotKeptError(Exception):
    """A change brings contents that do not stand yet; it is to be worked out again when they do."""


class Keeping:
    """The contents of one request."""

    def __init__(self, blobs: Blobs, *, threshold: int, sent: bytes) -> None:
        self._blobs = blobs
        self._threshold = threshold
        self._may_have = len(sent) > threshold
        self._may_mark = _MARK in sent or b"\\" in sent
        self._kept: set[str] = set()
        self._missing: dict[str, bytes] = {}

    def __call__(self, part: P, *, stands: bytes = b"") -> P:
        """Give a part with markers in the place of large values; `stands` is what may have markers already.

        Raises:
            Invalid: where a client sent a marker.
            NotKeptError: where a content must be stored first; `store` does that.
        """
        if self._may_mark:
            refuse_markers(encode(part), known=(stands,))
        if not self._may_have:
            return part
        part, taken = externalised(part, threshold=self._threshold)
        self._missing = {digest: content for digest, content in taken if digest not in self._kept}
        if self._missing:
            raise NotKeptError
        return part

    async def store(self) -> None:
        """Store what was missing.

        Raises:
            Unavailable: where the blob store is away; nothing was changed.
        """
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
