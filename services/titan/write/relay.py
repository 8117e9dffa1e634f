"""Carries the journal into the stream, in order. One writer leads; the others wait to take over."""

import asyncio

import psycopg

from titan.errors import Unavailable
from titan.observability.metrics import Metrics
from titan.storage import journal
from titan.storage.notices import JOURNAL, Notices
from titan.storage.postgres import Connection, connect, lead
from titan.storage.stream import Stream

PAUSE_S = 0.25

LEAD = """
SELECT pg_try_advisory_lock(7241003)
"""


async def run(conninfo: str, stream: Stream, notices: Notices, metrics: Metrics) -> None:
    """Lead, or wait to lead, until cancelled. Whatever goes away is waited for."""
    while True:
        try:
            connection = await connect(conninfo, name="relay")
        except Unavailable:
            await asyncio.sleep(PAUSE_S)
            continue
        try:
            await lead(connection, LEAD)
            await _lead(connection, stream, notices, metrics)
        except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
            await asyncio.sleep(PAUSE_S)
        finally:
            await connection.close()


async def _lead(connection: Connection, stream: Stream, notices: Notices, metrics: Metrics) -> None:
    position = await _where_to_begin(connection, stream)
    while True:
        events = await journal.after(connection, position)
        if events:
            await stream.publish(events)
            position = events[-1].position
            metrics.relayed_position.set(position)
        else:
            await notices.wait(JOURNAL, position, timeout_s=1.0)


async def _where_to_begin(connection: Connection, stream: Stream) -> int:
    """Where the stream ends. An empty one begins at the journal's end: followers take what is older from there."""
    published = await stream.last()
    end = await journal.last(connection)
    if published > end:
        # A stream from another life of the database would refuse everything that this one says.
        await stream.forget()
        return end
    return published or end
