"""The elements of one submodel, by page: which there are, and no more of them than are wanted.

The names of the branches lie beside their bodies, which lie elsewhere where they are long: an outline of ten megabytes
is read in a few milliseconds.
"""

from collections.abc import Sequence

from msgspec import Struct

from titan.storage.journal import SEPARATOR
from titan.storage.postgres import Connection, Pool, reachable


class Outline(Struct, frozen=True):
    """A submodel without its elements, and what those are called."""

    revision: int
    position: int
    removed: bool
    blobs: bool
    head: bytes
    """The whole document where it has no chunks."""
    ordinals: tuple[int, ...]
    """Of its chunks, in their order; none where the head is the whole document."""
    id_shorts: tuple[tuple[str, ...], ...]
    """Of the branches of each chunk."""


OUTLINE = """
SELECT h.revision, h.position, h.removed, h.blobs, h.body, c.ordinals, c.id_shorts
  FROM journal.head h
 CROSS JOIN LATERAL (
       SELECT array_agg(k.ordinal ORDER BY k.ordinal) AS ordinals,
              array_agg(k.id_shorts ORDER BY k.ordinal) AS id_shorts
         FROM journal.chunk k
        WHERE h.chunks > 0 AND k.key = h.key) AS c
 WHERE h.key = %(key)s
"""

BODIES = """
SELECT h.revision, array_agg(c.body ORDER BY c.ordinal)
  FROM journal.head h
  JOIN journal.chunk c ON c.key = h.key AND c.ordinal = ANY(%(ordinals)s::int8[])
 WHERE h.key = %(key)s
 GROUP BY h.revision
"""


async def outline(pool: Pool, key: bytes) -> Outline | None:
    """How a submodel stands and what its elements are called; None where it never was.

    Raises:
        Unavailable: where the database is away.
    """
    with reachable():
        async with pool.connection() as connection:
            return await _outline(connection, key)


async def _outline(connection: Connection, key: bytes) -> Outline | None:
    row = await (await connection.execute(OUTLINE, {"key": key}, binary=True)).fetchone()
    if row is None:
        return None
    *standing, ordinals, id_shorts = row
    names = tuple([tuple(joined.split(SEPARATOR)) for joined in id_shorts or ()])
    return Outline(*standing, ordinals=tuple(ordinals or ()), id_shorts=names)


async def bodies(pool: Pool, key: bytes, revision: int, ordinals: Sequence[int]) -> list[bytes] | None:
    """These chunks of a submodel; None where it is at that revision no more.

    Raises:
        Unavailable: where the database is away.
    """
    with reachable():
        async with pool.connection() as connection:
            parameters = {"key": key, "ordinals": list(ordinals)}
            row = await (await connection.execute(BODIES, parameters, binary=True)).fetchone()
    return list(row[1]) if row is not None and row[0] == revision else None
