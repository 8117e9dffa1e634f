"""Finished documents in Redis, and announcements of what changed: written by the projector, read by replicas.

Each step is a script (`titan.storage.scripts`), because it must be seen as a whole or not at all.
"""

import asyncio
import struct
from collections.abc import Sequence

from msgspec import Struct
from redis.asyncio import Redis
from redis.typing import EncodableT, FieldT

from titan.codec.parts import join
from titan.errors import Unavailable
from titan.events.decide import Document
from titan.storage.redis import Names, fields, keys, reachable, values
from titan.storage.scripts import BEAT, BEGIN, PUBLISH

HEADER = struct.Struct(">QQBI")
"""Before each finished document: revision, position, flags, number of chunks."""
BLOBS, PIECED = 1, 2

ANNOUNCEMENTS_KEPT = 10_000
QUESTIONS = 2
"""How many commands of one replica ask for documents at once."""
TOGETHER = 64
"""How many documents beside its own one command asks for."""


class Finished(Struct, frozen=True):
    """A finished document as it lies in Redis."""

    revision: int
    position: int
    blobs: bool
    pieces: Sequence[bytes]
    """The canonical bytes, in pieces that are to be joined."""


class Cached(Struct, frozen=True):
    """What Redis said when it was asked for a document."""

    projected: int
    """How far Redis knew the journal at that moment; -1 where it knows nothing."""
    document: Finished | None


def header(revision: int, position: int, *, blobs: bool, chunks: int) -> bytes:
    """What stands before a finished document."""
    return HEADER.pack(revision, position, (BLOBS if blobs else 0) | (PIECED if chunks else 0), chunks)


def _header(document: Document) -> bytes:
    return header(document.revision, document.position, blobs=document.blobs, chunks=len(document.chunks))


def put(prefix: bytes, document: Document) -> list[bytes]:
    """The operations of PUBLISH that store a document as a whole."""
    key = prefix + document.key
    if not document.chunks:
        return [b"S", key, _header(document) + document.head]
    return [b"P", key, _header(document), b"%d" % len(document.chunks), document.head, *document.chunks]


def put_chunk(prefix: bytes, key: bytes, after: int, header: bytes, ordinal: int, body: bytes) -> list[bytes]:
    """The operations of PUBLISH that change one chunk, where Redis has the document at the revision `after`."""
    return [b"C", prefix + key, struct.pack(">Q", after), header, b"%d" % (ordinal + 1), body]


def drop(prefix: bytes, key: bytes) -> list[bytes]:
    """The operations of PUBLISH that forget a document."""
    return [b"D", prefix + key]


class _Asked(Struct, eq=False):
    """Who waits for a value."""

    name: bytes
    answer: asyncio.Future[tuple[int, bytes | None] | None]
    """The position that Redis knew, and the value; None where whoever waits has to ask for all that wait."""


class Cache:
    """Finished documents, for a replica that reads them.

    What is asked for while another question is under way is asked for together, by one command: a command each was
    measured to cost more than PostgreSQL does, which is asked in the same way. A question starts after all that it
    asks for was wanted, so that no answer is older than its request.
    """

    def __init__(self, redis: Redis, names: Names) -> None:
        self._redis = redis
        self._names = names
        self._asked: list[_Asked] = []
        self._questions = 0

    async def get(self, generation: str, key: bytes) -> Cached:
        """Look a document up; None is not an absence but a question to PostgreSQL.

        Raises:
            Unavailable: where Redis is away.
        """
        name = self._names.document(generation) + key
        projected, value = await self._value(name)
        if value is None:
            return Cached(projected, document=None)
        revision, position, flags, _ = HEADER.unpack_from(value)
        if not flags & PIECED:
            pieces: Sequence[bytes] = (value[HEADER.size :],)
            return Cached(projected, Finished(revision, position, bool(flags & BLOBS), pieces))
        with reachable():
            return Cached(projected, await self._pieced(name + b":p"))

    async def _value(self, name: bytes) -> tuple[int, bytes | None]:
        asked = _Asked(name, asyncio.get_running_loop().create_future())
        if self._questions < QUESTIONS:
            self._questions += 1
        else:
            self._asked.append(asked)
            try:
                answer = await asked.answer
            except asyncio.CancelledError:
                if _is_to_ask(asked):
                    self._pass_on()
                raise
            if answer is not None:
                return answer
        return await self._ask(asked)

    async def _ask(self, own: _Asked) -> tuple[int, bytes | None]:
        """Ask for what waits, then let the first of those who came meanwhile do the same."""
        waiting = [asked for asked in self._asked if not asked.answer.done()]
        together, self._asked = [own, *waiting[:TOGETHER]], waiting[TOGETHER:]
        error = Unavailable("Who asked Redis left before it answered.")
        try:
            with reachable():
                names = [asked.name for asked in together]
                first, *found = values(await self._redis.mget(self._names.projected, *names))
        except Unavailable as away:
            error = away
            raise
        else:
            projected = int(first or -1)
            for asked, value in zip(together, found, strict=True):
                if not asked.answer.done():
                    asked.answer.set_result((projected, value))
            return projected, found[0]
        finally:
            _fail(together, error, own)
            self._pass_on()

    def _pass_on(self) -> None:
        """Let somebody else ask, if anybody waits."""
        while self._asked:
            asked = self._asked.pop(0)
            if not asked.answer.done():
                asked.answer.set_result(None)
                return
        self._questions -= 1

    async def _pieced(self, name: bytes) -> Finished | None:
        parts = fields(await self._redis.hgetall(name))
        if b"m" not in parts:
            return None
        revision, position, flags, count = HEADER.unpack_from(parts[b"m"])
        try:
            chunks = [parts[b"%d" % ordinal] for ordinal in range(1, count + 1)]
        except KeyError:
            return None
        return Finished(revision, position, bool(flags & BLOBS), join(parts[b"0"], chunks))


def _is_to_ask(asked: _Asked) -> bool:
    answer = asked.answer
    return answer.done() and not answer.cancelled() and answer.exception() is None and answer.result() is None


def _fail(together: Sequence[_Asked], error: Unavailable, own: _Asked) -> None:
    """Tell those who have no answer yet why."""
    for asked in together:
        if asked is not own and not asked.answer.done():
            asked.answer.set_exception(error)
            asked.answer.exception()  # asked for once, so that a caller who left does not make the loop complain


class Announcement(Struct, frozen=True):
    """What a batch of events changed."""

    after: int
    """Position before the batch; announcements join, so that a replica notices when one is missing."""
    upto: int
    keys: Sequence[bytes]
    kinds: Sequence[str]


class Announcer:
    """Writes finished documents and announcements, for the projector that is active."""

    def __init__(self, redis: Redis, names: Names, *, lease_ms: int) -> None:
        self._redis = redis
        self._names = names
        self._lease_ms = lease_ms
        self._publish = redis.register_script(PUBLISH)
        self._begin = redis.register_script(BEGIN)
        self._beat = redis.register_script(BEAT)
        self._keys = [
            names.generation,
            names.projected,
            names.watermark,
            names.announcements,
            names.applied,
            names.grace,
            names.projector,
        ]

    def prefix(self, generation: str) -> bytes:
        """What keys of finished documents begin with in this generation."""
        return self._names.document(generation)

    async def where(self) -> tuple[str | None, int]:
        """The generation and position that Redis knows; None and -1 where it knows none.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            generation, projected = values(await self._redis.mget(self._names.generation, self._names.projected))
        return (generation.decode() if generation and projected else None), int(projected or -1)

    async def distrust(self) -> None:
        """Hold the watermark for a lease: Redis may have forgotten leases that their holders still trust.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            await self._redis.set(self._names.grace, b"1", px=self._lease_ms)

    async def publish(self, generation: str, operations: Sequence[bytes], announcement: Announcement) -> bool:
        """Store what the operations say and announce it; False where Redis is not where it was left.

        Raises:
            Unavailable: where Redis is away; whether it took the batch is not known.
        """
        arguments = [
            self._names.lease,
            generation,
            announcement.after,
            announcement.upto,
            ANNOUNCEMENTS_KEPT,
            b"".join(announcement.keys),
            ",".join(announcement.kinds),
            *operations,
        ]
        with reachable():
            return bool(await self._publish(self._keys, arguments))

    async def begin(self, generation: str, position: int) -> None:
        """Begin a new generation at a position: the cache is empty, and no lease counts until it has run out.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            await self._begin(self._keys, [generation, position, self._lease_ms])

    async def beat(self, generation: str, position: int) -> bool:
        """Renew the lease; False where Redis is not where it was left.

        Raises:
            Unavailable: where Redis is away.
        """
        keys = [self._names.generation, self._names.projected, self._names.projector]
        with reachable():
            return bool(await self._beat(keys, [generation, position, self._lease_ms]))

    async def fill(self, generation: str, documents: Sequence[Document]) -> None:
        """Store documents as they stand, without an announcement: they say what a replica would read anyway.

        Raises:
            Unavailable: where Redis is away.
        """
        prefix = self._names.document(generation)
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                for document in documents:
                    key = prefix + document.key
                    pipe.delete(key + b":p")
                    if document.chunks:
                        parts: dict[FieldT, EncodableT] = {b"m": _header(document), b"0": document.head}
                        parts |= {b"%d" % number: chunk for number, chunk in enumerate(document.chunks, 1)}
                        pipe.hset(key + b":p", mapping=parts)
                        pipe.set(key, _header(document))
                    else:
                        pipe.set(key, _header(document) + document.head)
                await pipe.execute()

    async def sweep(self, generation: str, cursor: int) -> int:
        """Remove some of what earlier generations left; gives the cursor to go on from, 0 at the end.

        Raises:
            Unavailable: where Redis is away.
        """
        keep = self._names.document(generation)
        with reachable():
            cursor, found = await self._redis.scan(  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments
                cursor, match=f"{self._names.prefix}:d:*", count=1000
            )
            old = [key for key in keys(found) if not key.startswith(keep)]
            if old:
                await self._redis.unlink(*old)
        return int(cursor)
