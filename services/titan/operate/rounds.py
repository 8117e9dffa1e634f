"""What `titan bench` measures, as plans: which requests, on which documents, by how many connections."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from titan.operate.loading import Plan
from titan.operate.samples import properties_in, submodel

Mix = Literal["read", "write", "mixed", "all"]

MOST_CREATED = 20_000
"""Documents that one round creates at most; they are all to be removed again."""
READS_TO_A_WRITE = 8
PROCESSES_MOST = 8
APART = 10_000_000
"""Between the numbers that two processes give to what they create."""
PAGE = 100
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB)?", re.IGNORECASE)
_UNITS = {"B": 1, "KB": 1000, "MB": 1_000_000}


class Terms(Struct, frozen=True, kw_only=True):
    """What a run is to be like."""

    url: str
    """Without a slash at its end."""
    prefix: str
    """Of the identifiers of this run; nobody else has such."""
    headers: tuple[str, ...] = ()
    seconds: float = 10.0
    connections: tuple[int, ...] = (1, 16, 64)
    mix: Mix = "all"
    size: int = 5000
    """Of a document, in bytes, more or less."""
    documents: int = 1000
    processes: int = 1


class Round(Struct, frozen=True, kw_only=True):
    """One kind of request, by so many connections."""

    name: str
    plan: Plan
    is_fresh: bool = False
    """Whether all documents are written once more before, so that no memory knows them."""


def bytes_of(size: str) -> int:
    """`5KB` as a number.

    Raises:
        ValueError: where it is none.
    """
    found = _SIZE.fullmatch(size.strip())
    if not found:
        message = f"{size} is no size: write it as 5KB or 1MB."
        raise ValueError(message)
    return int(float(found[1]) * _UNITS[(found[2] or "B").upper()])


def body(terms: Terms) -> str:
    """A document of the size that is wanted; each time that it is sent, one value is another."""
    return submodel(properties_in(terms.size), id_short="TitanBench").replace('"value":"0.00"', '"value":"@SERIAL@"', 1)


def filling(terms: Terms, *, serial: int) -> Plan:
    """Writes every document once."""
    return replace(
        _all(terms, serial),
        method="PUT",
        body=body(terms),
        connections=16,
        seconds=600.0,
        warm_up_s=0.0,
        is_once=True,
    )


def removing(terms: Terms, prefix: str, first: int, count: int) -> Plan:
    """Removes so many documents."""
    return replace(
        filling(terms, serial=0), method="DELETE", body="", prefix=prefix, first=first, numbers=count, connections=32
    )


def rounds(terms: Terms, *, etag: str) -> Iterator[Round]:
    """All that is measured, in an order in which nothing is in the way of what follows."""
    for number, connections in enumerate(terms.connections):
        serial = 10_000_000 * (number + 1)
        for each in _kinds(terms, etag, serial, connections):
            timed = replace(each.plan, connections=connections, seconds=terms.seconds)
            yield replace(each, plan=timed if not timed.is_once else replace(timed, warm_up_s=0.0))


def _kinds(terms: Terms, etag: str, serial: int, connections: int) -> Iterator[Round]:
    every = _all(terms, serial)
    one = replace(every, numbers=1)
    put = replace(every, method="PUT", body=body(terms))
    patch = replace(every, method="PATCH", body="@SERIAL@", below="/submodel-elements/Value00/$value")
    if terms.mix in {"read", "all"}:
        yield Round(name="GET cold", plan=replace(every, is_once=True), is_fresh=True)
        yield Round(name="GET hot", plan=one)
        yield Round(name="GET 304", plan=replace(one, headers=(*one.headers, f"if-none-match: {etag}")))
        yield Round(name="GET $value", plan=replace(one, below=patch.below))
        page = f"{every.url}?limit={PAGE}"
        yield Round(name=f"GET page of {PAGE}", plan=replace(every, url=page, prefix="", numbers=0))
    if terms.mix in {"write", "all"}:
        created = f"{terms.prefix}new-{connections}-"
        post = replace(put, method="POST", prefix=created, numbers=MOST_CREATED, is_once=True)
        yield Round(name="POST", plan=post)
        yield Round(name="PUT", plan=put)
        yield Round(name="PATCH $value", plan=patch)
    if terms.mix in {"mixed", "all"}:
        # The most seldom first and in the middle: a round may end within one turn.
        half = (every,) * (READS_TO_A_WRITE // 2)
        turns = (put, *half, patch, *half)
        yield Round(name=f"mixed {READS_TO_A_WRITE}:1:1", plan=replace(every, by_turns=turns))


def _all(terms: Terms, serial: int) -> Plan:
    return Plan(
        url=f"{terms.url}/submodels",
        prefix=terms.prefix,
        numbers=terms.documents,
        headers=terms.headers,
        serial=serial,
    )


def shares(plan: Plan, processes: int) -> Sequence[Plan]:
    """The plan for several processes: connections and documents are divided among them, as far as they go."""
    processes = max(1, min(processes, plan.connections, plan.numbers if plan.is_once else plan.connections))
    return [_share(plan, number, processes) for number in range(processes)]


def _share(plan: Plan, number: int, processes: int) -> Plan:
    connections = _part(plan.connections, number, processes)[1]
    share = replace(plan, connections=connections, serial=plan.serial + number * 1_000_000)
    if plan.method == "POST":
        return replace(share, first=plan.first + number * APART, numbers=plan.numbers // processes)
    if not plan.is_once:
        # Each begins elsewhere in the same documents: two that write the same one would wait for each other.
        return share
    first, count = _part(plan.numbers, number, processes)
    return replace(share, first=plan.first + first, numbers=count)


def _part(count: int, number: int, parts: int) -> tuple[int, int]:
    """Where a part begins, and how much it is."""
    first, end = count * number // parts, count * (number + 1) // parts
    return first, end - first
