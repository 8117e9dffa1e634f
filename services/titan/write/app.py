"""The write service: its parts and how they hang together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from litestar import Litestar

from titan.addresses import Address, database
from titan.config import Settings
from titan.http.around import around
from titan.http.health import Health, Probe
from titan.http.operations import OPERATIONS
from titan.http.responses import cors
from titan.http.routes import Handler, router
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.storage import documents, redis
from titan.storage.blobs.collect import claim
from titan.storage.blobs.opening import open_blobs
from titan.storage.invocations import Invocations
from titan.storage.journal import Journal
from titan.storage.membership import Watermark
from titan.storage.notices import JOURNAL, Notices
from titan.storage.postgres import alive, in_use, pool
from titan.storage.redis import Names
from titan.storage.stream import Stream
from titan.storage.visibility import Reach, Visibility
from titan.tasks import beside
from titan.write import relay
from titan.write.answers import Answers
from titan.write.delegation import Delegation, read_targets
from titan.write.documents import Documents
from titan.write.elements import Elements
from titan.write.execution import Executions, Terms
from titan.write.files import Files
from titan.write.handle import Handle
from titan.write.operations import Operations
from titan.write.reading import Reading
from titan.write.refusals import holding
from titan.write.shells import Shells


class Write:
    """One worker of the write tier, made whole and closed; `running` opens it."""

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
        self._conninfo = where.conninfo
        self._pool = pool(where.conninfo, name="write", size=where.pool_size)
        self._redis = redis.connect(redis_url, timeout_s=settings.lease_ms / 1000) if redis_url else None
        self._notices = Notices(where.conninfo)
        self._recent = relay.Recent()
        self.traces = traces
        self._journal = Journal(where.conninfo, metrics, self._notices, self._recent.add, traces=traces)
        self._looks = documents.together(self._pool, documents.look)
        self._branches = documents.together(self._pool, documents.branch)
        self._documents = documents.together(self._pool, documents.fetch)
        self._stream = Stream(self._redis, names, kept=settings.stream_maxlen) if self._redis else None
        self._metrics = metrics
        self._open = False
        self._visibility = Visibility(
            Reach(settings.write_visibility),
            Watermark(self._redis, names) if self._redis else None,
            notices=self._notices,
            pool=self._pool,
            lease_ms=settings.lease_ms,
            metrics=metrics,
            waits=metrics.visibility_wait_seconds,
        )
        self._show(metrics, where.pool_size)
        self._claim = partial(claim, self._pool)
        self._blobs = open_blobs(settings, claim=self._claim)
        self._delegation = Delegation(read_targets(settings.operation_targets), limit_bytes=settings.max_body_bytes)
        self._executions = Executions(
            self._delegation, Invocations(self._pool), terms(settings), lenient=settings.validation == "lenient"
        )
        handlers = self._handlers(settings)
        self.handlers = {name: holding(handler, self._visibility, self._pool) for name, handler in handlers.items()}
        self.probes = {"database": Probe(lambda: alive(self._pool), required=True)}
        if self._redis is not None:
            self.probes["redis"] = Probe(partial(redis.alive, self._redis))

    def _show(self, metrics: Metrics, pool_size: int) -> None:
        metrics.watch_pool("write", size=pool_size, in_use=lambda: in_use(self._pool))
        metrics.watch(metrics.queue_depth, lambda: len(self._journal))
        metrics.watch(metrics.journal_position, lambda: self._notices.position(JOURNAL))
        metrics.watch(metrics.visibility_waiting, lambda: self._visibility.held)
        metrics.watch(metrics.redis_away, lambda: self._visibility.is_without_redis)
        if self._redis is not None:
            metrics.show(metrics.watermark_position)

    def _handlers(self, settings: Settings) -> dict[str, Handler]:
        handle = Handle(self._journal, self._looks)
        answers = Answers(self._visibility, external_url=settings.external_url, traces=self.traces)
        reading = Reading(
            limit_bytes=settings.max_body_bytes,
            lenient=settings.validation == "lenient",
            blobs=self._blobs,
            claim=self._claim,
            threshold=settings.blob_threshold_bytes,
        )
        written = Documents(handle, answers, reading, self._documents)
        elements = Elements(handle, answers, reading, self._branches, self._documents)
        shells = Shells(handle, answers, reading, written, self._documents)
        files = Files(elements, shells, answers, self._blobs, limit_bytes=settings.max_file_bytes)
        operations = Operations(
            elements,
            self._branches,
            reading,
            self._delegation,
            self._executions,
            external_url=settings.external_url,
        )
        return {
            "documents.create": written.create,
            "documents.put": written.put,
            "documents.patch": written.patch,
            "documents.remove": written.remove,
            "elements.create": elements.create,
            "elements.put": elements.put,
            "elements.patch": elements.patch,
            "elements.remove": elements.remove,
            "asset.put": shells.put_asset,
            "submodel_refs.create": shells.create_reference,
            "submodel_refs.remove": shells.remove_reference,
            "attachment.put": files.put_attachment,
            "attachment.remove": files.remove_attachment,
            "thumbnail.put": files.put_thumbnail,
            "thumbnail.remove": files.remove_thumbnail,
            "submodels.put": shells.put_submodel,
            "submodels.remove": shells.remove_submodel,
            "operations.invoke": operations.invoke,
            "operations.invoke_async": operations.invoke_async,
        }

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Work until the body ends; then finish what was accepted."""
        await self._pool.open()
        try:
            works = [
                self._notices.run(),
                self._looks.run(),
                self._branches.run(),
                self._documents.run(),
                self._visibility.run(),
            ]
            if self._stream is not None:
                works.append(
                    relay.run(
                        self._conninfo, self._stream, self._notices, self._metrics, self._recent, traces=self.traces
                    )
                )
            async with beside(*works) as group:
                writing = group.create_task(self._journal.run())
                executing = group.create_task(self._executions.run())
                self._open = True
                try:
                    yield
                finally:
                    self._open = False
                    self._executions.close()
                    await executing
                    self._journal.close()
                    await writing
        finally:
            await self._delegation.close()
            await self._blobs.close()
            if self._redis is not None:
                await self._redis.aclose()
            await self._pool.close()

    def is_open(self) -> bool:
        """Whether requests can be served now."""
        return self._open


def terms(settings: Settings) -> Terms:
    """What operations are granted."""
    return Terms(
        timeout_s=settings.operation_timeout,
        timeout_max_s=settings.operation_timeout_max,
        at_once=settings.operation_concurrency,
        kept_s=settings.operation_result_ttl,
        # The other half of the time is for what was accepted beside operations.
        grace_s=settings.shutdown_s / 2,
    )


def create_app(settings: Settings, metrics: Metrics, write: Write) -> Litestar:
    """The write tier as an application."""
    wrapped = around(settings, metrics, Health(write.probes, started=write.is_open), write.traces)
    operations = [operation for operation in OPERATIONS if operation.side == "command"]
    return router(
        write.handlers,
        operations,
        around=lambda app: cors(wrapped(app), settings.origins),
        lifespan=[lambda _: write.traces.running(), lambda _: write.running()],
    )
