"""What happens below HTTP: lists of many documents, the journal by itself, a change in a large document, decoding."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

import msgspec
from msgspec.structs import replace

from bench import decode
from bench.append import Appending, fill_small
from bench.branch import changes
from bench.place import OUR_PATH, Bench, ask, ready
from bench.reads import alternate, latencies
from bench.report import Row
from titan.operate.loading import Plan

PAGE = 100


def pages(bench: Bench) -> Iterator[Row]:
    """The first page of many small submodels against the last."""
    count = 10_000 if bench.quick else 100_000
    rounds, seconds = (4, 0.5) if bench.quick else (8, 1.0)
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        loaded_s = asyncio.run(fill_small(stores.database_url, count))
        yield Row("pages", f"{count} small submodels loaded", count / loaded_s, "1/s")
        projector = stack.enter_context(bench.titan(stores, "projector"))
        read = stack.enter_context(bench.titan(stores, "read", {"TITAN_MEMORY_BYTES": "0"}))
        ready(projector, read)
        last = wait_listed(f"{read.url}/submodels", count - PAGE)
        url = f"{read.url}/submodels?limit={PAGE}"
        plans = {
            "page 1": (read, Plan(url=url, seconds=seconds)),
            f"page {count // PAGE}": (read, Plan(url=f"{url}&cursor={last}", seconds=seconds)),
        }
        results = alternate(bench, plans, rounds)
        for name, several in results.items():
            yield Row("pages", name, median(result.p50 for result in several), "ms", detail=latencies(several))
        first, far = results.values()
        # Either way round: a first page that takes longer than the last is read to the end of the list.
        over = median(max(a.p50, b.p50) / min(a.p50, b.p50) for a, b in zip(first, far, strict=True))
        yield Row("pages", "slower of both / faster", over, "×", at_most=1.5)


class _Paging(msgspec.Struct):
    cursor: str | None = None


class _Page(msgspec.Struct):
    result: list[msgspec.Raw]
    paging_metadata: _Paging


def wait_listed(url: str, behind: int) -> str:
    """The cursor behind so many documents; waits until they are listed."""
    cursor, passed, until = "", 0, time.monotonic() + 120
    while passed < behind:
        limit = min(900, behind - passed)
        status, body = ask(f"{url}?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        page = msgspec.json.decode(body, type=_Page) if status == 200 else _Page([], _Paging())
        if page.paging_metadata.cursor is not None:
            cursor, passed = page.paging_metadata.cursor, passed + len(page.result)
        elif time.monotonic() > until:
            raise RuntimeError(f"Only {passed} of {behind} documents were listed in time.")
        else:
            time.sleep(0.2)  # noqa: TID251 - the read model is still behind
    return cursor


def journal_alone(bench: Bench) -> Iterator[Row]:
    """Events that two processes append to one journal, in batches and as fast as they can."""
    rounds, seconds = (1, 2.0) if bench.quick else (3, 3.0)
    for size in ("small", "5 KB"):
        rates: list[float] = []
        for _ in range(rounds):
            with bench.stores() as stores:
                plan = Appending(database_url=stores.database_url, seconds=seconds, small=size == "small")
                rates.append(_appended(plan))
        wanted = 10_000 if size == "small" else None
        yield Row("journal alone", f"{size} documents, two writers", median(rates), "1/s", at_least=wanted)


def _appended(plan: Appending) -> float:
    with ExitStack() as stack:
        writers: list[subprocess.Popen[bytes]] = []
        for number in range(2):
            child = subprocess.Popen(
                [sys.executable, "-m", "bench.append"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={"PYTHONPATH": OUR_PATH},
            )
            stack.enter_context(child)
            stack.callback(child.kill)
            assert child.stdin
            child.stdin.write(msgspec.json.encode(replace(plan, writer=number)))
            child.stdin.close()
            writers.append(child)
        return sum(float(child.stdout.read()) for child in writers if child.stdout)


def branch(bench: Bench) -> Iterator[Row]:
    """One element changed in 10 MB against one changed in 10 KB: written, projected and announced."""
    with bench.stores() as stores:
        measured = asyncio.run(changes(stores.database_url, stores.redis_url, 40 if bench.quick else 200))
    for name, steps in measured.items():
        said = ", ".join(f"{step} {median(times):.2f}" for step, times in steps.items() if step != "whole")
        yield Row("a change in", name, median(steps["whole"]), "ms", detail=said)
    small, large = (steps["whole"] for steps in measured.values())
    yield Row("a change in", "10 MB / 10 KB", median(large) / median(small), "×", at_most=2)


def decoding(bench: Bench) -> Iterator[Row]:
    """Decoding and checking against aas-core3.1, on real submodels."""
    if not bench.quick:
        for name, value in decode.run().items():
            yield Row("decode", name.replace("_", " "), value, "×" if "ratio" in name else "s")
        return
    ratios = {size: decode.ratio(body) for size, body in decode.real_submodels().items()}
    for size, value in ratios.items():
        yield Row("decode", f"decode and check / aas-core3.1, {size} bytes", value, "×")
