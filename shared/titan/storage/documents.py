"""The current state of documents: how they stand, for those who decide, and their bytes, for those who serve.

Questions that are asked in one turn of the loop are answered by one statement: with many callers that is about twice
as fast as a connection each, and it needs two connections instead of many.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from msgspec import Struct

from titan.events.decide import NEVER_WAS, Document, Standing
from titan.events.edit import Branch
from titan.storage.journal import BATCH_BYTES, SEPARATOR
from titan.storage.postgres import Connection, Pool, reachable
from titan.storage.together import Together

Answer = TypeVar("Answer")

Question = Callable[[Connection, Sequence[bytes]], Awaitable[dict[bytes, Answer]]]


def together(pool: Pool, ask: Question[Answer]) -> Together[Answer]:
    """Ask a question of this module for many keys at once, over connections of a pool."""

    async def asked(keys: Sequence[bytes]) -> dict[bytes, Answer]:
        with reachable():
            async with pool.connection() as connection:
                return await ask(connection, keys)

    return Together(asked)


LOOK = """
SELECT key, revision, NOT removed
  FROM journal.head
 WHERE key = ANY(%(keys)s::bytea[])
"""


async def look(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Standing]:
    """How the documents stand; those that never were are missing."""
    cursor = await connection.execute(LOOK, {"keys": list(keys)}, binary=True)
    return {key: Standing(revision=revision, exists=exists) async for key, revision, exists in cursor}


# Head and chunks in one statement: one snapshot, so that a document is never put together from two revisions.
FETCH = """
SELECT h.key, h.kind, h.id, h.revision, h.position, h.created, h.removed, h.blobs, h.body,
       CASE WHEN h.chunks > 0
            THEN (SELECT array_agg(c.body ORDER BY c.ordinal) FROM journal.chunk c WHERE c.key = h.key)
        END
  FROM journal.head h
 WHERE h.key = ANY(%(keys)s::bytea[])
"""


async def fetch(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Document]:
    """The documents with these keys, removed ones among them; those that never were are missing."""
    cursor = await connection.execute(FETCH, {"keys": list(keys)}, binary=True)
    return {row[0]: Document(*row[:-1], chunks=tuple(row[-1] or ())) async for row in cursor}


# Sizes first: what does not fit is not even read.
WITHIN = """
SELECT h.key, h.kind, h.id, h.revision, h.position, h.created, h.removed, h.blobs, h.body,
       CASE WHEN h.chunks > 0
            THEN (SELECT array_agg(c.body ORDER BY c.ordinal) FROM journal.chunk c WHERE c.key = h.key)
        END
  FROM (SELECT key, sum(size) OVER (ORDER BY size, key) AS upto
          FROM (SELECT h.key,
                       octet_length(h.body) + coalesce((SELECT sum(octet_length(c.body)) FROM journal.chunk c
                                                         WHERE h.chunks > 0 AND c.key = h.key), 0) AS size
                  FROM journal.head h
                 WHERE h.key = ANY(%(keys)s::bytea[])) AS sized) AS fitting
  JOIN journal.head h USING (key)
 WHERE fitting.upto <= %(bytes)s
"""


async def within(connection: Connection, keys: Collection[bytes], limit_bytes: int) -> dict[bytes, Document]:
    """As `fetch`, but no more than so many bytes in all, small documents first: the others are missing."""
    cursor = await connection.execute(WITHIN, {"keys": list(keys), "bytes": limit_bytes}, binary=True)
    return {row[0]: Document(*row[:-1], chunks=tuple(row[-1] or ())) async for row in cursor}


# The names of one chunk after the other are looked at until one has the name, and then that chunk is read alone: bodies
# lie elsewhere than names. To search the text of all names of a chunk is much cheaper than to make an array of them.
BRANCH = """
SELECT w.key, w.name, h.revision, h.position, h.removed, h.blobs, h.body, h.chunks, c.ordinal, c.id_shorts, c.body
  FROM unnest(%(keys)s::bytea[], %(names)s::text[]) AS w (key, name)
  JOIN journal.head h ON h.key = w.key
  LEFT JOIN journal.chunk c ON h.chunks > 0 AND c.key = h.key AND c.ordinal = coalesce(
       (SELECT k.ordinal
          FROM journal.chunk k
         WHERE k.key = h.key
           AND strpos(E'\\x1f' || k.id_shorts || E'\\x1f', E'\\x1f' || w.name || E'\\x1f') > 0
         ORDER BY k.ordinal
         LIMIT 1), h.chunks - 1)
"""


def branch_name(key: bytes, id_short: str) -> bytes:
    """What `branch` knows a branch of a document by."""
    return key + id_short.encode()


async def branch(connection: Connection, wanted: Sequence[bytes]) -> dict[bytes, Branch]:
    """Documents with one branch each, by `branch_name`; those that never were are missing.

    A document and its branch are of one snapshot, however many are asked for.
    """
    parameters = {"keys": [name[:16] for name in wanted], "names": [name[16:].decode() for name in wanted]}
    cursor = await connection.execute(BRANCH, parameters, binary=True)
    found: dict[bytes, Branch] = {}
    async for row in cursor:
        names, body = row[-2:]
        id_shorts = tuple(names.split(SEPARATOR)) if body is not None else ()
        found[row[0] + row[1].encode()] = Branch(*row[2:-2], id_shorts=id_shorts, chunk=body or b"")
    return found


class ChunkRow(Struct, frozen=True):
    """One chunk of a large document, with what must be known of the document."""

    revision: int
    """Revision of the document at which the chunk last changed."""
    body: bytes
    blobs: bool
    count: int
    """How many chunks the document has."""


# What is sorted here are references to bodies: those that do not fit are not read.
CHUNKS = """
SELECT key, ordinal, revision, body, blobs, chunks
  FROM (SELECT c.key, c.ordinal, c.revision, c.body, h.blobs, h.chunks,
               sum(octet_length(c.body)) OVER (ORDER BY octet_length(c.body), c.key, c.ordinal) AS upto
          FROM unnest(%(keys)s::bytea[], %(ordinals)s::int8[]) AS wanted (key, ordinal)
          JOIN journal.chunk c ON c.key = wanted.key AND c.ordinal = wanted.ordinal
          JOIN journal.head h ON h.key = c.key) AS sized
 WHERE upto <= %(bytes)s
"""


async def chunks(
    connection: Connection, wanted: Collection[tuple[bytes, int]], *, limit_bytes: int = BATCH_BYTES
) -> dict[tuple[bytes, int], ChunkRow]:
    """Single chunks of large documents, by key and ordinal, small ones first; those that do not fit are missing."""
    keys, ordinals = [key for key, _ in wanted], [ordinal for _, ordinal in wanted]
    parameters = {"keys": keys, "ordinals": ordinals, "bytes": limit_bytes}
    cursor = await connection.execute(CHUNKS, parameters, binary=True)
    return {(key, ordinal): ChunkRow(*rest) async for key, ordinal, *rest in cursor}


# Sizes first: a page is bounded by bytes as well, so that 256 documents of 10 MB are not 2.5 GB.
ALL = """
WITH page AS (
    SELECT key, row_number() OVER sorted AS number, sum(size) OVER sorted AS upto
      FROM (SELECT h.key, octet_length(h.body) + coalesce(m.more, 0) AS size
              FROM journal.head h
              LEFT JOIN LATERAL (SELECT sum(octet_length(c.body)) AS more FROM journal.chunk c
                                  WHERE h.chunks > 0 AND c.key = h.key) AS m ON true
             WHERE h.key > %(after)s
               AND NOT h.removed
               AND octet_length(h.body) + coalesce(m.more, 0) <= %(largest)s
             ORDER BY h.key
             LIMIT %(limit)s) AS next
    WINDOW sorted AS (ORDER BY key))
SELECT h.key, h.kind, h.id, h.revision, h.position, h.created, h.removed, h.blobs, h.body,
       CASE WHEN h.chunks > 0
            THEN (SELECT array_agg(c.body ORDER BY c.ordinal) FROM journal.chunk c WHERE c.key = h.key)
        END
  FROM page
  JOIN journal.head h USING (key)
 WHERE page.number = 1
    OR page.upto <= %(bytes)s
 ORDER BY h.key
"""


async def walk(
    connection: Connection, *, page: int = 256, page_bytes: int = BATCH_BYTES, largest: int = BATCH_BYTES
) -> AsyncIterator[list[Document]]:
    """Every document that stands, in the order of their keys, page by page; each page is a snapshot of its own.

    Those of more bytes than `largest` are left out.
    """
    after = b""
    parameters = {"limit": page, "bytes": page_bytes, "largest": largest}
    while True:
        with reachable():
            cursor = await connection.execute(ALL, {"after": after, **parameters}, binary=True)
            rows = await cursor.fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield [Document(*row[:-1], chunks=tuple(row[-1] or ())) for row in rows]


async def standing(looks: Together[Standing], key: bytes) -> Standing:
    """How a document stands; `NEVER_WAS` where it never was."""
    return await looks.get(key) or NEVER_WAS
