"""What Redis has of documents, against what stands: fair to a system that goes on meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

from redis.asyncio import Redis

from titan.errors import Unavailable
from titan.events.decide import Document
from titan.operate import evidence
from titan.storage import documents
from titan.storage.cache import Cache, Cached
from titan.storage.postgres import Connection
from titan.storage.redis import Names, reachable

AT_ONCE = 16
KEY_BYTES = 16


class Copies:
    """The finished documents of the generation that counts. Once Redis is away, nothing more is said of them."""

    def __init__(self, client: Redis, names: Names, fresh: Connection) -> None:
        """`fresh` is a connection that sees what is committed since the snapshot."""
        self._client = client
        self._names = names
        self._fresh = fresh
        self._cache = Cache(client, names)
        self._generation = ""
        self.found = 0
        """How many documents Redis had."""
        self.silence = ""
        """Why nothing more is said."""

    async def begin(self) -> None:
        """Ask which generation counts."""
        try:
            self._generation = await self._now()
        except Unavailable:
            self.silence = "Redis is away: nothing was compared with it."
        else:
            if not self._generation:
                self.silence = "Redis knows no generation, as no projector has found it yet: nothing was compared."

    async def compare(self, state: Sequence[Document]) -> list[str]:
        """What Redis has otherwise than it stands, or stood when it was last projected."""
        ahead = iter(state)
        sentences: list[str] = []

        async def look() -> None:
            for document in ahead:
                sentence = await self._look(document)
                if sentence:
                    sentences.append(sentence)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(0 if self.silence else AT_ONCE):
                    group.create_task(look())
        except* Unavailable:
            self.silence = "Redis went away: not everything was compared with it."
        return sentences

    async def strangers(self) -> AsyncIterator[str]:
        """What Redis has that never was."""
        prefix = self._names.document(self._generation)
        cursor = 0
        while not self.silence:
            try:
                with reachable():
                    answer = await self._client.scan(cursor, match=prefix + b"*", count=1000)  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments
            except Unavailable:
                self.silence = "Redis went away: not everything was compared with it."
                return
            cursor, names = cast("tuple[int, list[bytes]]", answer)
            keys = {name[len(prefix) :][:KEY_BYTES] for name in names}
            for key in await evidence.strangers(self._fresh, list(keys)):
                yield f"Redis has a document of key {key.hex()}, which never was."
            if not cursor:
                return

    async def _look(self, document: Document) -> str:
        cached = await self._cache.get(self._generation, document.key)
        self.found += cached.document is not None
        if not judge(document, cached):
            return ""
        # What was committed since the snapshot counts too. This look is younger than the copy, so it is the last.
        now = (await documents.fetch(self._fresh, [document.key])).get(document.key, document)
        sentence = judge(now, cached)
        if sentence and (generation := await self._now()) != self._generation:
            # The copy belongs to a generation that nobody keeps up to date, or reads, any more.
            self._generation = generation
            return ""
        return sentence

    async def _now(self) -> str:
        with reachable():
            generation = cast("bytes | None", await self._client.get(self._names.generation))
        return (generation or b"").decode()


def judge(document: Document, cached: Cached) -> str:
    """What is wrong with the copy of a document; empty where nothing is.

    Redis may be behind, but not behind what it says that it knows.
    """
    copy = cached.document
    if copy is None or (cached.projected < document.position and copy.revision < document.revision):
        return ""
    name = f"{document.kind} {document.id}"
    if copy.revision != document.revision:
        return f"{name} is at revision {copy.revision} in Redis, and at {document.revision} in PostgreSQL."
    if document.removed:
        return f"{name} is still in Redis, and was removed."
    if (copy.position, copy.blobs) != (document.position, document.blobs):
        return f"{name} has another header in Redis than it stands with."
    if b"".join(copy.pieces) != b"".join(document.pieces):
        return f"{name}, revision {copy.revision}, has other bytes in Redis."
    return ""
