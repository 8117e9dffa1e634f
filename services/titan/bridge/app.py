"""The bridge as a process: its parts and how they hang together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from titan.bridge.broker import Broker
from titan.bridge.run import Bridge
from titan.config import Settings, database
from titan.http.health import Probe
from titan.observability.logs import logger
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.storage import redis
from titan.storage.mqtt import probe
from titan.storage.notices import JOURNAL, Notices
from titan.storage.redis import Names
from titan.storage.stream import Follower, Stream
from titan.tasks import beside


class Bridging:
    """The bridge, made whole and closed; `running` opens it."""

    def __init__(
        self, settings: Settings, database_url: str, redis_url: str | None, metrics: Metrics, *, traces: Traces = OFF
    ) -> None:
        conninfo = database(database_url).conninfo
        self._redis = redis.connect(redis_url, timeout_s=settings.lease_ms / 1000) if redis_url else None
        self._notices = Notices(conninfo)
        metrics.watch(metrics.journal_position, lambda: self._notices.position(JOURNAL))
        names = Names(stream=settings.event_bus_stream)
        stream = Stream(self._redis, names, kept=settings.stream_maxlen) if self._redis else None
        self._bridge = Bridge(
            conninfo,
            Follower(stream, self._notices),
            Broker(host=settings.mqtt_broker, port=settings.mqtt_port),
            metrics=metrics,
            log=logger("titan.bridge"),
            traces=traces,
        )
        metrics.watch(metrics.bridge_lag, lambda: self._bridge.behind(self._notices.position(JOURNAL)))
        self.probes = {"mqtt": Probe(lambda: probe(settings.mqtt_broker, settings.mqtt_port))}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Publish until the body ends."""
        try:
            async with beside(self._notices.run(), self._bridge.run()):
                yield
        finally:
            if self._redis is not None:
                await self._redis.aclose()
