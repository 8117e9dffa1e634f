"""When a change may be told of: once everybody who could show something older has forgotten it.

A write is answered then, and so is a read that came upon the change before. Otherwise one replica would show a change
that another, which has not heard of it yet, takes back a moment later.
"""

import asyncio
import heapq
import time
from collections.abc import Coroutine
from enum import StrEnum
from itertools import count

import psycopg
from prometheus_client import Histogram

from titan.errors import Unavailable
from titan.observability.metrics import Metrics
from titan.storage.listings import bookmark
from titan.storage.membership import Level, Watermark
from titan.storage.notices import PROJECTED, VISIBLE, Notices
from titan.storage.postgres import Pool, reachable
from titan.tasks import lasting

TICK_S = 0.05
PATIENCE_S = 30.0
"""How long is waited for a projector that lives and doesn't come."""


class Reach(StrEnum):
    """How far a change has come when it is told of."""

    REPLICAS = "replicas"
    """Every replica shows it, or something newer."""
    PROJECTED = "projected"
    """The read model and the cache in Redis know it."""
    JOURNAL = "journal"
    """It is durable."""


class Visibility:
    """Holds answers back until the changes that they tell of have come as far as was asked for.

    Who finds Redis away cannot know whether replicas do: they may go on serving from memory. So it is the projector
    that says, in PostgreSQL, how far all of them are (`titan.projector.calling`). Where a projector is gone, Redis says
    so, and no replica serves from memory for longer than its lease; lists then wait for a successor, and the answer
    says so.

    Args:
        waits: Takes how long each answer was held back, in seconds.
    """

    def __init__(
        self,
        reach: Reach,
        watermark: Watermark | None,
        *,
        notices: Notices,
        pool: Pool,
        lease_ms: int,
        metrics: Metrics,
        waits: Histogram,
    ) -> None:
        self._reach = reach
        self._watermark = watermark
        self._notices = notices
        self._pool = pool
        self._lease_s = lease_ms / 1000
        self._metrics = metrics
        self._waits = waits
        # Without Redis nobody has a memory to serve from, and who waits for the read model alone waits for nobody else.
        self._is_called_out = reach is Reach.REPLICAS and watermark is not None
        self._waiting: list[tuple[int, int, float, asyncio.Future[Reach]]] = []
        self._ticket = count()
        self._away_since: float | None = None if watermark else float("-inf")
        self._orphaned_since: float | None = None
        self._life = notices.life
        self.reached = 0
        """Position up to which everything has come as far as was asked for."""

    @property
    def held(self) -> int:
        """How many answers are held back now."""
        return len(self._waiting)

    @property
    def is_without_redis(self) -> bool:
        """Whether Redis, which should be there, was away when it was last asked."""
        return self._watermark is not None and self._away_since is not None

    async def hold(self, position: int, *, timeout_s: float) -> None:
        """Keep an answer that shows a position until it may be shown.

        Raises:
            Unavailable: where it takes too long.
        """
        if position <= self.reached or self._reach is Reach.JOURNAL:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self.wait(position)
        except TimeoutError as error:
            raise Unavailable("What is asked for has just changed, and not every replica has heard of it.") from error

    async def wait(self, position: int) -> Reach:
        """Wait for a position; says how far it has come, which is less than asked for only if nobody projects."""
        if self._reach is Reach.JOURNAL:
            return Reach.JOURNAL
        answer: asyncio.Future[Reach] = asyncio.get_running_loop().create_future()
        started = time.monotonic()
        heapq.heappush(self._waiting, (position, next(self._ticket), started, answer))
        reach = await answer
        self._waits.observe(time.monotonic() - started)
        return reach

    async def run(self) -> None:
        """Follow the watermark until cancelled."""
        works: list[Coroutine[object, object, None]] = []
        if self._reach is not Reach.JOURNAL:
            works += [self._look(), self._follow_calls() if self._is_called_out else self._follow_bookmark()]
            if self._watermark is not None:
                works.append(self._listen(self._watermark))
        await lasting(*works)

    async def _listen(self, watermark: Watermark) -> None:
        while True:
            try:
                async for reached in watermark.heard():
                    self._reached(reached)
            except Unavailable:
                await asyncio.sleep(TICK_S)

    def _reached(self, reached: Level) -> None:
        self._metrics.watermark_position.set(reached.watermark)
        upto = reached.watermark if self._reach is Reach.REPLICAS else reached.projected
        self._attain(upto, self._reach)

    def _attain(self, upto: int, reach: Reach) -> None:
        self.reached = max(self.reached, upto)
        self._release(upto, reach)

    def _release(self, upto: int, reach: Reach) -> None:
        while self._waiting and self._waiting[0][0] <= upto:
            *_, answer = heapq.heappop(self._waiting)
            if not answer.done():
                answer.set_result(reach)

    async def _look(self) -> None:
        """What no message tells: a replica, a projector or Redis that is gone."""
        while True:
            await asyncio.sleep(TICK_S)
            if self._life != self._notices.life:
                # A journal that was restored counts from an older position.
                self._life, self.reached = self._notices.life, 0
            # Who takes Redis to be away goes on looking: once it is back, leases count again, waited for or not.
            if not self._waiting and self._away_since is None:
                continue
            now = time.monotonic()
            # What comes to wait while we ask is not covered by the answer.
            waited_for = max((waiting[0] for waiting in self._waiting), default=0)
            await self._ask()
            if self._waiting and not self._is_called_out and self._leases_are_out():
                await self._release_known(max(self._notices.position(PROJECTED), await self._bookmark()))
            if self._waiting and self._waiting[0][2] < now - PATIENCE_S:
                self._release(self._waiting[0][0], Reach.JOURNAL)
            if self._orphaned_since is not None and now > self._orphaned_since + 2 * self._lease_s:
                self._attain(waited_for, Reach.JOURNAL)

    async def _ask(self) -> None:
        """Ask Redis how far everybody is, and take note if it does not say; quickly, if it did not say before."""
        if self._watermark is None or not self._notices.life:
            return
        try:
            async with asyncio.timeout(None if self._away_since is None else TICK_S):
                reached = await self._watermark.now(self._notices.life)
        except (Unavailable, TimeoutError):
            # From now, not from when it was asked: a replica may have renewed its lease in between.
            self._away_since = self._away_since or time.monotonic()
            # Whether somebody projects is known to Redis alone.
            self._orphaned_since = None
        else:
            self._away_since = None
            self._reached(reached)
            self._orphaned_since = None if reached.projecting else self._orphaned_since or time.monotonic()

    def _leases_are_out(self) -> bool:
        """Whether Redis has been away for so long that nobody serves from memory any more."""
        return self._away_since is not None and time.monotonic() >= self._away_since + self._lease_s

    async def _release_known(self, upto: int) -> None:
        """Let go what the read model knows, once Redis was found away after that: a replica may have a lease again."""
        await self._ask()
        if self._leases_are_out():
            self._attain(upto, self._reach)

    async def _follow_calls(self) -> None:
        """What the projector says of all replicas counts at once, whether Redis is away or slower to say it."""
        upto = 0
        while True:
            await self._notices.wait(VISIBLE, upto, timeout_s=1.0)
            upto = self._notices.position(VISIBLE)
            self._attain(upto, self._reach)

    async def _follow_bookmark(self) -> None:
        """What the read model calls out counts at once while Redis is away."""
        upto = 0
        while True:
            await self._notices.wait(PROJECTED, upto, timeout_s=1.0)
            upto = self._notices.position(PROJECTED)
            if self._leases_are_out():
                await self._release_known(upto)

    async def _bookmark(self) -> int:
        try:
            with reachable():
                async with self._pool.connection() as connection:
                    return await bookmark(connection)
        except (Unavailable, psycopg.Error):
            return 0
