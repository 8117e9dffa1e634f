"""The journal: facts go in, many requests in one transaction; events come out in commit order.

Positions are gap-free and commit-ordered: `journal.append` takes one advisory lock before it reads the last position.
A follower that has seen position n has seen everything below n, and can prove it by counting.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
from msgspec import Struct
from psycopg.errors import IdleInTransactionSessionTimeout, ReadOnlySqlTransaction

from titan.addresses import Address
from titan.errors import Overloaded, Unavailable
from titan.events.decide import Standing, body, fact_name
from titan.events.facts import Changed, DocumentPut, DocumentRemoved, Event, Fact, Recorded
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.storage.notices import JOURNAL, Notices
from titan.storage.postgres import WRITING, Connection, bounded, connect, reachable, see

BATCH_ITEMS = 128
BATCH_BYTES = 8 * 1024 * 1024
QUEUE_ITEMS = 4096
QUEUE_BYTES = 256 * 1024 * 1024
SEPARATOR = "\x1f"
"""Between the idShorts of a chunk; AASd-130 keeps it out of every text."""
REFUSALS = (ReadOnlySqlTransaction, IdleInTransactionSessionTimeout)
"""With these nothing was stored: the server takes no writes, or this process stood still in the middle of one."""


class Appended(Struct, frozen=True):
    """Where a fact stands now."""

    position: int
    revision: int
    created: int
    """Position at which the document was created."""


class Lost(Exception):
    """Another fact took the revision; carries how the document stands instead. Whoever decided looks again."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        super().__init__(f"The document is at revision {standing.revision}.")


# One call, one statement, one round trip: the batch commits by itself.
APPEND = """
SELECT appended, current_revision, standing, created_sort, appended_at
  FROM journal.append(
       %(keys)b::bytea[], %(kinds)b::text[], %(ids)b::text[], %(expecteds)b::int8[], %(facts)b::text[],
       %(paths)b::text[], %(changes)b::text[], %(bodies)b::bytea[], %(heads)b::bytea[], %(blobs)b::bool[],
       %(ordinals)b::int4[], %(counts)b::int4[], %(callers)b::text[], %(traces)b::text[],
       %(chunk_items)b::int4[], %(chunk_ordinals)b::int4[], %(chunk_id_shorts)b::text[], %(chunk_bodies)b::bytea[])
"""


class _Row(Struct, frozen=True):
    """What one fact writes beside its event."""

    change: str
    head: bytes | None
    blobs: bool
    ordinal: int
    count: int
    chunks: tuple[tuple[int, str, bytes], ...]
    path: str = ""


def _row(recorded: Recorded) -> _Row:
    fact = recorded.fact
    match fact:
        case DocumentPut():
            chunks = tuple(
                (ordinal, SEPARATOR.join(chunk.id_shorts), chunk.body)
                for ordinal, chunk in enumerate(fact.parts.chunks)
            )
            return _Row("p", fact.parts.head, fact.parts.blobs, -1, len(chunks), chunks)
        case DocumentRemoved():
            return _Row("r", b"", blobs=False, ordinal=-1, count=0, chunks=())
        case Changed():
            rows = fact.rows
            chunks = tuple((ordinal, SEPARATOR.join(chunk.id_shorts), chunk.body) for ordinal, chunk in rows.chunks)
            one = len(chunks) == 1 and rows.head is None and not rows.anew
            ordinal = chunks[0][0] if one else -1
            return _Row("p" if rows.anew else "c", rows.head, fact.blobs, ordinal, rows.count, chunks, fact.path)


def _parameters(batch: Sequence[Recorded], rows: Sequence[_Row], bodies: Sequence[bytes]) -> dict[str, list[object]]:
    chunks = [(number, *chunk) for number, row in enumerate(rows, 1) for chunk in row.chunks]
    return {
        "keys": [recorded.subject.key for recorded in batch],
        "kinds": [recorded.subject.kind.name for recorded in batch],
        "ids": [recorded.subject.id for recorded in batch],
        "expecteds": [recorded.expected for recorded in batch],
        "facts": [fact_name(recorded.fact) for recorded in batch],
        "paths": [row.path for row in rows],
        "changes": [row.change for row in rows],
        "bodies": [*bodies],
        "heads": [row.head for row in rows],
        "blobs": [row.blobs for row in rows],
        "ordinals": [row.ordinal for row in rows],
        "counts": [row.count for row in rows],
        "callers": [recorded.caller for recorded in batch],
        "traces": [recorded.trace for recorded in batch],
        "chunk_items": [chunk[0] for chunk in chunks],
        "chunk_ordinals": [chunk[1] for chunk in chunks],
        "chunk_id_shorts": [chunk[2] for chunk in chunks],
        "chunk_bodies": [chunk[3] for chunk in chunks],
    }


async def append(connection: Connection, batch: Sequence[Recorded]) -> list[Appended | Lost]:
    """Write the facts in one transaction, each where its document still stands at the revision it was decided on.

    Raises:
        psycopg.Error: where the database refuses the batch; nothing of it was written.
    """
    answers, _ = await _append(connection, batch)
    return answers


async def _append(connection: Connection, batch: Sequence[Recorded]) -> tuple[list[Appended | Lost], list[Event]]:
    """The same, with the events that came of it, as `after` would give them."""
    rows = [_row(recorded) for recorded in batch]
    bodies = [body(recorded.fact) for recorded in batch]
    cursor = await connection.execute(APPEND, _parameters(batch, rows, bodies), binary=True)
    answers: list[Appended | Lost] = []
    events: list[Event] = []
    for recorded, row, told, (position, revision, standing, created, at) in zip(
        batch, rows, bodies, await cursor.fetchall(), strict=True
    ):
        if position is None:
            answers.append(Lost(Standing(revision=revision, exists=standing)))
            continue
        answers.append(Appended(position=position, revision=revision, created=created))
        subject, fact = recorded.subject, recorded.fact
        events.append(
            Event(
                *(position, subject.key, subject.kind.name, subject.id, revision, created, fact_name(fact), row.path),
                *(row.ordinal, row.count, row.blobs, told, recorded.caller, recorded.trace, at, len(told)),
            )
        )
    return answers, events


class _Waiting(Struct):
    """Facts in the queue that are written all or none, and who waits for them."""

    recorded: tuple[Recorded, ...]
    size: int
    answer: asyncio.Future[tuple[Appended, ...]]


def _size(fact: Fact) -> int:
    match fact:
        case DocumentPut():
            return len(fact.parts.head) + sum(len(chunk.body) for chunk in fact.parts.chunks)
        case DocumentRemoved():
            return 0
        case Changed():
            return len(fact.body) + len(fact.rows.head or b"") + sum(len(chunk.body) for _, chunk in fact.rows.chunks)


class Journal:
    """The one way in: requests that wait together are written in one transaction, on one connection a process.

    Two connections a process were measured slower: the lock is held until the disk has answered.
    """

    def __init__(
        self,
        conninfo: Address,
        metrics: Metrics,
        notices: Notices,
        tell: Callable[[Sequence[Event]], None] | None = None,
        *,
        traces: Traces = OFF,
    ) -> None:
        self._conninfo = conninfo
        self._metrics = metrics
        self._traces = traces
        self._notices = notices
        self._tell = tell
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._filled = asyncio.Event()
        self._closing = False
        self._connection: Connection | None = None

    def __len__(self) -> int:
        """How many facts wait to be written."""
        return len(self._queue)

    async def record(self, recorded: Recorded) -> Appended:
        """Write one fact; returns once it is committed.

        Raises:
            Lost: where the document is at another revision by now.
            Overloaded, Unavailable: as `record_all`.
        """
        return (await self.record_all(recorded))[0]

    async def record_all(self, *recorded: Recorded) -> tuple[Appended, ...]:
        """Write facts about different documents, all or none; returns once they are committed.

        Raises:
            Lost: where one of the documents is at another revision by now.
            Overloaded: where too much waits already; nothing was written.
            Unavailable: where the database is away; nothing was written, or nobody can tell.
        """
        size = sum(_size(each.fact) for each in recorded)
        is_full = len(self._queue) >= QUEUE_ITEMS or (self._queue and self._queued_bytes + size > QUEUE_BYTES)
        if is_full or self._closing:
            raise Overloaded("Too many writes wait already; nothing was stored.")
        with self._traces.over("append", recorded) as traced:
            waiting = _Waiting((*traced,), size, asyncio.get_running_loop().create_future())
            self._queue.append(waiting)
            self._queued_bytes += size
            self._filled.set()
            return await waiting.answer

    async def run(self) -> None:
        """Write what waits until closed; then what still waits, and return."""
        try:
            while not (self._closing and not self._queue):
                if not self._queue:
                    self._filled.clear()
                    await self._filled.wait()
                    continue
                await self._write(self._take())
        finally:
            await self._drop_connection()
            self._refuse_rest()

    def close(self) -> None:
        """Take nothing more; `run` returns when the queue is empty."""
        self._closing = True
        self._filled.set()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < BATCH_ITEMS and (not batch or size + self._queue[0].size <= BATCH_BYTES):
            if batch and len(self._queue[0].recorded) > 1:
                # Facts that belong together are a transaction by themselves.
                break
            waiting = self._queue.popleft()
            self._queued_bytes -= waiting.size
            if not waiting.answer.cancelled():
                size += waiting.size
                batch.append(waiting)
                if len(waiting.recorded) > 1:
                    break
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        self._metrics.group_commit_size.observe(len(batch))
        try:
            answers, events = await self._append(batch)
        except Lost as lost:
            _settle(batch[0].answer, lost)
        except (Unavailable, *REFUSALS, psycopg.OperationalError, psycopg.InterfaceError) as error:
            # Who takes no writes may have been the primary until now: by its name we find another, or it again.
            await self._drop_connection()
            _fail(batch, error)
        except psycopg.Error as error:
            # One poisoned request must harm nobody else: each by itself, so that only the culprit fails.
            if len(batch) == 1:
                _fail(batch, error)
                return
            for waiting in batch:
                await self._write([waiting])
        else:
            told = iter(answers)
            for waiting in batch:
                _settle(waiting.answer, _together([next(told) for _ in waiting.recorded]))
            self._say(events)

    def _say(self, events: Sequence[Event]) -> None:
        if not events:
            return
        # The relay of this process needs neither the database's call nor its answer to know them.
        if self._tell is not None:
            self._tell(events)
        self._notices.heard(JOURNAL, events[-1].position)

    async def _append(self, batch: list[_Waiting]) -> tuple[list[Appended | Lost], list[Event]]:
        self._connection = await self._connected()
        facts = [recorded for waiting in batch for recorded in waiting.recorded]
        # Followers go on from the append of an event, not from the transaction that it shared with others.
        with self._traces.over("group commit", facts), bounded(self._connection):
            if len(facts) == len(batch):
                return await _append(self._connection, facts)
            async with self._connection.transaction():
                answers, events = await _append(self._connection, facts)
                for answer in answers:
                    if isinstance(answer, Lost):
                        raise answer
        return answers, events

    async def _connected(self) -> Connection:
        """The connection, made anew where it was ended while nothing was written: nobody's facts are lost by that."""
        if self._connection is not None:
            with suppress(psycopg.Error), bounded(self._connection):
                await see(self._connection)
                return self._connection
        await self._drop_connection()
        return await connect(self._conninfo, name="journal", options=WRITING)

    async def _drop_connection(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _refuse_rest(self) -> None:
        while self._queue:
            _settle(self._queue.popleft().answer, Unavailable("The server is stopping; nothing was stored."))


def _together(answers: list[Appended | Lost]) -> tuple[Appended, ...] | Lost:
    written = tuple(answer for answer in answers if isinstance(answer, Appended))
    return written if len(written) == len(answers) else next(one for one in answers if isinstance(one, Lost))


def _fail(batch: list[_Waiting], error: Exception) -> None:
    told = error
    if isinstance(error, REFUSALS):
        told = Unavailable("The database takes no writes at present; nothing was stored.")
    elif isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        told = Unavailable("The database went away while the change was written; it may or may not be stored.")
    if told is not error:
        told.__cause__ = error
    for waiting in batch:
        _settle(waiting.answer, told)


def _settle(future: "asyncio.Future[tuple[Appended, ...]]", answer: tuple[Appended, ...] | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


# Sizes first, so that a page is bounded by bytes as well: 256 documents of 10 MB would be 2.5 GB.
AFTER = """
WITH page AS (
    SELECT position, sum(octet_length(body)) OVER (ORDER BY position) AS upto
      FROM (SELECT position, body FROM journal.event
             WHERE position > %(after)s ORDER BY position LIMIT %(limit)s) AS next)
SELECT position, key, kind, id, revision, created, fact, path, chunk, chunks, blobs, body, caller, trace, at,
       octet_length(body)
  FROM journal.event
 WHERE position > %(after)s
   AND position <= greatest(%(after)s + 1, (SELECT max(position) FROM page WHERE upto <= %(bytes)s))
 ORDER BY position
"""


async def after(
    connection: Connection, position: int, *, limit: int = 256, limit_bytes: int = BATCH_BYTES
) -> list[Event]:
    """The events that follow a position, in order, without a gap; at least one if there is any."""
    parameters = {"after": position, "limit": limit, "bytes": limit_bytes}
    with reachable():
        cursor = await connection.execute(AFTER, parameters, binary=True)
        return [Event(*row) for row in await cursor.fetchall()]


AT = """
SELECT position, body FROM journal.event WHERE position = ANY(%(positions)s::int8[])
"""


async def bodies(connection: Connection, positions: Sequence[int]) -> dict[int, bytes]:
    """The bodies of events that travelled without theirs."""
    with reachable():
        cursor = await connection.execute(AT, {"positions": list(positions)}, binary=True)
        return dict(await cursor.fetchall())


LAST = """
SELECT coalesce(max(position), 0) FROM journal.event
"""


async def last(connection: Connection) -> int:
    """Position of the newest event; 0 where there is none."""
    with reachable():
        row = await (await connection.execute(LAST)).fetchone()
    return row[0] if row else 0
