"""Carries the journal into the stream, in order. One writer leads; the others wait to take over."""

import asyncio
from collections import deque
from collections.abc import Sequence

import psycopg
from opentelemetry.trace import SpanKind

from titan.errors import Unavailable
from titan.events.facts import Event
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.storage import journal
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


async def run(
    conninfo: str, stream: Stream, notices: Notices, metrics: Metrics, recent: Recent, *, traces: Traces = OFF
) -> None:
    """Lead, or wait to lead, until cancelled. Whatever goes away is waited for."""
    metrics.show(metrics.relay_leader, metrics.relayed_position)
    while True:
        try:
            connection = await connect(conninfo, name="relay")
        except Unavailable:
            await asyncio.sleep(PAUSE_S)
            continue
        try:
            await lead(connection, LEAD)
            recent.wanted = True
            metrics.relay_leader.set(1)
            await _lead(connection, stream, notices, metrics, recent, traces)
        except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
            await asyncio.sleep(PAUSE_S)
        finally:
            recent.wanted = False
            metrics.relay_leader.set(0)
            await connection.close()


async def _lead(
    connection: Connection, stream: Stream, notices: Notices, metrics: Metrics, recent: Recent, traces: Traces
) -> None:
    position = await _where_to_begin(connection, stream, notices)
    metrics.relayed_position.set(position)
    while True:
        events = recent.after(position) or await journal.after(connection, position, limit=BATCH)
        if events:
            with traces.over("relay", events, kind=SpanKind.PRODUCER) as traced:
                await stream.publish(traced)
            position = events[-1].position
            metrics.relayed_position.set(position)
        else:
            await notices.wait(JOURNAL, position, timeout_s=1.0)


async def _where_to_begin(connection: Connection, stream: Stream, notices: Notices) -> int:
    """Where the stream ends. An empty one begins at the journal's end: followers take what is older from there."""
    published = await stream.last()
    end = await journal.last(connection)
    notices.heard(JOURNAL, end)
    if published > end:
        # A stream from another life of the database would refuse everything that this one says.
        await stream.forget()
        return end
    return published or end
