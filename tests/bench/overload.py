"""More writes than the write tier can store: how much it still stores, and how soon the others are told."""

from collections.abc import Iterator
from contextlib import ExitStack

from msgspec.structs import replace

from bench.documents import BODY, ID_PREFIX
from bench.place import Bench, resident_mb
from bench.report import Row
from bench.writes import Stack
from titan.operate.loading import Plan, Result

CROWD = 2048
"""Connections, twice as many as a worker serves at once."""


def overload(bench: Bench) -> Iterator[Row]:
    """POST at twice and four times the rate that the whole stack can store."""
    seconds = 3.0 if bench.quick else 8.0
    with ExitStack() as stack:
        whole = Stack(bench, stack.enter_context(bench.stores()), stack, others=())
        writer = whole.writers["replicas"]
        plan = Plan(
            url=f"{writer.url}/submodels",
            method="POST",
            connections=64,
            seconds=seconds,
            body=BODY,
            prefix=f"{ID_PREFIX}capacity/",
        )
        capacity = bench.load(plan).rate
        yield Row("overload", "capacity", capacity, "1/s", detail="64 connections that wait for their answers")
        before_mb = resident_mb(writer.pid)
        for times in (2, 4):
            crowd = replace(plan, connections=CROWD, pace=times * capacity, prefix=f"{ID_PREFIX}{times}/")
            yield from _overloaded(bench.load(crowd), times, capacity, seconds)
        yield Row("overload", "memory of the writer, grown by", resident_mb(writer.pid) - before_mb, "MB", at_most=256)


def _overloaded(result: Result, times: int, capacity: float, seconds: float) -> Iterator[Row]:
    stored = (result.requests - sum(result.refused.values())) / seconds
    told = ", ".join(f"{count} × {status}" for status, count in sorted(result.refused.items())) or "none refused"
    others = {status for status in result.refused if status not in {429, 503}}
    detail = f"of {result.requests / seconds:.0f} answered; {told}"
    yield Row("overload", f"stored at {times} × capacity", stored / capacity, "×", at_least=0.75, detail=detail)
    yield Row("overload", f"longest answer at {times} ×", result.longest, "ms", at_most=5000)
    if others:
        yield Row("overload", f"answered otherwise than 503 at {times} ×", len(others), "statuses", at_most=0)
