"""Keeps the read model and the caches up to date. One projector is active; others stand by.

Each batch goes into PostgreSQL first, rows and bookmark in one transaction, then into Redis, documents and
announcement in one script. Killed in between, the next projector finds Redis behind the bookmark and says again what
was not said. Redis that is gone, empty or older than it was gets a new generation: its documents count for nothing,
and are filled in again from the state while events go on.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence

import psycopg
from opentelemetry.trace import SpanKind
from structlog.stdlib import BoundLogger

from titan.addresses import Address
from titan.errors import Unavailable
from titan.events.decide import Document
from titan.events.facts import Event
from titan.events.project import Change, Forgotten, latest_copies, latest_rows, project
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.projector.calling import Calling
from titan.projector.copies import operations
from titan.projector.room import Room
from titan.storage import documents, journal, listings, parked
from titan.storage.cache import Announcement, Announcer, Beat, Full
from titan.storage.life import life
from titan.storage.membership import Watermark
from titan.storage.postgres import REBUILDABLE, Connection, connect, lead
from titan.storage.stream import Follower
from titan.tasks import beside

PAUSE_S = 0.25
COUNT_S = 5.0
"""How often it is counted what is parked: others put it right."""
SAID_AGAIN = 20_000
"""How far Redis may be behind the bookmark and still be told what it missed, instead of beginning anew."""
PATIENCE = 2
"""How often documents that do not get to Redis are tried before the batch is said without them."""
MOVED = "Redis is not where it was left"
OF_WHAT_IS_WRITTEN = {"22", "23", "54"}
"""Classes of errors (data, integrity, limits) that one event may be the reason for; others speak of the database."""

DURABLE = """
SET synchronous_commit = on
"""
REBUILT = """
SET synchronous_commit = off
"""

LEAD = """
SELECT pg_try_advisory_lock(7241004)
"""


class Displaced(Exception):
    """Another projector moved the bookmark."""

    def __init__(self, bookmark: int) -> None:
        super().__init__(f"The bookmark is no longer at {bookmark}.")


class Projector:
    """Follows the journal from the bookmark on."""

    def __init__(  # noqa: PLR0913  # what it works with, and how
        self,
        conninfo: Address,
        follower: Follower,
        announcer: Announcer | None,
        watermark: Watermark | None,
        *,
        lease_ms: int,
        metrics: Metrics,
        log: BoundLogger,
        traces: Traces = OFF,
    ) -> None:
        self._conninfo = conninfo
        self._follower = follower
        self._announcer = announcer
        self._calling = Calling(watermark, lease_ms=lease_ms)
        self._beat_s = lease_ms / 4000
        self._metrics = metrics
        self._traces = traces
        self._leads = False
        self._bookmark = 0
        metrics.show(metrics.projector_active, metrics.projected_position, metrics.events_parked)
        metrics.watch(metrics.redis_away, lambda: announcer is not None and self._leads and self._generation is None)
        self._log = log
        self._generation: str | None = None
        self._life = ""
        self._announced = 0
        self._owed = 0
        """Position that Redis must be told of before replicas may join."""
        self._failed = 0
        """How often in a row the batch that is next to be announced did not get there."""
        self._lapsed = False
        """Whether our lease ran out, so that more may be owed."""
        self._filling: AsyncIterator[list[Document]] | None = None
        self._sweeping: int | None = None
        self._room = Room(log)
        metrics.watch(metrics.redis_full, lambda: self._leads and self._room.is_full)
        self._saying = asyncio.Lock()
        self._is_durable = False
        self._again_at = 0.0
        self._count_at = 0.0

    async def run(self) -> None:
        """Lead, or wait to lead, until cancelled. Whatever goes away is waited for."""
        while True:
            try:
                connection = await connect(self._conninfo, name="projector", options=REBUILDABLE)
            except Unavailable:
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                await lead(connection, LEAD)
                self._is_durable = False
                self._stand(leading=True)
                # Whoever led before may have renewed the lease a moment ago.
                self._calling.renewed()
                await self._find_place(connection)
                async with beside(self._beat(), self._call_out(connection.info.backend_pid)):
                    await self._lead(connection)
            except* (Unavailable, Displaced, psycopg.Error) as errors:
                self._log.warning("the projector begins again", reason=repr(errors.exceptions[0]))
                await asyncio.sleep(PAUSE_S)
            finally:
                self._stand(leading=False)
                self._generation = None
                self._filling = None
                self._count_at = 0.0
                self._metrics.events_parked.set(0)
                await connection.close()

    def behind(self, position: int) -> int:
        """How far the read model is behind a position; 0 where somebody else projects."""
        return max(0, position - self._bookmark) if self._leads and self._bookmark else 0

    def _reached(self, bookmark: int) -> None:
        self._bookmark = bookmark
        self._metrics.projected_position.set(bookmark)

    def _stand(self, *, leading: bool) -> None:
        self._leads = leading
        self._metrics.projector_active.set(leading)

    async def _find_place(self, connection: Connection) -> None:
        self._life = await life(connection)
        self._reached(await listings.bookmark(connection))

    async def _call_out(self, leader: int) -> None:
        await self._calling.run(
            self._conninfo,
            self._life,
            lambda: self._bookmark,
            lambda: self._generation is not None,
            leader=leader,
        )

    async def _lead(self, connection: Connection) -> None:
        bookmark = self._bookmark
        await self._find_redis(connection, bookmark)
        async for events in self._follower.batches(connection, bookmark):
            if events:
                with self._traces.over("project", events, kind=SpanKind.CONSUMER) as traced:
                    changes = await self._write(connection, traced, bookmark)
                await self._announce(connection, changes, after=bookmark, upto=events[-1].position)
                bookmark = events[-1].position
                self._reached(bookmark)
                if self._generation is None:
                    self._calling.moved()
            if self._lapsed:
                await self._make_up(connection)
            if self._generation is None and asyncio.get_running_loop().time() >= self._again_at:
                await self._find_redis(connection, bookmark)
            await self._count_parked(connection)
            await self._fill()

    async def _write(self, connection: Connection, events: Sequence[Event], bookmark: int) -> list[Change]:
        changes = [await self._project(connection, event) for event in events]
        upto = events[-1].position
        await self._be_durable(connection, durable=self._generation is None)
        try:
            written = await listings.write(connection, latest_rows(changes), after=bookmark, upto=upto)
        except psycopg.Error as error:
            if (error.sqlstate or "")[:2] not in OF_WHAT_IS_WRITTEN:
                raise
            if len(events) > 1:
                single: list[Change] = []
                for event in events:
                    single += await self._write(connection, [event], bookmark)
                    bookmark = event.position
                return single
            changes = [await self._park(connection, events[0], error)]
            written = await listings.write(connection, [], after=bookmark, upto=upto)
        if not written:
            raise Displaced(bookmark)
        return changes

    async def _be_durable(self, connection: Connection, *, durable: bool) -> None:
        """Commit to the disk while writes are answered by the bookmark alone, which a crash would take back."""
        if durable is not self._is_durable:
            await connection.execute(DURABLE if durable else REBUILT)
            self._is_durable = durable

    async def _project(self, connection: Connection, event: Event) -> Change:
        try:
            return project(event)
        except Exception as error:  # noqa: BLE001  # one event that cannot be followed must not stop the others
            return await self._park(connection, event, error)

    async def _park(self, connection: Connection, event: Event, error: Exception) -> Change:
        self._log.error("an event is parked", position=event.position, error=repr(error))
        self._metrics.parked_events.inc()
        self._count_at = 0.0
        await parked.park(connection, event.position, follower="projector", key=event.key, error=repr(error))
        return Change(row=None, copy=Forgotten(event))

    async def _count_parked(self, connection: Connection) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._count_at:
            self._count_at = now + COUNT_S
            self._metrics.events_parked.set(await parked.count(connection))

    async def _announce(self, connection: Connection, changes: Sequence[Change], *, after: int, upto: int) -> None:
        if self._announcer is None or self._generation is None:
            return
        said = None
        if self._failed < PATIENCE and not self._room.is_full:
            said = await operations(connection, latest_copies(changes), self._announcer.prefix(self._generation))
        announcement = Announcement(
            after=after,
            upto=upto,
            keys=list({change.copy.event.key for change in changes}),
            kinds=list({change.copy.event.kind for change in changes}),
        )
        try:
            async with self._saying:
                with self._traces.over("announce", [change.copy.event for change in changes], kind=SpanKind.PRODUCER):
                    published = await self._publish(self._announcer, self._generation, said, announcement)
                if published:
                    self._announced = upto
                    self._failed = 0
                    if after < self._owed <= upto:
                        await self._renew(self._announcer, self._generation)
                    return
            self._lose(MOVED)
        except Unavailable as error:
            # Too much for the time that there is, perhaps: to say the same again for ever would keep writes waiting.
            self._failed += 1
            self._lose(str(error))

    async def _publish(
        self, announcer: Announcer, generation: str, said: Sequence[bytes] | None, announcement: Announcement
    ) -> bool:
        try:
            return await announcer.publish(generation, said, announcement)
        except Full:
            self._room.refused()
            return await announcer.publish(generation, None, announcement)

    def _lose(self, reason: str) -> None:
        self._log.warning("announcements pause", reason=reason)
        self._generation = None
        self._filling = None

    async def _find_redis(self, connection: Connection, bookmark: int) -> None:
        """Go on where Redis stands if it can be told what it missed, else begin a new generation."""
        if self._announcer is None:
            return
        self._again_at = asyncio.get_running_loop().time() + PAUSE_S
        if await listings.bookmark(connection) != bookmark:
            # Who was stopped for a while must not take Redis from its successor.
            raise Displaced(bookmark)
        try:
            async with self._saying:
                if await self._announcer.take():
                    # Meanwhile writes were answered because they stood in the journal: replicas join behind those.
                    self._owed = await journal.last(connection)
                generation, announced = await self._announcer.where()
                behind = bookmark - announced
                went_back = announced < self._announced
                # What Redis has of another journal, from before a restore, may be at any position.
                is_ours = generation is not None and generation.startswith(f"{self._life}-")
                if is_ours and behind < 0:
                    # The database crashed and forgot what of the read model had not reached the disk.
                    self._owed = max(self._owed, announced)
                if generation is None or not is_ours or went_back or not 0 <= behind <= SAID_AGAIN:
                    generation, announced = f"{self._life}-{secrets.token_hex(4)}", bookmark
                    if not await self._begin(self._announcer, generation, bookmark):
                        return
                    self._filling = documents.walk(connection)
                    self._sweeping = 0
                    self._metrics.generations.inc()
                    self._log.info("a new generation begins", generation=generation, position=bookmark)
                self._generation, self._announced = generation, announced
                await self._renew(self._announcer, generation)
        except Unavailable:
            self._generation = None
            return
        await self._say_again(connection, announced, bookmark)

    async def _say_again(self, connection: Connection, announced: int, bookmark: int) -> None:
        """Announce what Redis missed, for as long as it stays where it was left."""
        while self._generation is not None and announced < bookmark:
            events = await journal.after(connection, announced, limit=min(256, bookmark - announced))
            upto = events[-1].position
            changes = [await self._project(connection, event) for event in events]
            await self._announce(connection, changes, after=announced, upto=upto)
            announced = upto

    async def _fill(self) -> None:
        """Store a page of documents in an empty cache, or sweep out a page of old ones, between two batches."""
        if self._announcer is None or self._generation is None:
            self._follower.idle_ms = 250
            return
        try:
            await self._room.look(self._announcer, at_once=self._filling is not None or self._room.is_being_made)
            if self._room.is_scarce:
                self._filling = None
            if self._filling is not None:
                await self._fill_page(self._announcer, self._generation, self._filling)
            elif self._sweeping is not None:
                self._sweeping = await self._announcer.sweep(self._generation, self._sweeping) or None
            elif self._room.is_being_made:
                await self._room.make(self._announcer)
        except Unavailable as error:
            self._lose(str(error))
        is_busy = self._filling is not None or self._sweeping is not None or self._room.is_being_made
        self._follower.idle_ms = 1 if is_busy else 250

    async def _fill_page(self, announcer: Announcer, generation: str, filling: AsyncIterator[list[Document]]) -> None:
        page = await anext(filling, None)
        try:
            if page is None:
                self._filling = None
            elif not await announcer.fill(generation, page):
                self._lose(MOVED)
        except Full:
            self._room.refused()
            self._filling = None

    async def _begin(self, announcer: Announcer, generation: str, bookmark: int) -> bool:
        """Begin a generation; False where Redis is no longer ours."""
        try:
            begun = await announcer.begin(generation, bookmark, owing=bookmark < self._owed)
        finally:
            self._calling.renewed()
        self._lapsed = self._lapsed or begun is Beat.LAPSED
        return begun is not Beat.STRAYED

    async def _renew(self, announcer: Announcer, generation: str) -> bool:
        """Renew the lease; False where Redis is not where it was left."""
        owing = self._lapsed or self._announced < self._owed
        try:
            beat = await announcer.beat(generation, self._announced, owing=owing)
        finally:
            self._calling.renewed()
        self._lapsed = self._lapsed or beat is Beat.LAPSED
        return beat is not Beat.STRAYED

    async def _make_up(self, connection: Connection) -> None:
        """Find out what was answered while we had no lease."""
        self._owed, self._lapsed = await journal.last(connection), False
        if self._announcer is None or self._generation is None or self._announced < self._owed:
            return
        try:
            async with self._saying:
                await self._renew(self._announcer, self._generation)
        except Unavailable as error:
            self._lose(str(error))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            if self._announcer is None:
                continue
            try:
                async with self._saying:
                    generation = self._generation
                    if generation is None or await self._renew(self._announcer, generation):
                        continue
                self._lose(MOVED)
            except Unavailable as error:
                self._lose(str(error))
