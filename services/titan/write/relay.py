"""Carries the journal into the stream, in order. One writer leads; the others wait to take over."""

import asyncio
from collections import deque
from collections.abc import Sequence

import psycopg
from msgspec import Struct
from opentelemetry.trace import SpanKind

from titan.addresses import Address
from titan.errors import Unavailable
from titan.events.facts import Event
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.storage import journal
from titan.storage.life import life
from titan.storage.notices import JOURNAL, Notices
from titan.storage.postgres import Connection, connect, lead
from titan.storage.stream import Stream

PAUSE_S = 0.25

RECENT_EVENTS = 1024
RECENT_BYTES = 16 * 1024 * 1024
BATCH = 256

LEAD = """
SELECT pg_try_advisory_lock(7241003)
"""


class Recent:
    """What this process has just written, so that its relay need not ask for it. Bounded; may have holes."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._bytes = 0
        self.wanted = False
        """Whether this process leads; nothing is kept for a relay that doesn't."""

    def begin(self) -> None:
        """Keep events from now on; those of an earlier time may be of another journal."""
        self._events.clear()
        self._bytes = 0
        self.wanted = True

    def add(self, events: Sequence[Event]) -> None:
        """Keep events, in the order of their positions."""
        if not self.wanted:
            return
        self._events.extend(events)
        self._bytes += sum(event.size for event in events)
        while len(self._events) > RECENT_EVENTS or self._bytes > RECENT_BYTES:
            self._drop()

    def after(self, position: int) -> list[Event]:
        """The events that follow on a position without a hole; none where the next one is not among them."""
        while self._events and self._events[0].position <= position:
            self._drop()
        following: list[Event] = []
        while self._events and len(following) < BATCH and self._events[0].position == position + 1:
            following.append(self._drop())
            position += 1
        return following

    def _drop(self) -> Event:
        event = self._events.popleft()
        self._bytes -= event.size
        return event


class Reached(Struct):
    """How far the stream is, while this process leads."""

    position: int = 0


async def run(
    conninfo: Address, stream: Stream, notices: Notices, metrics: Metrics, recent: Recent, *, traces: Traces = OFF
) -> None:
    """Lead, or wait to lead, until cancelled. Whatever goes away is waited for."""
    metrics.show(metrics.relay_leader, metrics.relayed_position)
    reached = Reached()
    metrics.watch(
        metrics.relay_lag,
        lambda: max(0, notices.position(JOURNAL) - reached.position) if recent.wanted and reached.position else 0,
    )
    while True:
        try:
            connection = await connect(conninfo, name="relay")
        except Unavailable:
            await asyncio.sleep(PAUSE_S)
            continue
        try:
            await lead(connection, LEAD)
            recent.begin()
            metrics.relay_leader.set(1)
            await _lead(connection, stream, notices, metrics, recent, reached, traces)
        except (Unavailable, psycopg.Error):
            await asyncio.sleep(PAUSE_S)
        finally:
            recent.wanted = False
            metrics.relay_leader.set(0)
            await connection.close()


async def _lead(
    connection: Connection,
    stream: Stream,
    notices: Notices,
    metrics: Metrics,
    recent: Recent,
    reached: Reached,
    traces: Traces,
) -> None:
    journals = await life(connection)
    position = await _where_to_begin(connection, stream, notices, journals)
    _reach(position, reached, metrics)
    while True:
        events = recent.after(position) or await journal.after(connection, position, limit=BATCH)
        if events:
            with traces.over("relay", events, kind=SpanKind.PRODUCER) as traced:
                await stream.publish(traced, life=journals)
            position = events[-1].position
            _reach(position, reached, metrics)
        else:
            await notices.wait(JOURNAL, position, timeout_s=1.0)


def _reach(position: int, reached: Reached, metrics: Metrics) -> None:
    reached.position = position
    metrics.relayed_position.set(position)


async def _where_to_begin(connection: Connection, stream: Stream, notices: Notices, journals: str) -> int:
    """Where the stream ends. An empty one begins at the journal's end: followers take what is older from there."""
    published = await stream.last()
    end = await journal.last(connection)
    notices.heard(JOURNAL, end)
    if published > end or not await stream.is_of(journals):
        # The stream of another journal, from before a restore, would refuse what this one says, or mix both.
        await stream.forget()
        return end
    return published or end
