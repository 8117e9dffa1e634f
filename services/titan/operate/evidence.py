"""What PostgreSQL has to say when it is verified, all of it within one snapshot."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import LiteralString

from msgspec import Struct

from titan.events.project import Listed
from titan.events.replay import Told
from titan.storage.postgres import Connection


class Question(Struct, frozen=True):
    """A statement that gives one sentence for each thing that is wrong."""

    about: str
    query: LiteralString


GAPS = """
SELECT format('Position %s follows on %s.', e.position, e.before)
  FROM (SELECT position, lag(position, 1, 0::bigint) OVER (ORDER BY position) AS before FROM journal.event) AS e
 WHERE e.position <> e.before + 1
 ORDER BY e.position
"""

DISORDER = """
SELECT format('Position %s, the fact %L at revision %s of %s %s, does not follow on the fact %L at revision %s.',
              e.position, e.fact, e.revision, e.kind, e.id, e.fact_before, e.revision_before)
  FROM (SELECT position, kind, id, revision, created, fact,
               lag(position) OVER w AS position_before,
               lag(kind, 1, kind) OVER w AS kind_before,
               lag(id, 1, id) OVER w AS id_before,
               lag(revision, 1, 0::bigint) OVER w AS revision_before,
               lag(created) OVER w AS created_before,
               lag(fact, 1, 'removed') OVER w AS fact_before
          FROM journal.event
        WINDOW w AS (PARTITION BY key ORDER BY revision)) AS e
 WHERE e.revision <> e.revision_before + 1
    OR e.position <= e.position_before
    OR (e.kind, e.id) <> (e.kind_before, e.id_before)
    OR e.fact NOT IN ('created', 'replaced', 'removed',
                      'element-created', 'element-replaced', 'element-removed', 'patched')
    OR (e.fact = 'created') <> (e.fact_before = 'removed')
    OR e.created IS DISTINCT FROM CASE e.fact WHEN 'created' THEN e.position ELSE e.created_before END
 ORDER BY e.position
"""

WITHOUT_STATE = """
SELECT format('There is no state of %s %s, which the journal tells of.', min(e.kind), min(e.id))
  FROM journal.event e
 WHERE NOT EXISTS (SELECT FROM journal.head h WHERE h.key = e.key)
 GROUP BY e.key
"""

# The newest event of a document is the one that its head names, and was written with it.
ASTRAY = """
SELECT format('The state of %s %s, revision %s at position %s, is not what its newest event and its creation say.',
              h.kind, h.id, h.revision, h.position)
  FROM journal.head h
  LEFT JOIN journal.event n ON n.position = h.position AND n.key = h.key
  LEFT JOIN journal.event c ON c.position = h.created AND c.key = h.key
 WHERE (n.kind, n.id, n.revision, n.created, n.at, n.fact = 'removed')
       IS DISTINCT FROM (h.kind, h.id, h.revision, h.created, h.updated_at, h.removed)
    OR (c.fact, c.at) IS DISTINCT FROM ('created', h.created_at)
    OR EXISTS (SELECT FROM journal.event e WHERE e.key = h.key AND e.revision > h.revision)
"""

STRAY_CHUNKS = """
SELECT format('There are chunks that no document has: %s of key %s.', count(*), encode(c.key, 'hex'))
  FROM journal.chunk c
 WHERE NOT EXISTS (SELECT FROM journal.head h
                    WHERE h.key = c.key AND NOT h.removed AND c.ordinal BETWEEN 0 AND h.chunks - 1
                      AND c.revision <= h.revision)
 GROUP BY c.key
"""

# What changed behind the bookmark is not known to the read model yet.
STRAY_ROWS = """
SELECT format('%s %s is listed at %s, where nothing stands.', l.kind, l.id, l.sort)
  FROM read.listing l
  LEFT JOIN journal.head h ON h.key = l.key
 WHERE (h.key IS NULL OR h.removed OR h.created <> l.sort OR h.kind <> l.kind)
   AND coalesce(h.position, 0) <= (SELECT b.position FROM read.bookmark b WHERE b.name = 'projector')
"""

STRAY_FACETS = """
SELECT format('There are facets of %s, where nothing is listed: %s of them.', f.sort, count(*))
  FROM read.facet f
 WHERE NOT EXISTS (SELECT FROM read.listing l WHERE l.sort = f.sort)
 GROUP BY f.sort
"""

AHEAD = """
SELECT format('The read model is at position %s, which the journal has not reached.', b.position)
  FROM read.bookmark b
 WHERE b.position > (SELECT coalesce(max(e.position), 0) FROM journal.event e)
"""

PARKED = """
SELECT format('Position %s is parked: %s', p.position, p.error)
  FROM read.parked p
 WHERE p.follower = 'projector'
"""

QUESTIONS = (
    Question("the journal", GAPS),
    Question("the journal", DISORDER),
    Question("the state", WITHOUT_STATE),
    Question("the state", ASTRAY),
    Question("the state", STRAY_CHUNKS),
    Question("the read model", STRAY_ROWS),
    Question("the read model", STRAY_FACETS),
    Question("the read model", AHEAD),
    Question("the read model", PARKED),
)


async def sentences(connection: Connection, question: Question) -> AsyncIterator[str]:
    """What is wrong, as long as somebody wants to hear it."""
    async with connection.cursor("sentences") as cursor:
        await cursor.execute(question.query)
        async for (sentence,) in cursor:
            yield sentence


# A rebuild that swaps the tables would leave us with new ones, in which an old snapshot sees nothing: it waits for us.
# A lock is not a look: the snapshot is taken by the statement behind it.
HOLD = """
LOCK TABLE read.listing, read.facet IN ACCESS SHARE MODE
"""
EXTENT = """
SELECT (SELECT coalesce(max(position), 0) FROM journal.event),
       (SELECT count(*) FROM journal.head),
       coalesce((SELECT position FROM read.bookmark WHERE name = 'projector'), 0),
       ARRAY(SELECT key FROM read.parked WHERE follower = 'projector')
"""


class Extent(Struct, frozen=True):
    """What there is to verify."""

    last: int
    """Position of the newest event."""
    documents: int
    """How many there are, removed ones among them."""
    bookmark: int
    parked: list[bytes]
    """Keys of documents of which an event was parked."""


async def begin(connection: Connection) -> Extent:
    """Take the snapshot, at the beginning of a transaction."""
    await connection.execute(HOLD)
    cursor = await connection.execute(EXTENT, binary=True)
    row = await cursor.fetchone()
    return Extent(*row) if row else Extent(0, 0, 0, [])


# Without their bytes, but for how many there are: a page of documents is bounded by both.
KEYS = """
SELECT h.key,
       octet_length(h.body) + coalesce((SELECT sum(octet_length(c.body))
                                          FROM journal.chunk c
                                         WHERE h.chunks > 0 AND c.key = h.key), 0)::bigint
  FROM journal.head h
 WHERE h.key > %(after)s
 ORDER BY h.key
 LIMIT %(limit)s
"""


async def pages(connection: Connection, *, limit: int = 256, limit_bytes: int = 8 << 20) -> AsyncIterator[list[bytes]]:
    """Keys of all documents in their order, so many at a time that their bytes are bounded, or one that is larger."""
    after = b""
    while True:
        cursor = await connection.execute(KEYS, {"after": after, "limit": limit}, binary=True)
        rows: list[tuple[bytes, int]] = await cursor.fetchall()
        if not rows:
            return
        after = rows[-1][0]
        page, size = list[bytes](), 0
        for key, bytes_ in rows:
            if page and size + bytes_ > limit_bytes:
                yield page
                page, size = [], 0
            page.append(key)
            size += bytes_
        yield page


TALES = """
SELECT e.key, e.fact, e.path, e.blobs, e.body
  FROM unnest(%(keys)s::bytea[]) AS k (key)
 CROSS JOIN LATERAL (SELECT w.revision
                       FROM journal.event w
                      WHERE w.key = k.key AND w.fact IN ('created', 'replaced', 'removed')
                      ORDER BY w.revision DESC
                      LIMIT 1) AS whole
  JOIN journal.event e ON e.key = k.key AND e.revision >= whole.revision
 ORDER BY e.key, e.revision
"""


async def tales(connection: Connection, keys: Sequence[bytes]) -> AsyncIterator[Told]:
    """What the journal tells of these documents since they were last stored as a whole, in order."""
    async with connection.cursor("tales", binary=True) as cursor:
        cursor.itersize = 16
        await cursor.execute(TALES, {"keys": list(keys)})
        async for row in cursor:
            yield Told(*row)


LISTED = """
SELECT h.key, h.created_at, h.updated_at,
       l.kind, l.sort, l.key, l.id, l.id_short, l.created_at, l.updated_at,
       ARRAY(SELECT f.facet FROM read.facet f WHERE f.sort = l.sort ORDER BY f.facet)
  FROM journal.head h
  LEFT JOIN read.listing l ON l.key = h.key
 WHERE h.key = ANY(%(keys)s::bytea[])
"""


class Dated(Struct, frozen=True):
    """What the read model has of a document, beside when the state says that it was stored."""

    created_at: datetime
    updated_at: datetime
    row: Listed | None


async def rows(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Dated]:
    """What the read model has of these documents."""
    cursor = await connection.execute(LISTED, {"keys": list(keys)}, binary=True)
    return {
        key: Dated(created_at, updated_at, None if kind is None else Listed(kind, *listed, facets=tuple(facets)))
        async for key, created_at, updated_at, kind, *listed, facets in cursor
    }


STRANGERS = """
SELECT k.key
  FROM unnest(%(keys)s::bytea[]) AS k (key)
 WHERE NOT EXISTS (SELECT FROM journal.head h WHERE h.key = k.key)
"""


async def strangers(connection: Connection, keys: Sequence[bytes]) -> list[bytes]:
    """Those of the keys that no document has."""
    cursor = await connection.execute(STRANGERS, {"keys": list(keys)}, binary=True)
    return [key for (key,) in await cursor.fetchall()]
