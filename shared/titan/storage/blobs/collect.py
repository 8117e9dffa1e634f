"""Contents that nothing refers to: condemned first, removed later, and never under the hands of a writer.

A run reads what the state refers to, and then walks through the store. What is older than the grace and not referred to
is condemned: noted in `journal.condemned` with the time. What was condemned longer than the grace before the run began,
and was not seen in the state by that run, is removed.

Why nothing is lost: whoever is about to rely on a content, be it there or not, first *claims* its digest, which deletes
it from the condemned. From there it can be removed only after it is condemned anew and a grace has passed, so a writer
has a whole grace to record its fact, and the run that would remove it reads the state after that. A removal holds the
lock of the row until the content is gone, and takes no row that is claimed at that moment: a claim that comes during a
removal waits for its end, and the writer finds nothing there and stores the content again. Hence the one rule for the
grace: longer than any request.

What remains is a store that carries out a removal after its answer was given up, while the database forgot the lock
with the connection. The removal of one content is one transaction, so that this takes both to fail in the same moment.

One collector works at a time, and none while a backup is made, which reads what an older state refers to. A bucket, or
a prefix in it, belongs to one installation: to another one's database its contents are orphans.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import LiteralString

from msgspec import Struct

from titan.addresses import Address
from titan.codec.blobs import digests
from titan.storage.blobs.store import Blobs
from titan.storage.postgres import Connection, Pool, connect, lead, reachable

PAGE = 512
"""Digests that are sent to the database at once."""

CLAIM = """
DELETE FROM journal.condemned
 WHERE digest = ANY(%(digests)s::text[])
"""


async def claim(pool: Pool, digests: Sequence[str]) -> None:
    """Say that facts will refer to these digests; waits for a removal that is under way.

    Comes before looking whether a content is there, and before recording a fact that refers to one.

    Raises:
        Unavailable: where the database is away.
    """
    with reachable():
        async with pool.connection() as connection:
            await connection.execute(CLAIM, {"digests": sorted(digests)})


class Collected(Struct, frozen=True):
    """What a run found and did."""

    stored: int
    """Contents in the store."""
    referenced: int
    """Digests that the state refers to."""
    condemned: int
    """That nothing refers to, and are noted now for the first time."""
    reprieved: int
    """That were condemned, and are referred to again."""
    removed: int


LEAD = """
SELECT pg_try_advisory_lock(7241007)
"""

YIELD = """
SELECT pg_advisory_unlock(7241007)
"""

HOLD_OFF = """
SELECT pg_try_advisory_lock_shared(7241007)
"""


async def hold_off(connection: Connection) -> None:
    """Wait for the end of a run that is under way, and keep collectors away until the connection is closed.

    Raises:
        Unavailable: where the database goes away.
    """
    await lead(connection, HOLD_OFF)


BEGAN = """
SELECT now()
"""


async def collect(conninfo: Address, blobs: Blobs, *, grace: timedelta) -> Collected | None:
    """Condemn and remove what nothing refers to; None where another collector is, or is kept away.

    Memory is bounded: what is referred to is gathered in a temporary table of the database.

    Raises:
        Unavailable: where the database or the store is away. What was done stays done.
    """
    connection = await connect(conninfo, name="collector")
    try:
        with reachable():
            if not await _one(connection, LEAD):
                return None
            began = await _one(connection, BEGAN)
            assert isinstance(began, datetime)  # noqa: S101  for the type
            referenced = await gather(connection)
            reprieved = (await connection.execute(REPRIEVE)).rowcount
            stored, condemned = await condemn(connection, blobs.walk(), before=began - grace)
            removed = 0
            while await remove_one(connection, blobs, before=began - grace):
                removed += 1
            # The end of a connection is noticed a little later, and another collector may be waiting.
            await connection.execute(YIELD)
        return Collected(stored, referenced, condemned, reprieved, removed)
    finally:
        await connection.close()


REFERENCED = """
CREATE TEMPORARY TABLE referenced (digest text PRIMARY KEY)
"""

# The state and nothing else: what an event of the past referred to is not shown to anyone. A fact that is recorded
# meanwhile was preceded by a claim. The bodies that name no digest are left out where they are.
BODIES = """
SELECT body FROM journal.head
 WHERE NOT removed
   AND (position('titan:sha256:'::bytea IN body) > 0 OR position('/attachments/'::bytea IN body) > 0)
 UNION ALL
SELECT body FROM journal.chunk
 WHERE position('titan:sha256:'::bytea IN body) > 0 OR position('/attachments/'::bytea IN body) > 0
"""

NOTE = """
INSERT INTO pg_temp.referenced (digest)
SELECT unnest(%(digests)s::text[])
    ON CONFLICT DO NOTHING
"""


async def gather(connection: Connection) -> int:
    """Note in a temporary table what the state refers to, as of one moment; gives how many digests that is."""
    await connection.execute(REFERENCED)
    count = 0
    async with connection.transaction(), connection.cursor("bodies", binary=True) as cursor:
        cursor.itersize = 32
        await cursor.execute(BODIES)
        noted: set[str] = set()
        async for (body,) in cursor:
            noted |= digests(body)
            if len(noted) >= PAGE:
                count += (await connection.execute(NOTE, {"digests": sorted(noted)})).rowcount
                noted.clear()
        count += (await connection.execute(NOTE, {"digests": sorted(noted)})).rowcount
    return count


GATHERED = """
SELECT digest FROM pg_temp.referenced WHERE digest > %(after)s ORDER BY digest LIMIT %(limit)s
"""


async def gathered(connection: Connection) -> AsyncIterator[str]:
    """What was noted there, in order."""
    after = ""
    while True:
        cursor = await connection.execute(GATHERED, {"after": after, "limit": PAGE})
        page = [digest for (digest,) in await cursor.fetchall()]
        for digest in page:
            yield digest
        if len(page) < PAGE:
            return
        after = page[-1]


REPRIEVE = """
DELETE FROM journal.condemned c
 USING pg_temp.referenced r
 WHERE c.digest = r.digest
"""

# Condemned from the moment of this statement on: a writer who claimed before it has a whole grace from here.
CONDEMN = """
INSERT INTO journal.condemned (digest, at)
SELECT found.digest, clock_timestamp()
  FROM unnest(%(digests)s::text[]) AS found (digest)
 WHERE NOT EXISTS (SELECT FROM pg_temp.referenced r WHERE r.digest = found.digest)
    ON CONFLICT DO NOTHING
"""


async def condemn(
    connection: Connection, walked: AsyncIterator[tuple[str, datetime]], *, before: datetime
) -> tuple[int, int]:
    """Condemn what was put before that time and is not referred to; gives how many were walked by and condemned."""
    stored = condemned = 0
    page: list[str] = []
    async for digest, at in walked:
        stored += 1
        if at <= before:
            page.append(digest)
        if len(page) >= PAGE:
            condemned += (await connection.execute(CONDEMN, {"digests": page})).rowcount
            page.clear()
    condemned += (await connection.execute(CONDEMN, {"digests": page})).rowcount
    return stored, condemned


# A row that somebody claims at this moment is passed over: its content is wanted.
NEXT = """
SELECT c.digest
  FROM journal.condemned c
 WHERE c.at <= %(before)s
   AND NOT EXISTS (SELECT FROM pg_temp.referenced r WHERE r.digest = c.digest)
 ORDER BY c.at
 LIMIT 1
   FOR UPDATE SKIP LOCKED
"""


async def remove_one(connection: Connection, blobs: Blobs, *, before: datetime) -> bool:
    """Remove a content that was condemned before that time, while nobody can claim it; says whether there was one."""
    async with connection.transaction():
        digest = await _one(connection, NEXT, before=before)
        if digest is None:
            return False
        await blobs.remove(str(digest))
        await connection.execute(CLAIM, {"digests": [digest]})
        return True


async def _one(connection: Connection, query: LiteralString, **values: object) -> object:
    row = await (await connection.execute(query, values)).fetchone()
    return row[0] if row else None
