"""A receiver of OTLP, by gRPC or HTTP: what a collector is to those who export."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from support.waiting import eventually


class Seen(Struct, frozen=True):
    """A span, as it was received."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    """Empty where it has none."""
    attributes: dict[str, str]
    failed: bool
    started_ns: int
    ended_ns: int


class Collector(TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.endpoint = ""

    def Export(self, request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:  # noqa: N802
        """Take spans; called by gRPC, by this name."""
        del context
        for group in request.resource_spans:
            about = {each.key: each.value.string_value for each in group.resource.attributes}
            for scope in group.scope_spans:
                self.spans += [
                    Seen(
                        service=about["service.name"],
                        name=span.name,
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        attributes={
                            each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes
                        },
                        failed=span.status.code == span.status.STATUS_CODE_ERROR,
                        started_ns=span.start_time_unix_nano,
                        ended_ns=span.end_time_unix_nano,
                    )
                    for span in scope.spans
                ]
        return ExportTraceServiceResponse()

    def of(self, trace: str) -> dict[str, Seen]:
        """The spans of a trace by their names."""
        return {span.name: span for span in self.spans if span.trace == trace}

    def gets(self, trace: str, *names: str, timeout_s: float = 20.0) -> dict[str, Seen]:
        """The spans of a trace, once those of these names are among them."""
        assert eventually(lambda: set(names) <= self.of(trace).keys(), timeout_s=timeout_s), sorted(self.of(trace))
        return self.of(trace)


@contextmanager
def by_grpc() -> Generator[Collector]:
    """A collector on a port of its own."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    collector.endpoint = f"grpc://127.0.0.1:{port}"
    try:
        yield collector
    finally:
        server.stop(None).wait()


@contextmanager
def by_http() -> Generator[Collector]:
    """The same by HTTP."""
    collector = Collector()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(collector)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        collector.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _handler(collector: Collector) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            right = self.path == "/v1/traces"
            if right:
                collector.Export(ExportTraceServiceRequest.FromString(body), None)
            self.send_response(200 if right else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
