"""Publishes every change of a document to the MQTT broker. One bridge is active; others stand by.

The bridge has a bookmark of its own, which moves when the broker has acknowledged a batch (QoS 1) and not before. So
nothing is skipped, whatever is away or killed, and at most the last batch is said again; the position in each message
tells a repeat. A batch is on the way at once, in the order of the journal, and the next one waits for it.

A bridge that starts for the first time begins behind the last event there is: subscribers learn what changes, the API
tells what is. `from_start` begins at the first event instead; it says nothing once there is a bookmark. The bookmark is
set before the broker is looked for, so that a broker which is late misses nothing either.
"""

import asyncio
from collections.abc import Sequence

import aiomqtt
import psycopg
from opentelemetry.trace import SpanKind
from structlog.stdlib import BoundLogger

from titan.addresses import Address
from titan.bridge.broker import ACKNOWLEDGED_S, session
from titan.bridge.topics import PREFIX, payload, topic
from titan.errors import Unavailable
from titan.events.facts import Event
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.storage.mqtt import Broker
from titan.storage.postgres import Connection, connect, reachable
from titan.storage.stream import Follower
from titan.tasks import at_once

PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
STANDING_BY_S = 1.0

# The session holds the lock: a bridge that is killed has lost it before anybody could miss it. Asked for again and
# again, because a statement that waits for it would hold a snapshot, and with it every dead row of the database.
LEAD = """
SELECT pg_try_advisory_lock(7241005)
"""

BEGIN = """
INSERT INTO read.bookmark (name, position, at)
SELECT 'bridge', CASE WHEN %(from_start)s THEN 0 ELSE coalesce(max(position), 0) END, clock_timestamp()
  FROM journal.event
    ON CONFLICT (name) DO NOTHING
"""

BOOKMARK = """
SELECT position FROM read.bookmark WHERE name = 'bridge'
"""

# From where it is believed to be: a bridge that lost its place without knowing it fails here.
MOVE = """
UPDATE read.bookmark SET position = %(upto)s, at = clock_timestamp()
 WHERE name = 'bridge' AND position = %(after)s
"""


class Displaced(Exception):
    """Another bridge moved the bookmark."""


class Bridge:
    """Follows the journal from its bookmark on."""

    def __init__(  # noqa: PLR0913  # what it works with, and how
        self,
        conninfo: Address,
        follower: Follower,
        broker: Broker,
        *,
        metrics: Metrics,
        log: BoundLogger,
        from_start: bool = False,
        prefix: str = PREFIX,
        traces: Traces = OFF,
    ) -> None:
        self._conninfo = conninfo
        self._follower = follower
        self._broker = broker
        self._metrics = metrics
        self._log = log
        self._from_start = from_start
        self._prefix = prefix
        self._traces = traces
        metrics.show(metrics.bridge_active, metrics.bridge_position)
        self._pause_s = PAUSE_S
        self._position: int | None = None

    def behind(self, position: int) -> int:
        """How far it is behind a position; 0 where another bridge publishes."""
        return max(0, position - self._position) if self._position is not None else 0

    async def run(self) -> None:
        """Lead, or wait to lead, until cancelled. Whatever goes away is waited for."""
        while True:
            try:
                connection = await connect(self._conninfo, name="bridge")
                try:
                    await self._lead(connection)
                finally:
                    self._metrics.bridge_active.set(0)
                    await connection.close()
            except* (aiomqtt.MqttError, Unavailable, Displaced, psycopg.Error) as errors:
                self._log.warning("the bridge pauses", reason=repr(_first(errors)), pause_s=self._pause_s)
            _leave_if_told()
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)

    async def _lead(self, connection: Connection) -> None:
        self._position = None
        await _turn(connection)
        position = await _begin(connection, from_start=self._from_start)
        self._reached(position)
        async with await session(self._broker) as client, asyncio.TaskGroup() as group:
            self._metrics.bridge_active.set(1)
            self._log.info("the bridge publishes", host=self._broker.host, port=self._broker.port, position=position)
            group.create_task(_watch(client))
            await self._follow(connection, client, position)

    async def _follow(self, connection: Connection, client: aiomqtt.Client, position: int) -> None:
        async for events in self._follower.batches(connection, position):
            if not events:
                continue
            with self._traces.over("publish by MQTT", events, kind=SpanKind.PRODUCER):
                await self._publish(client, events)
            upto = events[-1].position
            await _move(connection, after=position, upto=upto)
            position = upto
            self._reached(position)
            self._pause_s = PAUSE_S

    def _reached(self, position: int) -> None:
        self._position = position
        self._metrics.bridge_position.set(position)

    async def _publish(self, client: aiomqtt.Client, events: Sequence[Event]) -> None:
        # Tasks start in the order in which they were made, and each hands its message over before it first waits.
        await at_once(
            client.publish(topic(event, prefix=self._prefix), payload(event), qos=1, timeout=ACKNOWLEDGED_S)
            for event in events
        )


async def _turn(connection: Connection) -> None:
    """Wait for the turn of this bridge."""
    while True:
        with reachable():
            row = await (await connection.execute(LEAD)).fetchone()
        if row == (True,):
            return
        await asyncio.sleep(STANDING_BY_S)


async def _begin(connection: Connection, *, from_start: bool) -> int:
    """The bookmark; set where there is none yet."""
    with reachable():
        await connection.execute(BEGIN, {"from_start": from_start})
        row = await (await connection.execute(BOOKMARK)).fetchone()
    if row is None:
        raise Displaced("The bookmark is gone.")
    return row[0]


async def _move(connection: Connection, *, after: int, upto: int) -> None:
    with reachable():
        cursor = await connection.execute(MOVE, {"after": after, "upto": upto})
    if cursor.rowcount != 1:
        raise Displaced(f"The bookmark is no longer at {after}.")


async def _watch(client: aiomqtt.Client) -> None:
    """Fail as soon as the broker is lost, rather than when the next message is not acknowledged."""
    async for _ in client.messages:
        pass


def _leave_if_told() -> None:
    """Be cancelled where an error on the way out, such as a broker that takes no farewell, hid that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that started it, out of groups of groups."""
    first = errors.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _first(first)  # pyright: ignore[reportUnknownArgumentType]  # it does not see what a group is of
    return first
