"""Finished documents in Redis, and announcements of what changed: written by the projector, read by replicas.

Each step is a script (`titan.storage.scripts`), because it must be seen as a whole or not at all.
"""

import secrets
import struct
from collections.abc import Sequence
from enum import IntEnum

from msgspec import Struct
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import NoPermissionError, OutOfMemoryError
from redis.typing import EncodableT

from titan.codec.parts import join
from titan.events.decide import Document
from titan.storage.redis import Names, fields, keys, reachable, values
from titan.storage.scripts import ANYWAY, BEAT, BEGIN, FILL, PUBLISH, SWEEP, TAKE, WITH_ROOM

HEADER = struct.Struct(">QQBI")
"""Before each finished document: revision, position, flags, number of chunks."""
BLOBS, PIECED = 1, 2

ANNOUNCEMENTS_KEPT = 10_000


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
    generation: str
    """The generation at that moment: documents of an earlier one are still there for a while, as they were."""
    document: Finished | None


def header(revision: int, position: int, *, blobs: bool, chunks: int) -> bytes:
    """What stands before a finished document."""
    return HEADER.pack(revision, position, (BLOBS if blobs else 0) | (PIECED if chunks else 0), chunks)


def _header(document: Document) -> bytes:
    return header(document.revision, document.position, blobs=document.blobs, chunks=len(document.chunks))


def put(prefix: bytes, document: Document) -> list[bytes]:
    """The operations of PUBLISH and FILL that store a document as a whole."""
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


class Cache:
    """Finished documents, for a replica that reads them."""

    def __init__(self, redis: Redis, names: Names) -> None:
        self._redis = redis
        self._names = names

    def name(self, generation: str, key: bytes) -> bytes:
        """What `find` knows a document of a generation by."""
        return self._names.document(generation) + key

    async def get(self, generation: str, key: bytes) -> Cached:
        """Look one document up; None is not an absence but a question to PostgreSQL.

        Raises:
            Unavailable: where Redis is away.
        """
        name = self.name(generation, key)
        return (await self.find([name]))[name]

    async def find(self, names: Sequence[bytes]) -> dict[bytes, Cached]:
        """Look documents up, all by one command: one each was measured to cost more than PostgreSQL does.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            position, current, *found = values(
                await self._redis.mget(self._names.projected, self._names.generation, *names)
            )
            projected, generation = int(position or -1), (current or b"").decode()
            return {
                name: Cached(projected, generation, None if value is None else await self._finished(name, value))
                for name, value in zip(names, found, strict=True)
            }

    async def _finished(self, name: bytes, value: bytes) -> Finished | None:
        revision, position, flags, _ = HEADER.unpack_from(value)
        if flags & PIECED:
            return await self._pieced(name + b":p")
        return Finished(revision, position, bool(flags & BLOBS), (value[HEADER.size :],))

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


class Announcement(Struct, frozen=True):
    """What a batch of events changed."""

    after: int
    """Position before the batch; announcements join, so that a replica notices when one is missing."""
    upto: int
    keys: Sequence[bytes]
    kinds: Sequence[str]


class Beat(IntEnum):
    """What came of taking or renewing the projector's lease."""

    STRAYED = 0
    """Redis is not where it was left."""
    RENEWED = 1
    LAPSED = 2
    """The lease had run out: it stands again, and replicas are kept out."""


class Full(Exception):
    """Redis has no room for that, and nothing of it was done."""

    def __init__(self) -> None:
        super().__init__("Redis is full.")


class Announcer:
    """Writes finished documents and announcements, for the projector that is active.

    Redis is to be taken first, and again after anything went wrong: whatever was said before and comes late, from here
    or from another projector, changes nothing then.
    """

    def __init__(self, redis: Redis, names: Names, *, lease_ms: int) -> None:
        self._redis = redis
        self._names = names
        self._lease_ms = lease_ms
        self._token = ""
        self._take = redis.register_script(ANYWAY + TAKE)
        self._publish = redis.register_script(WITH_ROOM + PUBLISH)
        self._announce = redis.register_script(ANYWAY + PUBLISH)
        self._fill = redis.register_script(WITH_ROOM + FILL)
        self._sweep = redis.register_script(ANYWAY + SWEEP)
        self._begin = redis.register_script(ANYWAY + BEGIN)
        self._beat = redis.register_script(ANYWAY + BEAT)
        self._keys = [
            names.fence,
            names.generation,
            names.projected,
            names.watermark,
            names.announcements,
            names.applied,
            names.grace,
            names.projector,
            names.run,
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

    async def take(self) -> bool:
        """Fence off who wrote before, and take the lease and keep replicas out where it does not stand: True then.

        Where Redis was started anew since, it may have forgotten leases that their holders still trust: the watermark
        waits for as long as one may stand.

        Raises:
            Unavailable: where Redis is away.
        """
        self._token = secrets.token_hex(8)
        return bool(await self._say(self._take, self._lease_ms))

    async def publish(self, generation: str, operations: Sequence[bytes] | None, announcement: Announcement) -> bool:
        """Store what the operations say and announce it; False where Redis is not where it was left.

        None forgets everything that is announced, which is right in any case.

        Raises:
            Full: where there is no room for documents; to forget takes none.
            Unavailable: where Redis is away; whether it took the batch is not known.
        """
        script = self._publish
        if operations is None:
            prefix = self._names.document(generation)
            script, operations = self._announce, [word for key in announcement.keys for word in drop(prefix, key)]
        answer = await self._store(
            script,
            generation,
            self._names.lease,
            announcement.after,
            announcement.upto,
            ANNOUNCEMENTS_KEPT,
            b"".join(announcement.keys),
            ",".join(announcement.kinds),
            *operations,
        )
        return bool(answer)

    async def begin(self, generation: str, position: int, *, owing: bool) -> Beat:
        """Begin a new generation at a position: the cache is empty, and no lease counts until it has run out.

        Raises:
            Unavailable: where Redis is away.
        """
        says = b"-" if owing else generation
        return Beat(await self._say(self._begin, generation, position, self._lease_ms, says))

    async def beat(self, generation: str, position: int, *, owing: bool) -> Beat:
        """Renew the lease.

        Replicas may join unless we are `owing`: there are writes that were answered and that Redis does not know of.

        Raises:
            Unavailable: where Redis is away.
        """
        says = b"-" if owing else generation
        return Beat(await self._say(self._beat, generation, position, self._lease_ms, says))

    async def fill(self, generation: str, documents: Sequence[Document]) -> bool:
        """Store documents as they stand, without an announcement: they say what a replica would read anyway.

        False where Redis is not where it was left.

        Raises:
            Full: where there is no room for them.
            Unavailable: where Redis is away.
        """
        prefix = self._names.document(generation)
        operations = [word for document in documents for word in put(prefix, document)]
        return bool(await self._store(self._fill, generation, *operations))

    async def share(self) -> float:
        """How much of the memory that Redis may use is in use; 0 where there is no limit, or it does not say.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            try:
                told = await self._redis.info("memory")  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments
            except NoPermissionError:
                return 0.0
        limit = int(told.get("maxmemory", 0))
        return int(told["used_memory"]) / limit if limit else 0.0

    async def sweep(self, generation: str | None, cursor: int, *, count: int = 1000) -> int:
        """Remove some of what other generations left, or of any where none is to be kept.

        Gives the cursor to go on from, 0 at the end.

        Raises:
            Unavailable: where Redis is away.
        """
        keep = self._names.document(generation) if generation is not None else None
        with reachable():
            cursor, found = await self._redis.scan(  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments
                cursor, match=f"{self._names.prefix}:d:*", count=count
            )
        old = [key for key in keys(found) if keep is None or not key.startswith(keep)]
        if old:
            await self._say(self._sweep, *old)
        return int(cursor)

    async def _say(self, script: AsyncScript, *words: EncodableT) -> int:
        with reachable():
            return int(await script(self._keys, [self._token, *words]))

    async def _store(self, script: AsyncScript, *words: EncodableT) -> int:
        with reachable():
            try:
                return int(await script(self._keys, [self._token, *words]))
            except OutOfMemoryError as error:
                raise Full from error
