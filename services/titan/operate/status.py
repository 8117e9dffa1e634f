"""`titan status`: where everything stands, and how far each is behind. Redis that is away is shown, not an error."""

from typing import cast

import psycopg
from msgspec import Struct
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from titan.addresses import Address, database
from titan.errors import Misconfigured, Unavailable
from titan.operate.terminal import say
from titan.storage import listings, parked, redis
from titan.storage.parked import Parked
from titan.storage.postgres import Connection, connect, reachable
from titan.storage.redis import Names
from titan.storage.stream import Stream

PARKED_SHOWN = 20


class Replica(Struct, frozen=True):
    """A worker of the read tier that reported a position."""

    name: str
    position: int
    lease_ms: int
    """What is left of its lease; 0 where it has none any more, so that nobody waits for it."""


class Redises(Struct, frozen=True):
    """Where Redis stands."""

    stream_end: int | None
    """Position of the newest event that the stream took; None where it is gone, and followers read the journal."""
    stream_length: int
    generation: str | None
    projected: int | None
    """Position up to which its documents are known to be finished; None where it knows nothing."""
    watermark: int | None
    projector_lives: bool
    replicas: list[Replica]
    used_bytes: int
    eviction: str
    """Its `maxmemory-policy`; empty where it does not say."""


class Status(Struct, frozen=True):
    """Where everything stands. Looked at one after the other: a follower may seem a little ahead."""

    schema: str
    """Revision of the schema."""
    position: int
    """Of the newest event of the journal."""
    bookmark: int
    """Position up to which the read model knows the journal."""
    documents: dict[str, int]
    """How many are listed, by kind."""
    parked: list[Parked]
    sizes: dict[str, int]
    """Bytes of each table with its indexes, and of the database as a whole."""
    redis: Redises | None
    """None where it is away, or not used."""


SCHEMA = "SELECT version_num FROM public.alembic_version"
LAST = "SELECT coalesce(max(position), 0) FROM journal.event"
DOCUMENTS = "SELECT kind, count(*) FROM read.listing GROUP BY kind ORDER BY kind"
SIZES = """
SELECT s.nspname || '.' || c.relname, pg_total_relation_size(c.oid)
  FROM pg_class c
  JOIN pg_namespace s ON s.oid = c.relnamespace
 WHERE s.nspname IN ('journal', 'read') AND c.relkind = 'r'
 UNION ALL
SELECT 'database', pg_database_size(current_database())
 ORDER BY 2 DESC
"""


async def status(*, database_url: Address, redis_url: Address | None, names: Names) -> Status:
    """Look at everything.

    Raises:
        Unavailable: where the database is away.
        Misconfigured: where it has no schema.
    """
    connection = await connect(database(database_url).conninfo, name="status")
    try:
        with reachable():
            return await _look(connection, await _look_at_redis(redis_url, names))
    except psycopg.errors.UndefinedTable as error:
        raise Misconfigured("The database has no schema yet: run `titan migrate` first.") from error
    finally:
        await connection.close()


async def _look(connection: Connection, redises: Redises | None) -> Status:
    schema = await (await connection.execute(SCHEMA)).fetchone()
    last = await (await connection.execute(LAST)).fetchone()
    return Status(
        schema=schema[0] if schema else "",
        bookmark=await listings.bookmark(connection),
        position=last[0] if last else 0,
        documents=dict(await (await connection.execute(DOCUMENTS)).fetchall()),
        parked=await parked.parked(connection),
        sizes=dict(await (await connection.execute(SIZES)).fetchall()),
        redis=redises,
    )


async def _look_at_redis(url: Address | None, names: Names) -> Redises | None:
    if url is None:
        return None
    client = redis.connect(url)
    try:
        with redis.reachable():
            return await _ask_redis(client, names)
    except Unavailable:
        return None
    finally:
        await client.aclose()


async def _ask_redis(client: Redis, names: Names) -> Redises:
    generation, projected, watermark, projector = cast(
        "list[bytes | None]",
        await client.mget(names.generation, names.projected, names.watermark, names.projector),
    )
    memory = cast("dict[str, int | str]", await client.info("memory"))  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments
    return Redises(
        stream_end=await Stream(client, names, kept=0).last() or None,
        stream_length=await client.xlen(names.stream),
        generation=generation.decode() if generation else None,
        projected=int(projected) if projected else None,
        watermark=int(watermark) if watermark else None,
        projector_lives=projector is not None,
        replicas=[await _replica(client, names, *one) for one in await _reported(client, names)],
        used_bytes=int(memory["used_memory"]),
        eviction=str(memory.get("maxmemory_policy", "")),
    )


async def _reported(client: Redis, names: Names) -> list[tuple[bytes, float]]:
    reported = await client.zrange(names.applied, 0, -1, withscores=True)  # pyright: ignore[reportUnknownMemberType]  # its function for scores is untyped
    return cast("list[tuple[bytes, float]]", reported)


async def _replica(client: Redis, names: Names, name: bytes, position: float) -> Replica:
    left_ms = await client.pttl(names.lease + name.decode())
    return Replica(name.decode(), int(position), max(left_ms, 0))


def show(status: Status, console: Console) -> None:
    """Tell it."""
    console.print(_positions(status))
    console.print(_documents(status))
    if status.redis is None:
        say(console, "Redis is away, or not used: reads and visibility rest on PostgreSQL.", style="yellow")
    elif not status.redis.projector_lives:
        say(console, "No projector is alive: lists and caches stand still.", style="yellow")
    if status.redis is not None and status.redis.eviction not in {"", "noeviction"}:
        told = f"Redis has maxmemory-policy {status.redis.eviction}: only noeviction is right."
        say(
            console,
            f"{told} Replicas may show what was before a write, where their leases are evicted.",
            style="yellow",
        )
    if status.redis is not None and status.redis.replicas:
        console.print(_replicas(status.redis, status.position))
    for one in status.parked[:PARKED_SHOWN]:
        say(console, f"Parked: {one.position} of {one.follower}, {one.since:%Y-%m-%d %H:%M:%S}: {one.error}")
    if len(status.parked) > PARKED_SHOWN:
        say(console, f"and {len(status.parked) - PARKED_SHOWN} more that are parked")


def _positions(status: Status) -> Table:
    table = _table(f"Schema {status.schema}", "", "position", "behind")
    rows: list[tuple[str, int | None]] = [("journal", status.position), ("read model", status.bookmark)]
    if status.redis is not None:
        rows += [
            ("stream", status.redis.stream_end),
            ("documents in Redis", status.redis.projected),
            ("seen by every replica", status.redis.watermark),
        ]
    for name, position in rows:
        behind = "" if position is None else f"{max(status.position - position, 0):,}"
        table.add_row(name, "-" if position is None else f"{position:,}", behind)
    return table


def _documents(status: Status) -> Table:
    table = _table("Stored", "", "documents", "bytes")
    for kind, count in status.documents.items():
        table.add_row(kind, f"{count:,}")
    for name, size in status.sizes.items():
        table.add_row(name, "", f"{size:,}")
    if status.redis is not None:
        table.add_row(f"Redis, generation {status.redis.generation or '-'}", "", f"{status.redis.used_bytes:,}")
        table.add_row(f"stream of {status.redis.stream_length:,} events")
    return table


def _replicas(redises: Redises, position: int) -> Table:
    table = _table("Replicas", "", "position", "behind", "lease")
    for one in redises.replicas:
        lease = f"{one.lease_ms} ms" if one.lease_ms else "gone"
        table.add_row(one.name, f"{one.position:,}", f"{max(position - one.position, 0):,}", lease)
    return table


def _table(title: str, name: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column(name, overflow="fold")
    for number in numbers:
        table.add_column(number, justify="right")
    return table
