"""Writing documents: how many, how fast, how soon everybody sees them, and what a replica that dies costs."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median

import psycopg
from msgspec.structs import replace

from bench.documents import BODY, ID_PREFIX, identifier, numbered
from bench.place import Bench, Served, Stores, ask, finished, ready, resident_mb
from bench.reads import alternate, fill, latencies, rate, ratio
from bench.report import Row
from titan.codec.ids import encode_id
from titan.operate.loading import Plan, Result

KNOWN = 2000
"""How many documents PUT replaces, by turns."""
LEASE_MS = 1000
NO_REDIS = {"EVENT_BUS_BACKEND": "memory", "TITAN_WRITE_VISIBILITY": "journal"}
OTHERS = ("projected", "journal")
"""Visibilities beside `replicas`."""


class Stack:
    """A whole stack: a writer for each visibility, a projector, replicas. The first writer has the relay."""

    def __init__(
        self, bench: Bench, stores: Stores, stack: ExitStack, *, replicas: int = 2, others: Sequence[str] = OTHERS
    ) -> None:
        def start(command: str, **settings: str) -> Served:
            return stack.enter_context(bench.titan(stores, command, settings))

        self.projector = start("projector")
        self.replicas = [start("read") for _ in range(replicas)]
        self.writers = {"replicas": start("write")}
        ready(self.projector, *self.replicas, self.writers["replicas"])
        for mode in others:
            self.writers[mode] = start("write", TITAN_WRITE_VISIBILITY=mode)
        ready(*self.writers.values())

    @property
    def processes(self) -> dict[str, Served]:
        """By their names."""
        replicas = {f"replica {number}": served for number, served in enumerate(self.replicas, 1)}
        return {"writer": self.writers["replicas"], "projector": self.projector, **replicas}


def _plan(served: Served, method: str, connections: int, seconds: float, name: str) -> Plan:
    fresh = Plan(
        url=f"{served.url}/submodels",
        method=method,
        connections=connections,
        seconds=seconds,
        body=BODY,
        prefix=f"{ID_PREFIX}{name}/{connections}/".replace(" ", ""),
    )
    return fresh if method == "POST" else replace(fresh, prefix=ID_PREFIX, numbers=KNOWN)


def throughput(bench: Bench) -> Iterator[Row]:
    """POST and PUT of 5 KB against the same handler without storage, and against a commit for each request."""
    rounds, seconds = 3, 1.0
    with ExitStack() as stack:
        alone_stores = stack.enter_context(bench.stores())
        alone = stack.enter_context(bench.titan(alone_stores, "write", NO_REDIS))
        servers = {
            "no storage": stack.enter_context(bench.stand_in(alone_stores, "no_storage")),
            "writer alone": alone,
            "a commit each": stack.enter_context(bench.stand_in(alone_stores, "one_commit")),
        }
        whole = Stack(bench, stack.enter_context(bench.stores()), stack)
        servers |= {f"stack {mode}": writer for mode, writer in whole.writers.items()}
        ready(*servers.values())
        fill(bench, alone, KNOWN)
        fill(bench, whole.writers["journal"], KNOWN)
        yield from _memory(whole, "at rest")
        for method in ("POST", "PUT"):
            for connections in (64,) if bench.quick else (1, 16, 64):
                turns = 1 if bench.quick and method == "PUT" else rounds
                plans = {
                    name: (served, _plan(served, method, connections, seconds, name.replace(" ", "-")))
                    for name, served in servers.items()
                }
                yield from _throughput(method, connections, alternate(bench, plans, turns))
        yield from _memory(whole, "after load")


def _throughput(method: str, connections: int, results: dict[str, list[Result]]) -> Iterator[Row]:
    section = f"{method} at {connections}"
    for name, several in results.items():
        yield Row(section, name, rate(several), "1/s", detail=latencies(several))
    if connections != 64:
        return
    wanted = method == "POST"
    nothing = results["no storage"]
    alone, stack = ratio(results["writer alone"], nothing), ratio(results["stack replicas"], nothing)
    yield Row(section, "writer alone / no storage", alone, "×", at_least=0.4 if wanted else None)
    yield Row(section, "stack replicas / no storage", stack, "×", at_least=0.27 if wanted else None)
    batched = ratio(results["writer alone"], results["a commit each"])
    yield Row(section, "writer alone / a commit each", batched, "×", at_least=2 if wanted else None)


def _memory(stack: Stack, when: str) -> Iterator[Row]:
    for name, served in stack.processes.items():
        yield Row("memory", f"{name} {when}", resident_mb(served.pid), "MB")


def visibility(bench: Bench) -> Iterator[Row]:
    """What it adds to one connection's writes that both replicas show them."""
    rounds, seconds = (4, 1.0) if bench.quick else (8, 1.2)
    with ExitStack() as stack:
        whole = Stack(bench, stack.enter_context(bench.stores()), stack)
        plans = {mode: (writer, _plan(writer, "POST", 1, seconds, mode)) for mode, writer in whole.writers.items()}
        results = alternate(bench, plans, rounds)
    for mode, several in results.items():
        yield Row("visibility", mode, median(result.p50 for result in several), "ms", detail=latencies(several))
    yield Row("visibility", "replicas add to p50", _added(results), "ms", at_most=1.5)


def saturated(bench: Bench) -> Iterator[Row]:
    """The same while 256 readers saturate one of the replicas, on a core of their own."""
    rounds, seconds = (4, 1.0) if bench.quick else (8, 1.2)
    one, other = frozenset({0}), frozenset({1})
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())

        def start(command: str, cores: frozenset[int] = other, **settings: str) -> Served:
            return stack.enter_context(bench.titan(stores, command, settings, cores=cores))

        projector = start("projector")
        writers = {mode: start("write", TITAN_WRITE_VISIBILITY=mode) for mode in ("replicas", "journal")}
        read = start("read", one)
        ready(projector, read, start("read"), *writers.values())
        ask(f"{writers['journal'].url}/submodels", "POST", body=numbered(0))
        hot = Plan(
            url=f"{read.url}/submodels/{encode_id(identifier(0))}",
            connections=256,
            seconds=2 * rounds * (seconds + 0.6) + 1,
        )
        plans = {mode: (writer, _plan(writer, "POST", 1, seconds, mode)) for mode, writer in writers.items()}
        with bench.loading(hot, cores=one) as readers:
            results = alternate(bench, plans, rounds, cores=other)
            read_rate = finished(readers).rate
    for mode, several in results.items():
        yield Row("256 readers", mode, median(result.p50 for result in several), "ms", detail=latencies(several))
    detail = f"beside {read_rate:.0f} reads/s"
    yield Row("256 readers", "replicas add to p50", _added(results), "ms", at_most=5, detail=detail)


def _added(results: dict[str, list[Result]]) -> float:
    pairs = zip(results["replicas"], results["journal"], strict=True)
    return median(visible.p50 - durable.p50 for visible, durable in pairs)


def killed(bench: Bench) -> Iterator[Row]:
    """The longest a write takes while a replica is killed."""
    longest: list[float] = []
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        whole = Stack(bench, stores, stack, replicas=1, others=())
        for number in range(1 if bench.quick else 3):
            with bench.titan(stores, "read") as victim:
                victim.wait_ready()
                plan = _plan(whole.writers["replicas"], "POST", 1, 3.0, f"killed-{number}")
                with bench.loading(plan) as load:
                    time.sleep(1)  # noqa: TID251 - in the middle of the load is when it is to happen
                    victim.process.kill()
                    longest.append(finished(load).longest)
    detail = f"of {len(longest)}, with a lease of {LEASE_MS} ms"
    yield Row("a killed replica", "longest write", max(longest), "ms", at_most=LEASE_MS + 250, detail=detail)


JOURNAL_AND_READ_MODEL = """
SELECT coalesce((SELECT max(position) FROM journal.event), 0), (SELECT position FROM read.bookmark)
"""


def lag(bench: Bench) -> Iterator[Row]:
    """How far the read model is behind the journal while 64 connections write and wait for neither."""
    seconds = 3.0 if bench.quick else 8.0
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        projector = stack.enter_context(bench.titan(stores, "projector"))
        write = stack.enter_context(bench.titan(stores, "write", {"TITAN_WRITE_VISIBILITY": "journal"}))
        ready(projector, write)
        plan = _plan(write, "POST", 64, seconds, "lag")
        seen: list[tuple[float, int, int]] = []
        with bench.loading(plan) as load, psycopg.connect(stores.database_url, autocommit=True) as connection:
            until = time.monotonic() + seconds + 0.4
            while time.monotonic() < until:
                row = connection.execute(JOURNAL_AND_READ_MODEL).fetchone()
                assert row
                seen.append((time.monotonic(), row[0], row[1]))
                time.sleep(0.01)  # noqa: TID251 - sampled
            result = finished(load)
    lags = sorted(_lags_ms(seen))
    detail = f"p99 {lags[int(len(lags) * 0.99)]:.0f} ms at {result.rate:.0f} POST/s"
    yield Row("lag", "read model behind journal, p50", median(lags), "ms", detail=detail)


def _lags_ms(seen: list[tuple[float, int, int]]) -> Iterator[float]:
    """For each look, how long ago the journal ended where the read model was."""
    for number, (at, _, projected) in enumerate(seen):
        if projected:
            reached = next(then for then, last, _ in seen[: number + 1] if last >= projected)
            yield (at - reached) * 1000
