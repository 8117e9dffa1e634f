"""How spans leave the process: in batches, from a thread of their own, by OTLP.

A collector that is away costs nothing but the spans: the queue is bounded, what does not fit is dropped, and the log
tells of it once, not with every batch.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as ByGrpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ByHttp
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Tracer

from titan.observability.logs import logger, without_passwords

QUEUED_SPANS = 8192
BATCH_SPANS = 512
EVERY_MS = 1000
ATTEMPT_S = 3
"""How long one batch may take, with what is tried again."""

_GRPC_PORT = 4317
_TRACES_PATH = "/v1/traces"
_log = logger("titan.traces")


def open_tracer(endpoint: str, *, name: str, version: str, ratio: float) -> tuple[Tracer, Callable[[], None]]:
    """Make what begins spans, and what sends the last of them."""
    # The exporter logs every failed attempt, and the queue every dropped span.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    outlet = Outlet(exporter(endpoint), where=endpoint)
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=Resource.create({"service.name": name, "service.version": version}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            outlet, max_queue_size=QUEUED_SPANS, schedule_delay_millis=EVERY_MS, max_export_batch_size=BATCH_SPANS
        )
    )

    def close() -> None:
        outlet.hurry()
        provider.shutdown()

    return provider.get_tracer("titan", version), close


def exporter(endpoint: str) -> SpanExporter:
    """The client for an address: gRPC at port 4317 or by the scheme `grpc`, else HTTP."""
    parts = urlsplit(endpoint if "://" in endpoint else f"grpc://{endpoint}")
    if parts.scheme in {"grpc", "grpcs"} or parts.port == _GRPC_PORT:
        return ByGrpc(endpoint=parts.netloc, insecure=parts.scheme in {"grpc", "http"}, timeout=ATTEMPT_S)
    path = parts.path.rstrip("/") or _TRACES_PATH
    return ByHttp(endpoint=parts._replace(path=path).geturl(), timeout=ATTEMPT_S)


class Outlet(SpanExporter):
    """Sends batches, and tells when that begins to fail and when it goes on."""

    def __init__(self, exporter: SpanExporter, *, where: str) -> None:
        self._exporter = exporter
        self._where = without_passwords(where)
        self._fails = False
        self._closed = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; it is gone where that fails."""
        try:
            came = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001  # whatever a collector answers, the server goes on
            came, reason = SpanExportResult.FAILURE, repr(error)
        else:
            reason = "the collector does not take them"
        failed = came is not SpanExportResult.SUCCESS
        if failed and not self._fails:
            _log.warning("traces are dropped", collector=self._where, reason=reason)
        elif self._fails and not failed:
            _log.info("traces are taken again", collector=self._where)
        self._fails = failed
        return came

    def hurry(self) -> None:
        """Try nothing again that failed before: the process ends."""
        if self._fails:
            self.shutdown()

    def shutdown(self) -> None:
        """Give the connection up, once."""
        if self._closed.acquire(blocking=False):
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)
