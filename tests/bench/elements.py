"""Elements of submodels that are small, large and very large: what one change and one look cost."""

import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from statistics import median
from urllib.parse import urlsplit

import msgspec
import psycopg
from msgspec import Struct

from bench.documents import identifier, large
from bench.place import Bench, Served, Stores, ask, ready
from bench.reads import alternate, latencies, rate
from bench.report import Row
from bench.writes import Stack
from titan.codec.ids import encode_id
from titan.codec.parts import CHUNK_BYTES
from titan.metamodel.kinds import SUBMODEL, Subject
from titan.operate.loading import Plan, Result
from titan.storage.documents import BRANCH

SIZES = {"5 KB": 5_000, "1 MB": 1_000_000, "10 MB": 10_000_000}
APART = 2.0
"""How much longer a change, or a look, may take in one size than in another."""


class _Filled(Struct, frozen=True):
    """A submodel that is stored, and a property in the middle of it."""

    number: int
    size: int
    section: int

    @property
    def elements(self) -> str:
        """Where its elements are."""
        return f"/submodels/{encode_id(identifier(self.number))}/submodel-elements"

    @property
    def property(self) -> str:
        """Where the property is."""
        return f"{self.elements}/Section{self.section:05d}.Value05"


def elements(bench: Bench) -> Iterator[Row]:
    """PATCH of one value, GET, POST and DELETE of one element, in submodels of three sizes."""
    rounds, seconds = (3, 0.5) if bench.quick else (7, 1.0)
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        whole = Stack(bench, stores, stack, replicas=1, others=())
        writer, replica = whole.writers["replicas"], whole.replicas[0]
        cold = stack.enter_context(bench.titan(stores, "read", {"TITAN_MEMORY_BYTES": "0"}))
        ready(cold)
        filled = {name: _fill(writer, number, size) for number, (name, size) in enumerate(SIZES.items())}
        for connections in (1, 16):
            plans = {name: (writer, _patch(writer, one, connections, seconds)) for name, one in filled.items()}
            yield from _shown(f"PATCH $value at {connections}", alternate(bench, plans, rounds))
        for name, served, connections in (("from memory", replica, 16), ("cold", cold, 1)):
            plans = {size: (served, _get(served, one, connections, seconds)) for size, one in filled.items()}
            yield from _shown(f"GET element, {name}", alternate(bench, plans, rounds))
        yield from _read(stores, filled)
        turns = 30 if bench.quick else 200
        for one in filled.values():
            # Is behind in the chunk that new ones come into, so that they do not leave it empty.
            ask(f"{writer.url}{one.elements}", "POST", body=_new("Kept", 1).decode())
        times = {name: _created_and_removed(writer, one, turns) for name, one in filled.items()}
        for at, method in enumerate(("POST", "DELETE")):
            yield from _timed(method, {name: each[at] for name, each in times.items()})
        _, removed = _created_and_removed(writer, filled["10 MB"], 5, value_bytes=2 * CHUNK_BYTES)
        detail = "the chunks are written anew, all of them"
        yield Row("DELETE element at 1", "alone in its chunk in 10 MB, p50", median(removed), "ms", detail=detail)


def _fill(writer: Served, number: int, size: int) -> _Filled:
    body = large(number, size)
    status, answer = ask(f"{writer.url}/submodels", "POST", body=body.decode())
    if status != 201:
        raise RuntimeError(f"A submodel of {size} bytes was refused with {status}: {answer[:300]!r}")
    sections = body.count(b'"idShort":"Section')
    return _Filled(number, len(body), sections // 2 * 2)


def _patch(writer: Served, filled: _Filled, connections: int, seconds: float) -> Plan:
    return Plan(
        url=f"{writer.url}{filled.property}/$value",
        method="PATCH",
        connections=connections,
        seconds=seconds,
        body='"@ID@"',
        prefix="value ",
        is_named=False,
    )


def _get(served: Served, filled: _Filled, connections: int, seconds: float) -> Plan:
    return Plan(url=served.url + filled.property, connections=connections, seconds=seconds)


def _shown(section: str, results: Mapping[str, list[Result]]) -> Iterator[Row]:
    for name, several in results.items():
        yield Row(section, f"in {name}", rate(several), "1/s", detail=latencies(several))
    # The machine is in one mood within a round, and in another in the next.
    apart = median(
        max(r.rate for r in each) / min(r.rate for r in each) for each in zip(*results.values(), strict=True)
    )
    yield Row(section, "fastest size / slowest", apart, "×", at_most=APART)


READ = """
SELECT sum(heap_blks_hit + heap_blks_read)::int8, sum(coalesce(toast_blks_hit + toast_blks_read, 0))::int8
  FROM pg_statio_user_tables
 WHERE schemaname = 'journal'
"""


def _read(stores: Stores, filled: Mapping[str, _Filled]) -> Iterator[Row]:
    """What the statement that a cold GET asks reads of tables, and what it gives."""
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        # Whoever looks at the statistics sees what all sessions have told: nobody else is at work now.
        connection.execute("SET stats_fetch_consistency = 'none'")
        for name, one in filled.items():
            key = Subject(SUBMODEL, identifier(one.number)).key
            parameters = {"keys": [key], "names": [f"Section{one.section:05d}"]}
            before = _blocks(connection)
            row = connection.execute(BRANCH, parameters, binary=True).fetchone()
            rows, bodies = (after - first for first, after in zip(before, _blocks(connection), strict=True))
            assert row is not None
            given = len(row[6]) + len(row[10] or b"")
            detail = f"of {one.size / 1000:.0f} KB; {rows} blocks of rows and {bodies} of bodies were touched"
            yield Row("GET element, cold", f"bytes read in {name}", given / 1000, "KB", detail=detail, at_most=64)


def _blocks(connection: psycopg.Connection[tuple[int, int]]) -> tuple[int, int]:
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(READ).fetchone()
    assert row is not None
    return row[0], row[1]


def _created_and_removed(
    writer: Served, filled: _Filled, times: int, *, value_bytes: int = 100
) -> tuple[list[float], list[float]]:
    """Milliseconds of POST and of DELETE of an element, by turns."""
    where = urlsplit(writer.url)
    body, headers = _new("New", value_bytes), {"content-type": "application/json"}
    asked = (("POST", filled.elements, body, headers), ("DELETE", f"{filled.elements}/New", None, {}))
    taken: tuple[list[float], list[float]] = ([], [])
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    try:
        for _ in range(times):
            for (method, path, sent, given), into in zip(asked, taken, strict=True):
                began = time.perf_counter()
                connection.request(method, path, sent, given)
                answer = connection.getresponse()
                said = answer.read()
                into.append((time.perf_counter() - began) * 1000)
                if answer.status >= 300:
                    raise RuntimeError(f"{method} of an element was refused with {answer.status}: {said[:300]!r}")
    finally:
        connection.close()
    return taken


def _new(id_short: str, value_bytes: int) -> bytes:
    plain = {"modelType": "Property", "idShort": id_short, "valueType": "xs:string", "value": "x" * value_bytes}
    return msgspec.json.encode(plain)


def _timed(method: str, times: Mapping[str, list[float]]) -> Iterator[Row]:
    section = f"{method} element at 1"
    middle = {name: median(each) for name, each in times.items()}
    for name, each in times.items():
        detail = f"p99 {sorted(each)[int(len(each) * 0.99)]:.2f} ms"
        yield Row(section, f"in {name}, p50", middle[name], "ms", detail=detail)
    yield Row(section, "slowest size / fastest", max(middle.values()) / min(middle.values()), "×", at_most=APART)
