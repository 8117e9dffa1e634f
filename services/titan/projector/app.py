"""The projector as a process: its parts and how they hang together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from titan.addresses import Address, database
from titan.config import Settings
from titan.http.health import Probe
from titan.observability.logs import logger
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.projector import collecting
from titan.projector.run import Projector
from titan.storage import redis
from titan.storage.blobs.opening import open_blobs
from titan.storage.cache import Announcer
from titan.storage.membership import Watermark
from titan.storage.notices import JOURNAL, Notices
from titan.storage.postgres import alive, pool
from titan.storage.redis import Names
from titan.storage.stream import Follower, Stream
from titan.tasks import beside


class Projecting:
    """The projector, made whole and closed; `running` opens it."""

    def __init__(
        self,
        settings: Settings,
        database_url: Address,
        redis_url: Address | None,
        metrics: Metrics,
        *,
        traces: Traces = OFF,
    ) -> None:
        names = Names(stream=settings.event_bus_stream)
        conninfo = database(database_url).conninfo
        self._redis = redis.connect(redis_url, timeout_s=settings.lease_ms / 1000) if redis_url else None
        self._notices = Notices(conninfo)
        metrics.watch(metrics.journal_position, lambda: self._notices.position(JOURNAL))
        stream = Stream(self._redis, names, kept=settings.stream_maxlen) if self._redis else None
        self._projector = Projector(
            conninfo,
            Follower(stream, self._notices),
            Announcer(self._redis, names, lease_ms=settings.lease_ms) if self._redis else None,
            Watermark(self._redis, names) if self._redis else None,
            lease_ms=settings.lease_ms,
            metrics=metrics,
            log=logger("titan.projector"),
            traces=traces,
        )

        metrics.watch(metrics.projection_lag, lambda: self._projector.behind(self._notices.position(JOURNAL)))
        self._blobs = open_blobs(settings)
        self._works = [self._notices.run, self._projector.run]
        if settings.blob_collect_interval_s:
            self._works.append(
                partial(
                    collecting.run,
                    conninfo,
                    self._blobs,
                    grace_s=settings.blob_grace_s,
                    interval_s=settings.blob_collect_interval_s,
                    log=logger("titan.projector"),
                )
            )
        self._pool = pool(conninfo, name="projector", size=1)
        self.probes = {"database": Probe(lambda: alive(self._pool), required=True)}
        if self._redis is not None:
            self.probes["redis"] = Probe(partial(redis.alive, self._redis))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Project until the body ends."""
        await self._pool.open()
        try:
            async with beside(*(work() for work in self._works)):
                yield
        finally:
            await self._blobs.close()
            if self._redis is not None:
                await self._redis.aclose()
            await self._pool.close()
