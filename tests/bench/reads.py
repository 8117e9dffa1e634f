"""Reading one document: from memory, from Redis, from PostgreSQL."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from statistics import median

from msgspec.structs import replace

from bench.documents import BODY, ID_PREFIX, identifier, numbered
from bench.place import Bench, Served, ask, cpu_s, ready
from bench.report import Row
from titan.codec.ids import encode_id
from titan.operate.loading import Plan, Result

SERVER, LOAD = frozenset({0}), frozenset({1})
CONNECTIONS = 32
KNOWN = 500


def hot(bench: Bench) -> Iterator[Row]:
    """A GET out of memory against a constant: server on one core, load on the other."""
    rounds, seconds = (5, 1.0) if bench.quick else (11, 1.0)
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        projector = stack.enter_context(bench.titan(stores, "projector", cores=LOAD))
        write = stack.enter_context(bench.titan(stores, "write", cores=LOAD))
        read = stack.enter_context(bench.titan(stores, "read", cores=SERVER))
        constant = stack.enter_context(bench.stand_in(stores, "constant", cores=SERVER))
        ready(projector, write, read, constant)
        ask(f"{write.url}/submodels", "POST", body=numbered(0))
        target = f"/submodels/{encode_id(identifier(0))}"
        hot = Plan(url=read.url + target, connections=CONNECTIONS, seconds=seconds)
        plans = {
            "constant": (constant, replace(hot, url=constant.url + target)),
            "hot": (read, hot),
            "304": (read, replace(hot, headers=('if-none-match: "1"',))),
        }
        results = alternate(bench, plans, rounds, cores=LOAD)
    busy = max(result.busy for several in results.values() for result in several)
    yield Row("hot GET", "bare ASGI constant", rate(results["constant"]), "1/s", detail=latencies(results["constant"]))
    yield Row("hot GET", "5 KB from memory", rate(results["hot"]), "1/s", detail=latencies(results["hot"]))
    yield Row("hot GET", "304 from memory", rate(results["304"]), "1/s", detail=latencies(results["304"]))
    yield Row("hot GET", "from memory / constant", ratio(results["hot"], results["constant"]), "×", at_least=0.9)
    spent = cpu(results["hot"]) / cpu(results["constant"])
    yield Row("hot GET", "CPU from memory / constant", spent, "×")
    yield Row("hot GET", "304 / constant", ratio(results["304"], results["constant"]), "×")
    yield Row("hot GET", "load on its core at most", busy, "×")


def cold(bench: Bench) -> Iterator[Row]:
    """A GET that memory does not know, answered by Redis; and one that PostgreSQL has to answer."""
    rounds, seconds = (3, 1.0) if bench.quick else (7, 1.0)
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        projector = stack.enter_context(bench.titan(stores, "projector"))
        write = stack.enter_context(bench.titan(stores, "write"))
        warm = stack.enter_context(bench.titan(stores, "read", {"TITAN_MEMORY_BYTES": "0"}))
        bare = stack.enter_context(
            bench.titan(stores, "read", {"TITAN_MEMORY_BYTES": "0", "EVENT_BUS_BACKEND": "memory"})
        )
        ready(projector, write, warm, bare)
        fill(bench, write, KNOWN)
        plans = {
            "Redis": (warm, _gets(warm, seconds)),
            "PostgreSQL": (bare, _gets(bare, seconds)),
        }
        results = alternate(bench, plans, rounds)
    for name, several in results.items():
        yield Row("cold GET", f"5 KB from {name}", rate(several), "1/s", detail=latencies(several))


def _gets(served: Served, seconds: float) -> Plan:
    url = f"{served.url}/submodels"
    return Plan(url=url, connections=CONNECTIONS, seconds=seconds, prefix=ID_PREFIX, numbers=KNOWN)


def fill(bench: Bench, write: Served, count: int) -> None:
    """Create that many documents, from number 0 on."""
    plan = Plan(
        url=f"{write.url}/submodels",
        method="PUT",
        connections=32,
        seconds=max(0.5, count / 1000),
        warm_up_s=0,
        body=BODY,
        prefix=ID_PREFIX,
        numbers=count,
    )
    done = bench.load(plan).last
    while done < count:
        # Those that are left come next; going round again does no harm.
        done = bench.load(replace(plan, first=done, seconds=0.5)).last


def alternate(
    bench: Bench,
    plans: Mapping[str, tuple[Served, Plan]],
    rounds: int,
    *,
    cores: frozenset[int] = frozenset({0, 1}),
) -> dict[str, list[Result]]:
    """Carry the plans out by turns; numbers of identifiers go on from round to round."""
    results: dict[str, list[Result]] = {name: [] for name in plans}
    at = {name: plan.first for name, (_, plan) in plans.items()}
    for number in range(rounds):
        # Backwards every other time, so that who comes first has no advantage of it.
        for name in list(plans)[:: 1 if number % 2 else -1]:
            served, plan = plans[name]
            if plan.prefix and not plan.numbers:
                plan = replace(plan, first=at[name])
            before = cpu_s(served.pid)
            result = bench.load(plan, cores=cores)
            each = (cpu_s(served.pid) - before) / result.sent * 1e6
            at[name] = result.last
            results[name].append(replace(result, cpu_us=each))
    return results


def rate(results: list[Result]) -> float:
    """The median of the rates, of requests that were not refused."""
    return median(result.rate * (1 - sum(result.refused.values()) / result.requests) for result in results)


def ratio(ours: list[Result], theirs: list[Result]) -> float:
    """The median of the ratios, round by round: both of a round had the machine in the same mood."""
    return median(our.rate / their.rate for our, their in zip(ours, theirs, strict=True))


def cpu(results: list[Result]) -> float:
    """The median of what a request cost the server, in µs."""
    return median(result.cpu_us for result in results)


def latencies(results: list[Result]) -> str:
    """Medians of p50, p99 and CPU, and what was refused."""
    refused: dict[int, int] = {}
    for result in results:
        for status, count in result.refused.items():
            refused[status] = refused.get(status, 0) + count
    said = f"p50 {median(r.p50 for r in results):.2f} ms, p99 {median(r.p99 for r in results):.2f} ms"
    said = f"{said}; {median(r.cpu_us for r in results):.0f} µs CPU each"
    return f"{said}; REFUSED {refused}" if refused else said
