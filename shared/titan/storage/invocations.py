"""Operations that were invoked to be asked about later: who carries them out, and what came of them.

They are no documents, so the journal of documents knows nothing of them. An invocation is carried out by the one
process that accepted it, never by another. That process renews its lease; when it has not, nobody waits for it: from
then on everybody sees the invocation as failed, and a result that comes after all is not taken. It is the clock of the
database alone that leases are measured by.
"""

from collections.abc import Sequence
from typing import LiteralString

from msgspec import Struct

from titan.storage.postgres import Pool, reachable

LEASE_S = 10.0
"""How long a process that gives no sign is taken to be at work."""
BATCH = 1000


class Invocation(Struct, frozen=True):
    """How an invocation stands."""

    result: bytes | None
    """What came of it, encoded; None while there is nothing."""
    abandoned: bool
    """Whether there never will be: its process ended, or lost the database for too long."""


BEGIN = """
INSERT INTO journal.invocation (handle, key, path, lease, expires)
VALUES (%(handle)s, %(key)s, %(path)s,
        clock_timestamp() + make_interval(secs => %(lease_s)s),
        clock_timestamp() + make_interval(secs => %(kept_s)s))
"""

# Whoever lost the lease does not get it back: somebody may have been told that the invocation failed.
RENEW = """
UPDATE journal.invocation
   SET lease = clock_timestamp() + make_interval(secs => %(lease_s)s)
 WHERE handle = ANY(%(handles)s::text[]) AND result IS NULL AND lease > clock_timestamp()
"""

FINISH = """
UPDATE journal.invocation
   SET result = %(result)s, expires = clock_timestamp() + make_interval(secs => %(kept_s)s)
 WHERE handle = ANY(%(handles)s::text[]) AND result IS NULL AND lease > clock_timestamp()
"""

FIND = """
SELECT result, result IS NULL AND lease <= clock_timestamp()
  FROM journal.invocation
 WHERE handle = %(handle)s AND key = %(key)s AND path = %(path)s AND expires > clock_timestamp()
"""

# Two that sweep at once share what there is instead of waiting for each other.
SWEEP = """
DELETE FROM journal.invocation
 WHERE handle = ANY(ARRAY(SELECT handle FROM journal.invocation
                           WHERE expires < clock_timestamp()
                           ORDER BY expires
                           LIMIT %(batch)s
                             FOR UPDATE SKIP LOCKED))
"""


class Invocations:
    """The invocations of all processes, as one of them sees them.

    Everything here raises `Unavailable` where the database is away.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(self, handle: str, key: bytes, path: str, *, kept_s: float) -> None:
        """Note that this process carries an operation out; it is forgotten after `kept_s` if nothing comes of it."""
        parameters = {"handle": handle, "key": key, "path": path}
        await self._do(BEGIN, {**parameters, "lease_s": LEASE_S, "kept_s": kept_s})

    async def renew(self, handles: Sequence[str]) -> None:
        """Give a sign that these are being carried out; due several times within `LEASE_S`."""
        await self._do(RENEW, {"handles": list(handles), "lease_s": LEASE_S})

    async def finish(self, handles: Sequence[str], result: bytes, *, kept_s: float) -> int:
        """Keep a result for `kept_s`; says of how many of these invocations it was taken."""
        return await self._do(FINISH, {"handles": list(handles), "result": result, "kept_s": kept_s})

    async def find(self, handle: str, key: bytes, path: str) -> Invocation | None:
        """How an invocation of this element stands; None where there is none such, or no longer."""
        with reachable():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(FIND, {"handle": handle, "key": key, "path": path}, binary=True)
                row = await cursor.fetchone()
        return None if row is None else Invocation(*row)

    async def sweep(self) -> int:
        """Delete a batch of what has expired, and say how much that was; less than `BATCH` where that was all."""
        return await self._do(SWEEP, {"batch": BATCH})

    async def _do(self, query: LiteralString, parameters: dict[str, str | bytes | float | list[str]]) -> int:
        with reachable():
            async with self._pool.connection() as connection:
                return (await connection.execute(query, parameters)).rowcount
