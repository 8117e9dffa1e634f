"""The bridge as a process: its parts and how they hang together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from titan.addresses import Address, database
from titan.bridge.run import Bridge
from titan.config import Settings
from titan.http.health import Probe
from titan.observability.logs import logger
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.storage import redis
from titan.storage.mqtt import Broker, probe
from titan.storage.notices import JOURNAL, Notices
from titan.storage.redis import Names
from titan.storage.stream import Follower, Stream
from titan.tasks import beside


class Bridging:
    """The bridge, made whole and closed; `running` opens it."""

    def __init__(
        self,
        settings: Settings,
        database_url: Address,
        redis_url: Address | None,
        metrics: Metrics,
        *,
        traces: Traces = OFF,
    ) -> None:
        conninfo = database(database_url).conninfo
        self._redis = redis.connect(redis_url, timeout_s=settings.lease_ms / 1000) if redis_url else None
        self._notices = Notices(conninfo)
        metrics.watch(metrics.journal_position, lambda: self._notices.position(JOURNAL))
        names = Names(stream=settings.event_bus_stream)
        stream = Stream(self._redis, names, kept=settings.stream_maxlen) if self._redis else None
        broker = Broker.of(settings)
        self._bridge = Bridge(
            conninfo,
            Follower(stream, self._notices),
            broker,
            metrics=metrics,
            log=logger("titan.bridge"),
            traces=traces,
        )
        metrics.watch(metrics.bridge_lag, lambda: self._bridge.behind(self._notices.position(JOURNAL)))
        self.probes = {"mqtt": Probe(partial(probe, broker))}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Publish until the body ends."""
        try:
            async with beside(self._notices.run(), self._bridge.run()):
                yield
        finally:
            if self._redis is not None:
                await self._redis.aclose()
