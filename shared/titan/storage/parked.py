"""Events that the projector could not follow: set aside, shown, and put right from the state of their documents.

An old event is never followed again, since newer ones have been: what is put right is the document, as it stands. That
takes the projector's place for a moment. Whoever holds the row of its bookmark keeps it from writing, and what it
writes afterwards are events behind that bookmark, which follow on what was put right as on anything else.
"""

from datetime import datetime

from msgspec import Struct

from titan.events.project import Listed, Row, Unlisted
from titan.storage.listings import write
from titan.storage.postgres import Connection, reachable
from titan.storage.rebuild import Stands

PARK = """
INSERT INTO read.parked (position, follower, key, error, at)
VALUES (%(position)s, %(follower)s, %(key)s, %(error)s, clock_timestamp())
    ON CONFLICT (position, follower) DO UPDATE SET error = excluded.error
"""


async def park(connection: Connection, position: int, *, follower: str, key: bytes, error: str) -> None:
    """Set aside an event that cannot be followed, so that the others go on; one that is set aside gets a new error."""
    parameters = {"position": position, "follower": follower, "key": key, "error": error}
    with reachable():
        await connection.execute(PARK, parameters)


PARKED = """
SELECT p.position, p.follower, p.key, coalesce(e.kind, ''), coalesce(e.id, ''), coalesce(e.fact, ''), p.at, p.error
  FROM read.parked p
  LEFT JOIN journal.event e ON e.position = p.position
 ORDER BY p.position, p.follower
"""


class Parked(Struct, frozen=True):
    """An event that was set aside."""

    position: int
    follower: str
    key: bytes
    kind: str
    """Of its document, with its identifier; empty where the journal knows of no such event."""
    id: str
    fact: str
    since: datetime
    error: str
    """Of the last time that it was tried."""


async def parked(connection: Connection) -> list[Parked]:
    """Every event that was set aside, by position."""
    with reachable():
        cursor = await connection.execute(PARKED, binary=True)
        return [Parked(*row) for row in await cursor.fetchall()]


COUNT = """
SELECT count(*) FROM read.parked
"""


async def count(connection: Connection) -> int:
    """How many events are set aside."""
    with reachable():
        row = await (await connection.execute(COUNT)).fetchone()
    return row[0] if row else 0


HOLD = """
SELECT position FROM read.bookmark WHERE name = 'projector' FOR UPDATE
"""


async def hold(connection: Connection) -> int:
    """Keep the projector from writing until the end of this transaction; gives the position that it has reached."""
    row = await (await connection.execute(HOLD)).fetchone()
    return row[0] if row else 0


# In a statement of its own, behind the lock: what it sees is not older than the bookmark.
STATE = """
SELECT h.removed, h.kind, h.created, h.key, h.id, h.position, h.created_at, h.updated_at, h.body
  FROM journal.head h
 WHERE h.key = %(key)s
"""


async def stands(connection: Connection, key: bytes) -> Stands | None:
    """How a document stands; None where it does not."""
    row = await (await connection.execute(STATE, {"key": key}, binary=True)).fetchone()
    return None if row is None or row[0] else Stands(*row[1:])


ROWS = """
SELECT l.kind, l.sort FROM read.listing l WHERE l.key = %(key)s
"""
SETTLE = """
DELETE FROM read.parked p
 WHERE p.follower = 'projector' AND p.key = %(key)s AND p.position <= %(bookmark)s
RETURNING p.position
"""


async def put_right(connection: Connection, key: bytes, listed: Listed | None, *, bookmark: int) -> list[int]:
    """List a document as it stands, or not where it does not; gives the positions that are parked no more.

    To be called in the transaction that holds the bookmark. The row is written as the projector writes, by the same
    function, which finds the bookmark where it is and leaves it there.

    A life of the document that began behind the bookmark is left to the projector, which will come to its beginning: a
    row for it now would be in the way of lives between. What is parked behind the bookmark is being parked right now,
    and stays.

    Raises:
        psycopg.Error: where the database refuses the row.
    """
    known = listed if listed is not None and listed.sort <= bookmark else None
    found = await (await connection.execute(ROWS, {"key": key}, binary=True)).fetchall()
    rows: list[Row] = [Unlisted(kind, sort) for kind, sort in found if known is None or sort != known.sort]
    if known is not None:
        rows.append(known)
    await write(connection, rows, after=bookmark, upto=bookmark)
    cursor = await connection.execute(SETTLE, {"key": key, "bookmark": bookmark}, binary=True)
    return [position for (position,) in await cursor.fetchall()]
