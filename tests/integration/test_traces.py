"""A trace leads from a request through journal and stream to the projection and its announcement, or costs nothing."""

import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from psycopg import connect

from support import otlp
from support.asking import document, path_of
from support.otlp import Collector
from support.processes import Titan, titan
from support.waiting import eventually
from titan.dev.processes import free_port
from titan.metamodel.kinds import SUBMODEL


@pytest.fixture
def collector() -> Iterator[Collector]:
    with otlp.by_grpc() as collector:
        yield collector


Start = Callable[..., AbstractContextManager[list[Titan]]]


@pytest.fixture
def start(tmp_path: Path, database_url: str, redis_url: str) -> Start:
    """What starts a process of each tier that is named, and ends them."""

    @contextmanager
    def started(*tiers: str, **environ: str) -> Generator[list[Titan]]:
        stores = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "TITAN_LEASE_MS": "2000"}
        with ExitStack() as stack:
            run = [
                stack.enter_context(titan(tmp_path / tier, free_port(), tier, environ=stores | environ, wait=False))
                for tier in tiers
            ]
            assert eventually(lambda: all(one.is_ready() for one in run), timeout_s=60), [one.said() for one in run]
            yield run

    return started


def begun(*, sampled: bool = True) -> tuple[str, str, dict[str, str]]:
    """A trace that a client begins: its id, that of the client's span, and the header."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, {"traceparent": f"00-{trace}-{span}-0{int(sampled)}"}


def post(url: str, number: int, headers: Mapping[str, str]) -> httpx.Response:
    answered = httpx.post(
        f"{url}/submodels", json=document(SUBMODEL, f"urn:traced:{number}"), headers=dict(headers), timeout=30
    )
    assert answered.status_code == 201, answered.text
    return answered


def expect_the_trace_of_a_reader(read: Titan, collector: Collector) -> None:
    trace, client, headers = begun()
    shown = httpx.get(read.url + path_of(SUBMODEL, "urn:traced:1"), headers=headers)
    assert shown.status_code == 200
    spans = collector.gets(trace, "GET GetSubmodelById", "Redis")
    assert spans["GET GetSubmodelById"].parent == client
    assert spans["Redis"].parent == spans["GET GetSubmodelById"].id


def expect_nothing_that_is_not_kept(write: Titan, collector: Collector) -> None:
    before = len({span.trace for span in collector.spans})
    unkept, _, headers = begun(sampled=False)
    post(write.url, 2, headers)
    post(write.url, 3, {})
    last, _, headers = begun()
    post(write.url, 4, headers)
    collector.gets(last, "POST PostSubmodel", "announce")
    assert collector.of(unkept) == {}
    # Of those that nobody began, none is kept here.
    assert len({span.trace for span in collector.spans}) == before + 1


def test_one_trace_leads_from_the_request_to_the_announcement(
    start: Start, database_url: str, collector: Collector
) -> None:
    environ = {"ENABLE_TRACING": "true", "OTLP_ENDPOINT": collector.endpoint, "TITAN_TRACE_RATIO": "0"}
    with start("write", "read", "projector", **environ) as (write, read, _):
        trace, client, headers = begun()
        created = post(write.url, 1, headers)
        spans = collector.gets(
            trace, "POST PostSubmodel", "append", "group commit", "wait until visible", "relay", "project", "announce"
        )
        request = spans["POST PostSubmodel"]
        chain = [request, *(spans[name] for name in ("append", "relay", "project", "announce"))]
        assert [span.parent for span in chain] == [client, *(span.id for span in chain[:-1])]
        assert [span.service for span in chain] == [*["titan-write"] * 3, *["titan-projector"] * 2]
        assert spans["group commit"].parent == spans["append"].id
        assert spans["wait until visible"].parent == request.id
        assert {span.trace for span in spans.values()} == {trace}
        assert not any(span.failed for span in spans.values())
        assert request.attributes["http.response.status_code"] == "201"
        assert request.attributes["titan.request_id"] == created.headers["x-request-id"]
        position = created.headers["titan-position"]
        assert {spans[name].attributes["titan.position"] for name in ("relay", "project", "announce")} == {position}
        assert all(one.started_ns <= other.started_ns for one, other in pairwise(chain))

        with connect(database_url) as connection:
            row = connection.execute("SELECT trace FROM journal.event").fetchone()
        assert row == (f"00-{trace}-{spans['append'].id}-01",)

        expect_the_trace_of_a_reader(read, collector)
        expect_nothing_that_is_not_kept(write, collector)
    assert f'"trace_id":"{trace}"' in write.said()


def test_what_is_left_is_sent_when_a_process_ends(start: Start) -> None:
    with otlp.by_http() as collector:
        environ = {"ENABLE_TRACING": "true", "OTLP_ENDPOINT": collector.endpoint, "TITAN_TRACE_RATIO": "1"}
        with start("together", **environ) as (process,):
            post(process.url, 1, {})
        [request] = [span for span in collector.spans if span.name == "POST PostSubmodel"]
        assert (request.service, request.parent) == ("titan-aas", "")
        assert {"append", "relay", "project", "announce"} <= collector.of(request.trace).keys()


def test_nothing_is_sent_while_tracing_is_off(start: Start, database_url: str, collector: Collector) -> None:
    with start("together", OTLP_ENDPOINT=collector.endpoint) as (process,):
        trace, client, headers = begun()
        post(process.url, 1, headers)
        with connect(database_url) as connection:
            row = connection.execute("SELECT trace FROM journal.event").fetchone()
        # Another process of the installation may have it on.
        assert row == (f"00-{trace}-{client}-01",)
    assert collector.spans == []


def test_a_collector_that_is_away_delays_nothing_and_is_told_of_once(start: Start) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with start("together", ENABLE_TRACING="true", OTLP_ENDPOINT=nobody, TITAN_TRACE_RATIO="1") as (process,):
        since = time.monotonic()
        for number in range(50):
            post(process.url, number, {})
        took_s = time.monotonic() - since
        assert eventually(lambda: "traces are dropped" in process.said())
        post(process.url, 51, {})
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 10
    assert took_s < 10
    assert process.said().count("traces are dropped") == 1
    assert "opentelemetry" not in process.said()
