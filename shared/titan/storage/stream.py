"""The stream of events in Redis: a courier that may lose its bag. The journal is what it carries from.

The id of an entry is the position of its event, so that Redis itself refuses what was published before. Whoever
follows checks that positions join and asks the journal for what is missing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from titan.errors import Unavailable
from titan.events.facts import Event
from titan.storage import journal
from titan.storage.life import life
from titan.storage.notices import JOURNAL, Notices
from titan.storage.postgres import Connection
from titan.storage.redis import Entries, Names, entries, reachable
from titan.storage.scripts import RELAY

INLINE_BYTES = 64 * 1024
"""Bodies up to here travel in the stream; larger ones are fetched from the journal by position."""

AGAIN_S = 1.0
"""How long a stream that failed is left alone; the journal is followed meanwhile."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Event)


def encode(event: Event) -> bytes:
    """An event as it travels: a MessagePack array, a large body left in the journal."""
    if event.size > INLINE_BYTES:
        event = msgspec.structs.replace(event, body=b"")
    return _encoder.encode(event)


class Stream:
    """The stream, for the relay that fills it and for the followers that read it."""

    def __init__(self, redis: Redis, names: Names, *, kept: int) -> None:
        self._redis = redis
        self._name = names.stream
        self._kept = kept
        self._relay = redis.register_script(RELAY)

    async def last(self) -> int:
        """Position of the last event that the stream took; 0 where it is empty or gone.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            try:
                about = await self._redis.xinfo_stream(self._name)
            except ResponseError:
                return 0
        return int(about["last-generated-id"].split(b"-")[0])

    async def publish(self, events: Sequence[Event], *, life: str) -> None:
        """Add events of a journal in order; those that the stream has already are refused by Redis, harmlessly.

        Raises:
            Unavailable: where Redis is away or full; what comes first of the events may be there.
        """
        entries: list[bytes | str | int] = [self._kept, life]
        for event in events:
            entries += (f"{event.position}-0", encode(event))
        with reachable():
            await self._relay([self._name], entries)

    async def is_of(self, life: str) -> bool:
        """Whether what the stream took last is of that journal.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            newest = await self._redis.xrevrange(self._name, count=1)
        return any(fields.get(b"l") == life.encode() for _, fields in cast("Entries", newest))

    async def forget(self) -> None:
        """Remove the stream: what it holds is from another life of the journal.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            await self._redis.delete(self._name)

    async def read(self, position: int, *, life: str, count: int, block_ms: int) -> list[Event] | None:
        """The events that the stream has behind a position; waits for the first of them. They may have holes.

        None where there is one of another journal among them, from before a restore.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            answer = await self._redis.xread({self._name: f"{position}-0"}, count=count, block=block_ms)
        found = [fields for _, fields in entries(answer)]
        if any(fields.get(b"l") != life.encode() for fields in found):
            return None
        return [_decoder.decode(fields[b"e"]) for fields in found]


class Follower:
    """Every event behind a position, once and in order: from the stream while it joins, else from the journal."""

    def __init__(self, stream: Stream | None, notices: Notices, *, idle_ms: int = 250) -> None:
        self._stream = stream
        self._notices = notices
        self.idle_ms = idle_ms
        """How long an empty batch takes."""
        self._joins = False
        self._again_at = 0.0

    async def batches(self, connection: Connection, after: int, *, limit: int = 256) -> AsyncIterator[list[Event]]:
        """Batches without end; an empty one when nothing came for a while. `connection` is used for nothing else.

        Raises:
            Unavailable: where the database is away.
        """
        journals = await life(connection)
        while True:
            events = await self._from_stream(journals, after, limit)
            if not events:
                events = await journal.after(connection, after, limit=limit)
                if not events and not self._joins:
                    await self._notices.wait(JOURNAL, after, timeout_s=self.idle_ms / 1000)
                    events = await journal.after(connection, after, limit=limit)
            else:
                events = await _whole(connection, events)
            if events:
                after = events[-1].position
            yield events

    async def _from_stream(self, journals: str, after: int, limit: int) -> list[Event]:
        self._joins = False
        if self._stream is None or time.monotonic() < self._again_at:
            return []
        try:
            events = await self._stream.read(after, life=journals, count=limit, block_ms=self.idle_ms)
        except (Unavailable, msgspec.DecodeError):
            events = None
        if events is None:
            self._again_at = time.monotonic() + AGAIN_S
            return []
        self._joins = not events or events[0].position == after + 1
        joined: list[Event] = []
        size = 0
        for event in events:
            size += event.size
            # A batch is bounded by bytes as well: bodies that did not travel are still to be fetched.
            if event.position != after + 1 or (joined and size > journal.BATCH_BYTES):
                break
            joined.append(event)
            after = event.position
        return joined


async def _whole(connection: Connection, events: list[Event]) -> list[Event]:
    missing = [event.position for event in events if event.size > len(event.body)]
    if not missing:
        return events
    found: dict[int, bytes] = {}
    for start in range(0, len(missing), 8):
        found |= await journal.bodies(connection, missing[start : start + 8])
        await asyncio.sleep(0)
    return [
        msgspec.structs.replace(event, body=found[event.position]) if event.position in found else event
        for event in events
    ]
