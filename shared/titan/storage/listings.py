"""The read model in PostgreSQL: what lists and look-ups are answered from. Written by the projector alone."""

from collections.abc import AsyncIterator, Sequence

from msgspec import Struct

from titan.events.project import Listed, Row, Unlisted
from titan.storage.postgres import Connection, reachable

BOOKMARK = """
SELECT position FROM read.bookmark WHERE name = 'projector'
"""


async def bookmark(connection: Connection) -> int:
    """Position up to which the read model knows the journal."""
    with reachable():
        row = await (await connection.execute(BOOKMARK)).fetchone()
    return row[0] if row else 0


PROJECT = """
SELECT read.project(%(after)s::int8, %(upto)s::int8, %(gone)b::int8[],
       %(kinds)b::text[], %(sorts)b::int8[], %(keys)b::bytea[], %(ids)b::text[], %(id_shorts)b::text[],
       %(created)b::timestamptz[], %(updated)b::timestamptz[], %(facets)b::bytea[], %(facet_sorts)b::int8[])
"""


async def write(connection: Connection, rows: Sequence[Row], *, after: int, upto: int) -> bool:
    """Write the rows and move the bookmark from `after` to `upto`, in one transaction.

    False where the bookmark was not at `after`: somebody else projects, and nothing was written.
    """
    listed = [row for row in rows if isinstance(row, Listed)]
    ids: list[str | None] = [row.id if isinstance(row, Listed) else None for row in rows]
    parameters = {
        "after": after,
        "upto": upto,
        "gone": [row.sort for row in rows if _loses_facets(row, after)],
        "kinds": [row.kind for row in rows],
        "sorts": [row.sort for row in rows],
        "keys": [row.key if isinstance(row, Listed) else b"" for row in rows],
        "ids": ids,
        "id_shorts": [row.id_short if isinstance(row, Listed) else None for row in rows],
        "created": [row.created_at if isinstance(row, Listed) else None for row in rows],
        "updated": [None if isinstance(row, Unlisted) else row.updated_at for row in rows],
        "facets": [facet for row in listed for facet in row.facets],
        "facet_sorts": [row.sort for row in listed for _ in row.facets],
    }
    cursor = await connection.execute(PROJECT, parameters, binary=True)
    result = await cursor.fetchone()
    return result is not None and result[0] is True


def _loses_facets(row: Row, after: int) -> bool:
    """Whether there may be facets to clear: a row that stands for the first time has a sort key of this batch."""
    return isinstance(row, Unlisted) or (isinstance(row, Listed) and row.sort <= after)


class Place(Struct, frozen=True):
    """Where a document stands in a list."""

    sort: int
    key: bytes
    id: str
    size: int
    """Length of the document in bytes."""


class Page(Struct, frozen=True):
    """A stretch of a list."""

    places: list[Place]
    more: bool
    """Whether the list goes on after the last place."""
    position: int
    """Position up to which the read model knew the journal when it answered."""
    shows: int
    """Position of the newest change that it shows: what is removed is missing at once, listed still or not."""


# One row more than asked for tells whether the list goes on. The bookmark comes from the same snapshot. OFFSET keeps
# the head from being joined: one row is expected of that join, however many there are, and the list would be read to
# its end.
PAGE = """
SELECT b.position, p.sort, p.key, p.id, p.size, p.stands, p.changed
  FROM read.bookmark b
  LEFT JOIN LATERAL (
       SELECT l.sort, l.key, l.id, h.stands, h.position AS changed,
              octet_length(h.body) + coalesce((SELECT sum(octet_length(c.body)) FROM journal.chunk c
                                                WHERE h.chunks > 0 AND c.key = h.key), 0) AS size
         FROM read.listing l
        CROSS JOIN LATERAL (SELECT key, body, chunks, position, NOT removed AND created = l.sort AS stands
                              FROM journal.head WHERE key = l.key OFFSET 0) AS h
        WHERE l.kind = %(kind)s AND l.sort > %(after)s
        ORDER BY l.sort
        LIMIT %(limit)s::int8 + 1) AS p ON true
 WHERE b.name = 'projector'
 ORDER BY p.sort
"""

# The first facet drives, in the order of the list; each further one is a look into its index.
PAGE_BY_FACETS = """
SELECT b.position, p.sort, p.key, p.id, p.size, p.stands, p.changed
  FROM read.bookmark b
  LEFT JOIN LATERAL (
       SELECT l.sort, l.key, l.id, h.stands, h.position AS changed,
              octet_length(h.body) + coalesce((SELECT sum(octet_length(c.body)) FROM journal.chunk c
                                                WHERE h.chunks > 0 AND c.key = h.key), 0) AS size
         FROM read.facet f
         JOIN read.listing l ON l.kind = %(kind)s AND l.sort = f.sort AND l.sort > %(after)s
        CROSS JOIN LATERAL (SELECT key, body, chunks, position, NOT removed AND created = l.sort AS stands
                              FROM journal.head WHERE key = l.key OFFSET 0) AS h
        WHERE f.facet = %(facet)s AND f.sort > %(after)s
          AND NOT EXISTS (
              SELECT FROM unnest(%(others)b::bytea[]) AS o (facet)
               WHERE NOT EXISTS (SELECT FROM read.facet x WHERE x.facet = o.facet AND x.sort = f.sort))
        ORDER BY f.sort
        LIMIT %(limit)s::int8 + 1) AS p ON true
 WHERE b.name = 'projector'
 ORDER BY p.sort
"""


async def page(connection: Connection, kind: str, facets: Sequence[bytes], *, after: int, limit: int) -> Page:
    """The documents of a kind that have all these facets, in the order of their creation, behind a sort key.

    Raises:
        Unavailable: where the database is away.
    """
    parameters = {"kind": kind, "after": after, "limit": limit}
    if facets:
        parameters |= {"facet": facets[0], "others": list(facets[1:])}
    position, shows = 0, 0
    places: list[Place] = []
    while True:
        with reachable():
            cursor = await connection.execute(PAGE_BY_FACETS if facets else PAGE, parameters, binary=True)
            rows = await cursor.fetchall()
        listed = [row for row in rows if row[1] is not None]
        places += [Place(row[1], row[2], row[3], int(row[4])) for row in listed if row[5]]
        # What the read model is told of later than the first part of a page is shown by the rest of it.
        position = min(position or rows[0][0], rows[0][0]) if rows else 0
        shows = max([shows, *(row[0] for row in rows[:1]), *(row[6] for row in listed if not row[5])])
        if len(listed) <= limit or len(places) > limit:
            return Page(places=places[:limit], more=len(places) > limit, position=position, shows=shows)
        # Some of them were removed, and the read model has yet to hear of it: the page goes on behind them.
        parameters["after"] = listed[-1][1]


# The newest so many of each kind hold the newest so many of all. Each kind is read along its own index.
NEWEST = """
SELECT coalesce(min(n.sort), 0) - 1, count(*)
  FROM (SELECT l.sort
          FROM unnest(%(kinds)b::text[]) AS k (kind)
         CROSS JOIN LATERAL (SELECT i.sort FROM read.listing i
                              WHERE i.kind = k.kind ORDER BY i.sort DESC LIMIT %(limit)s::int8) AS l
         ORDER BY l.sort DESC
         LIMIT %(limit)s::int8) AS n
"""


async def newest(connection: Connection, kinds: Sequence[str], *, limit: int) -> tuple[int, int]:
    """Behind which sort key the newest documents of these kinds stand, and how many of them there are.

    Raises:
        Unavailable: where the database is away.
    """
    with reachable():
        cursor = await connection.execute(NEWEST, {"kinds": list(kinds), "limit": limit}, binary=True)
        row = await cursor.fetchone()
    return (row[0], row[1]) if row else (0, 0)


WALK = """
SELECT l.sort, l.kind, l.id
  FROM unnest(%(kinds)b::text[]) AS k (kind)
 CROSS JOIN LATERAL (SELECT i.sort, i.kind, i.id FROM read.listing i
                      WHERE i.kind = k.kind AND i.sort > %(after)s
                      ORDER BY i.sort LIMIT %(page)s::int8) AS l
 ORDER BY l.sort
 LIMIT %(page)s::int8
"""


async def walk(
    connection: Connection, kinds: Sequence[str], *, after: int, page: int = 512
) -> AsyncIterator[list[tuple[str, str]]]:
    """Kind and identifier of every document of these kinds behind a sort key, the oldest first, page by page.

    Each page is a snapshot of its own, so that nobody waits for us.

    Raises:
        Unavailable: where the database is away.
    """
    while True:
        with reachable():
            cursor = await connection.execute(WALK, {"kinds": list(kinds), "after": after, "page": page}, binary=True)
            rows = await cursor.fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield [(kind, id) for _, kind, id in rows]
