"""A rebuild of the read model while everything is in use: how fast, how large, and what the others notice."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import NamedTuple

from msgspec.structs import replace

from bench.append import fill_small
from bench.documents import ID_PREFIX, SMALL
from bench.place import Bench, Served, Stores, peak_mb, ready, stopped
from bench.report import Row
from bench.stores import wait_listed
from titan.operate.loading import Plan, Result

PAGE = 100
KNOWN = 1000
"""Documents that are read and replaced meanwhile."""
BEFORE_S = 5.0
ENDS_WITHIN_S = 300.0
AT_A_TIME_S = 0.02
READS_S, PAGES_S, WRITES_S = 200.0, 50.0, 50.0
"""Of each, a second: enough to see what is noticed, and not what two cores can."""


class Rebuilt(NamedTuple):
    """A rebuild that came to its end."""

    seconds: float
    """With the start of the process, and the time for which it waited for those who read."""
    memory_mb: float
    said: str


def rebuild(bench: Bench) -> Iterator[Row]:
    """100 000 documents listed anew while others read, list and write."""
    count = 10_000 if bench.quick else 100_000
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        asyncio.run(fill_small(stores.database_url, count))
        served = {name: stack.enter_context(bench.titan(stores, name)) for name in ("projector", "write", "read")}
        ready(*served.values())
        wait_listed(f"{served['read'].url}/submodels", count - PAGE)
        plans = _plans(served)
        quiet, _ = _beside(bench, stores, plans, rebuilding=False)
        busy, took = _beside(bench, stores, plans, rebuilding=True)
    yield Row(
        "rebuild",
        f"of {count} documents",
        count / took.seconds,
        "1/s",
        detail=f"{took.seconds:.1f} s; it said: {took.said}",
    )
    yield Row("rebuild", "memory of it at most", took.memory_mb, "MB", at_most=256)
    for name, result in busy.items():
        before = quiet[name]
        detail = f"p50 {result.p50:.1f} ms, longest {result.longest:.0f} ms; p99 without {before.p99:.1f} ms"
        yield Row("rebuild", f"{name} meanwhile, p99", result.p99, "ms", detail=detail)
        refused = sum(result.refused.values())
        yield Row("rebuild", f"{name} refused", refused, f"of {result.requests}", at_most=0)


def _plans(served: Mapping[str, Served]) -> dict[str, Plan]:
    read, write = f"{served['read'].url}/submodels", f"{served['write'].url}/submodels"
    gets = Plan(url=read, connections=8, seconds=ENDS_WITHIN_S, pace=READS_S, prefix=ID_PREFIX, numbers=KNOWN)
    puts = replace(gets, url=write, method="PUT", pace=WRITES_S, body=SMALL)
    return {
        "reads": gets,
        "pages": Plan(url=f"{read}?limit={PAGE}", connections=4, seconds=ENDS_WITHIN_S, pace=PAGES_S),
        "writes": puts,
    }


def _beside(
    bench: Bench, stores: Stores, plans: Mapping[str, Plan], *, rebuilding: bool
) -> tuple[dict[str, Result], Rebuilt]:
    """What was measured beside a rebuild, or for some seconds; and how long it took, and its memory at most."""
    with ExitStack() as stack:
        loads = {name: stack.enter_context(bench.loading(plan)) for name, plan in plans.items()}
        time.sleep(0.5)  # noqa: TID251 - until they are under way
        took = _rebuilt(bench, stores) if rebuilding else Rebuilt(BEFORE_S, 0.0, "")
        if not rebuilding:
            time.sleep(BEFORE_S)  # noqa: TID251 - as long as it is to be measured
        return {name: stopped(load) for name, load in loads.items()}, took


def _rebuilt(bench: Bench, stores: Stores) -> Rebuilt:
    began, memory_mb = time.monotonic(), 0.0
    with bench.command(stores, "rebuild") as child:
        while child.poll() is None and time.monotonic() - began < ENDS_WITHIN_S:
            memory_mb = max(memory_mb, peak_mb(child.pid))
            time.sleep(AT_A_TIME_S)  # noqa: TID251 - sampled
        took_s = time.monotonic() - began
        if child.poll() is None or child.stderr is None:
            raise RuntimeError(f"titan rebuild did not end within {ENDS_WITHIN_S:g} s.")
        said = " ".join(child.stderr.read().decode().split())
        if child.poll() != 0:
            raise RuntimeError(f"titan rebuild: {said}")
    return Rebuilt(took_s, memory_mb, said)
