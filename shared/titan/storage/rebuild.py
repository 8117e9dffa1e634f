"""The read model, built anew in a schema beside it and swapped in: whoever reads meanwhile misses nothing.

Tables, not rows, are swapped: `read_next` gets tables like those of `read`, with the same names for their indexes and
constraints, and in one short transaction they take the place of the old ones. `read.project` and every statement that
is prepared find them by name.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from msgspec import Struct

from titan.events.project import Listed, Row, Touched, Unlisted
from titan.storage.postgres import Connection

# The session holds the lock: of two rebuilds the second would drop the tables of the first.
ALONE = """
SELECT pg_try_advisory_lock(7241006)
"""


async def alone(connection: Connection) -> bool:
    """Whether nobody else rebuilds; holds that off until the connection is closed."""
    row = await (await connection.execute(ALONE)).fetchone()
    return row is not None and row[0] is True


PREPARE = (
    "DROP SCHEMA IF EXISTS read_next CASCADE",
    "CREATE SCHEMA read_next",
    "CREATE TABLE read_next.listing (LIKE read.listing INCLUDING ALL)",
    "CREATE TABLE read_next.facet (LIKE read.facet INCLUDING ALL)",
)


async def prepare(connection: Connection) -> None:
    """Make empty tables beside those that are read, in place of what a rebuild that was killed has left."""
    for statement in PREPARE:
        await connection.execute(statement)


REMOVE = """
DROP SCHEMA IF EXISTS read_next CASCADE
"""


async def remove(connection: Connection) -> None:
    """Leave nothing behind of a rebuild that did not come to its end."""
    await connection.execute(REMOVE)


SNAPSHOT = """
SELECT (SELECT coalesce(max(position), 0) FROM journal.event), (SELECT count(*) FROM journal.head WHERE NOT removed)
"""


async def snapshot(connection: Connection) -> tuple[int, int]:
    """Position of the journal, and how many documents stand, within the transaction that this is called in.

    Positions are committed in their order: a snapshot has all events up to the last that it sees, and what it sees of
    the state is the state at that position.
    """
    row = await (await connection.execute(SNAPSHOT)).fetchone()
    return (row[0], row[1]) if row else (0, 0)


class Stands(Struct, frozen=True):
    """A document that stands, as far as the read model wants to know it."""

    kind: str
    created: int
    key: bytes
    id: str
    position: int
    """Position of the event that last changed it."""
    created_at: datetime
    updated_at: datetime
    head: bytes


STANDING = """
SELECT h.kind, h.created, h.key, h.id, h.position, h.created_at, h.updated_at, h.body
  FROM journal.head h
 WHERE NOT h.removed
"""


async def standing(connection: Connection, *, page: int) -> AsyncIterator[list[Stands]]:
    """Every document that stands, in no order, within the transaction that this is called in."""
    async with connection.cursor("standing", binary=True) as cursor:
        await cursor.execute(STANDING)
        while rows := await cursor.fetchmany(page):
            yield [Stands(*row) for row in rows]


LOAD_LISTING = """
COPY read_next.listing (kind, sort, key, id, id_short, created_at, updated_at) FROM STDIN (FORMAT BINARY)
"""
LOAD_FACET = """
COPY read_next.facet (facet, sort) FROM STDIN (FORMAT BINARY)
"""


async def load(connection: Connection, rows: Sequence[Listed]) -> None:
    """Add rows that are not there yet, all or none.

    Raises:
        psycopg.Error: where the database refuses one of them.
    """
    async with connection.transaction(), connection.cursor() as cursor:
        async with cursor.copy(LOAD_LISTING) as copy:
            copy.set_types(["text", "int8", "bytea", "text", "text", "timestamptz", "timestamptz"])
            for row in rows:
                await copy.write_row(
                    (row.kind, row.sort, row.key, row.id, row.id_short, row.created_at, row.updated_at)
                )
        async with cursor.copy(LOAD_FACET) as copy:
            copy.set_types(["bytea", "int8"])
            for row in rows:
                for facet in row.facets:
                    await copy.write_row((facet, row.sort))


CLEAR_FACETS = """
DELETE FROM read_next.facet WHERE sort = ANY(%(sorts)b::int8[])
"""
UNLIST = """
DELETE FROM read_next.listing l
 USING unnest(%(kinds)b::text[], %(sorts)b::int8[]) AS g (kind, sort)
 WHERE l.kind = g.kind AND l.sort = g.sort
"""
LIST = """
INSERT INTO read_next.listing (kind, sort, key, id, id_short, created_at, updated_at)
SELECT * FROM unnest(%(kinds)b::text[], %(sorts)b::int8[], %(keys)b::bytea[], %(ids)b::text[], %(id_shorts)b::text[],
                     %(created)b::timestamptz[], %(updated)b::timestamptz[])
    ON CONFLICT (kind, sort) DO UPDATE SET id_short = excluded.id_short, updated_at = excluded.updated_at
"""
TOUCH = """
UPDATE read_next.listing l SET updated_at = t.at
  FROM unnest(%(kinds)b::text[], %(sorts)b::int8[], %(updated)b::timestamptz[]) AS t (kind, sort, at)
 WHERE l.kind = t.kind AND l.sort = t.sort
"""
ADD_FACETS = """
INSERT INTO read_next.facet (facet, sort)
SELECT * FROM unnest(%(facets)b::bytea[], %(sorts)b::int8[])
    ON CONFLICT DO NOTHING
"""


async def follow(connection: Connection, rows: Sequence[Row]) -> None:
    """Do to the new tables what `read.project` does to those that are read; each row is the last of its place.

    Raises:
        psycopg.Error: where the database refuses one of them; nothing was written.
    """
    gone = [row for row in rows if isinstance(row, Unlisted)]
    listed = [row for row in rows if isinstance(row, Listed)]
    touched = [row for row in rows if isinstance(row, Touched)]
    async with connection.transaction():
        # What is gone goes first: its identifier may stand again, in another place.
        await connection.execute(CLEAR_FACETS, {"sorts": [row.sort for row in (*gone, *listed)]})
        await connection.execute(UNLIST, {"kinds": [row.kind for row in gone], "sorts": [row.sort for row in gone]})
        await connection.execute(
            LIST,
            {
                "kinds": [row.kind for row in listed],
                "sorts": [row.sort for row in listed],
                "keys": [row.key for row in listed],
                "ids": [row.id for row in listed],
                "id_shorts": [row.id_short for row in listed],
                "created": [row.created_at for row in listed],
                "updated": [row.updated_at for row in listed],
            },
        )
        await connection.execute(
            TOUCH,
            {
                "kinds": [row.kind for row in touched],
                "sorts": [row.sort for row in touched],
                "updated": [row.updated_at for row in touched],
            },
        )
        facets = [(facet, row.sort) for row in listed for facet in row.facets]
        await connection.execute(
            ADD_FACETS, {"facets": [facet for facet, _ in facets], "sorts": [sort for _, sort in facets]}
        )


ANALYZE = "ANALYZE read_next.listing, read_next.facet"


async def analyze(connection: Connection) -> None:
    """Tell the planner what the new tables hold, before anybody asks them."""
    await connection.execute(ANALYZE)


# Whoever reads for long must not be waited for: all others would queue up behind us.
PATIENCE = "SET LOCAL lock_timeout = '200ms'"
HOLD = """
SELECT position FROM read.bookmark WHERE name = 'projector' FOR UPDATE
"""


async def hold(connection: Connection) -> int:
    """Keep the projector from writing until the end of this transaction; gives the position that it has reached.

    The projector moves its bookmark before it touches a table, and so do we: neither waits for the other in a ring.

    Raises:
        psycopg.errors.LockNotAvailable: where it is busy right now.
    """
    await connection.execute(PATIENCE)
    row = await (await connection.execute(HOLD)).fetchone()
    return row[0] if row else 0


SWAP = (
    "LOCK TABLE read.facet, read.listing IN ACCESS EXCLUSIVE MODE",
    "DROP TABLE read.facet, read.listing",
    "ALTER TABLE read_next.listing SET SCHEMA read",
    "ALTER TABLE read_next.facet SET SCHEMA read",
    "DROP SCHEMA read_next",
    "DELETE FROM read.parked WHERE follower = 'projector'",
)
PARK = """
INSERT INTO read.parked (position, follower, key, error, at)
SELECT p.position, 'projector', p.key, p.error, clock_timestamp()
  FROM unnest(%(positions)b::int8[], %(keys)b::bytea[], %(errors)b::text[]) AS p (position, key, error)
"""
# A projector that was further behind learns from its bookmark that it was overtaken, and begins again from there.
MOVE = """
UPDATE read.bookmark SET position = %(position)s, at = clock_timestamp()
 WHERE name = 'projector' AND position < %(position)s
"""
TELL = """
SELECT pg_notify('titan_projected', %(position)s::text)
"""


class Astray(Struct, frozen=True):
    """An event or a document that could not be projected."""

    position: int
    key: bytes
    error: str


async def swap(connection: Connection, position: int, astray: Sequence[Astray]) -> None:
    """Put the new tables, which stand at this position, in the place of the old ones; at the end of the transaction.

    What was parked is forgotten, for it was tried anew; what went astray now is parked.

    Raises:
        psycopg.errors.LockNotAvailable: where somebody reads the old ones right now.
    """
    for statement in SWAP:
        await connection.execute(statement)
    parked = {one.position: one for one in astray}.values()
    await connection.execute(
        PARK,
        {
            "positions": [one.position for one in parked],
            "keys": [one.key for one in parked],
            "errors": [one.error for one in parked],
        },
    )
    await connection.execute(MOVE, {"position": position})
    await connection.execute(TELL, {"position": position})
