"""The read service: its parts and how they hang together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import psycopg
from litestar.types import ASGIApp

from titan.addresses import Address, current, database
from titan.config import Settings
from titan.errors import Unavailable
from titan.http.around import around
from titan.http.description import describe
from titan.http.docs import Docs
from titan.http.health import Health, Probe
from titan.http.operations import OPERATIONS
from titan.http.responses import cors
from titan.http.routes import Handler, router
from titan.observability.logs import logger
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.read.answers import Answers
from titan.read.documents import Documents
from titan.read.elements import Elements
from titan.read.files import Files
from titan.read.fresh import Fresh, replica_name
from titan.read.front import Front
from titan.read.invocations import Invocations
from titan.read.lists import Lists
from titan.read.load import Load
from titan.read.memory import Memory
from titan.read.modifiers import restoring
from titan.read.pages import Limits
from titan.read.serialization import Serialization
from titan.read.shells import Shells
from titan.storage import redis
from titan.storage.blobs.opening import open_blobs
from titan.storage.cache import Cache
from titan.storage.invocations import Invocations as InvocationRows
from titan.storage.listings import BOOKMARK
from titan.storage.membership import Membership, Watermark
from titan.storage.mqtt import Broker, probe
from titan.storage.notices import PROJECTED, Notices
from titan.storage.postgres import alive, in_use, pool
from titan.storage.redis import Names
from titan.storage.visibility import Reach, Visibility
from titan.tasks import beside


class Read:
    """One worker of the read tier, made whole and closed; `running` opens it."""

    def __init__(
        self,
        settings: Settings,
        database_url: Address,
        redis_url: Address | None,
        metrics: Metrics,
        *,
        traces: Traces = OFF,
    ) -> None:
        where = database(database_url)
        names = Names(stream=settings.event_bus_stream)
        lease_s = settings.lease_ms / 1000
        self._conninfo = where.conninfo
        self._pool = pool(where.conninfo, name="read", size=where.pool_size)
        self._redis = redis.connect(redis_url, timeout_s=lease_s) if redis_url else None
        self._tail = redis.connect_blocking(redis_url, timeout_s=lease_s) if redis_url else None
        self._notices = Notices(where.conninfo)
        self._open = False
        memory = Memory(settings.memory_bytes)
        self.fresh = Fresh(
            Membership(self._tail, names, replica=replica_name(), lease_ms=settings.lease_ms) if self._tail else None,
            memory,
            self._bookmark,
            lease_ms=settings.lease_ms,
            log=logger("titan.read"),
        )
        self.front = Front(memory, self.fresh, metrics)
        cache = Cache(self._redis, names) if self._redis else None
        visibility = Visibility(
            # Without Redis nobody serves from memory: nothing is held back.
            Reach(settings.write_visibility) if self._redis else Reach.JOURNAL,
            Watermark(self._redis, names) if self._redis else None,
            notices=self._notices,
            pool=self._pool,
            lease_ms=settings.lease_ms,
            metrics=metrics,
            waits=metrics.hold_seconds,
        )
        self.traces = traces
        self._load = Load(self.fresh, cache, self._pool, self._notices, visibility, metrics=metrics, traces=traces)
        self._blobs = open_blobs(settings)
        self.handlers = self._handlers(settings)
        self.probes = {"database": Probe(lambda: alive(self._pool), required=True)}
        if self._redis is not None:
            self.probes["redis"] = Probe(partial(redis.alive, self._redis))
        if "MQTT_BROKER" in settings.given:
            self.probes["mqtt"] = Probe(partial(probe, Broker.of(settings)))
        metrics.watch_pool("read", size=where.pool_size, in_use=lambda: in_use(self._pool))
        metrics.watch(metrics.lease_valid, lambda: self.fresh.is_fresh)
        metrics.watch(metrics.applied_position, lambda: self.fresh.applied)
        metrics.watch(metrics.replica_lag, self._lag)
        metrics.watch(metrics.memory_bytes, lambda: memory.size_bytes)
        metrics.watch(metrics.memory_entries, lambda: len(memory))

    def _handlers(self, settings: Settings) -> dict[str, Handler]:
        """What serves each operation of this tier, by `Operation.handler`."""
        limits = Limits(settings.page_limit, settings.page_limit_max)
        answers = Answers(self.front, self.fresh)
        restore = restoring(self._blobs)
        single = Documents(answers, self._load, restore)
        lists = Lists(self.front, self.fresh, self._load, limits=limits, restore=restore)
        elements = Elements(answers, self._load, self._pool, limits=limits, restore=restore)
        shells = Shells(answers, self._load, limits)
        files = Files(self.fresh, self._load, self._blobs)
        invocations = Invocations(InvocationRows(self._pool), self._load, external_url=settings.external_url)
        return {
            "documents.show": single.show,
            "documents.list": lists.show,
            "elements.show": elements.show,
            "elements.list": elements.list,
            "attachment.show": files.show_attachment,
            "thumbnail.show": files.show_thumbnail,
            "asset.show": shells.show_asset,
            "submodel_refs.list": shells.list_references,
            "serialization": Serialization(self.fresh, self._load, self._pool, self._blobs, restore).show,
            "invocations.status": invocations.status,
            "invocations.result": invocations.result,
            "description": describe,
            **Docs(settings.external_url).handlers,
        }

    def _lag(self) -> int:
        return max(0, self._notices.position(PROJECTED) - self.fresh.applied) if self.fresh.is_fresh else 0

    def _bookmark(self) -> int:
        """How far the read model knows the journal; asked in the thread that follows announcements."""
        try:
            where = current(self._conninfo)
            with psycopg.connect(
                where,
                application_name="titan fresh",
                connect_timeout=2,
                # A database that is cut off in the middle is given up as soon as one that does not let us in.
                keepalives_idle=2,
                keepalives_interval=1,
                keepalives_count=2,
                tcp_user_timeout=4000,
            ) as connection:
                row = connection.execute(BOOKMARK).fetchone()
        except psycopg.Error as error:
            message = "The database is away."
            raise Unavailable(message) from error
        return row[0] if row else 0

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Serve until the body ends."""
        await self._pool.open()
        try:
            async with beside(self._notices.run(), self._load.run()):
                self.fresh.start()
                self._open = True
                try:
                    yield
                finally:
                    self._open = False
                    await asyncio.to_thread(self.fresh.stop)
        finally:
            await self._blobs.close()
            if self._redis is not None:
                await self._redis.aclose()
            if self._tail is not None:
                self._tail.close()
            await self._pool.close()

    def is_open(self) -> bool:
        """Whether requests can be served now."""
        return self._open


def create_app(settings: Settings, metrics: Metrics, read: Read) -> ASGIApp:
    """The read tier: an application of Litestar behind what memory can answer before it."""
    operations = [operation for operation in OPERATIONS if operation.side == "query"]
    app = router(
        read.handlers,
        operations,
        around=around(settings, metrics, Health(read.probes, started=read.is_open), read.traces),
        lifespan=[lambda _: read.traces.running(), lambda _: read.running()],
    )
    return fronted(settings, read, app)


def fronted(settings: Settings, read: Read, app: ASGIApp) -> ASGIApp:
    """An application with the memory of the read tier before it, and CORS before that."""
    return cors(read.front.before(app), settings.origins)
