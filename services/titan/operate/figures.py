"""What `titan bench` measured, for a person and for a machine."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct
from rich.table import Table

from titan.operate.loading import BROKEN, Result

CLIENT_IS_BUSY = 0.9
"""Of a core: above it, the rate says what the client can, and not the server."""


class Figure(Struct, frozen=True, kw_only=True):
    """One round. Times are in milliseconds."""

    what: str
    connections: int
    rate: float
    """Requests a second that were not refused."""
    p50: float
    p99: float
    longest: float
    requests: int
    refused: dict[str, int]
    """By status; `broken` for connections that ended before their answer."""
    client_busy: float
    """Seconds of a core that the busiest process of the client used in a second."""


class Report(Struct, frozen=True, kw_only=True):
    """All that one run measured, and against what."""

    at: str
    url: str
    profiles: tuple[str, ...]
    """Of `/description`."""
    visibility: str
    """How far a write had come when it was answered: `Titan-Visibility`."""
    document_bytes: int
    documents: int
    seconds: float
    processes: int
    cpus: int
    """Of the machine that measured."""
    figures: tuple[Figure, ...]
    remarks: tuple[str, ...]
    left: str
    """What could not be removed; empty where nothing was left."""


def figure(what: str, connections: int, result: Result) -> Figure:
    """One round out of what its generators measured."""
    refused = sum(result.refused.values())
    return Figure(
        what=what,
        connections=connections,
        rate=result.rate * (1 - refused / result.requests) if result.requests else 0.0,
        p50=result.p50,
        p99=result.p99,
        longest=result.longest,
        requests=result.requests,
        refused={_status(status): count for status, count in sorted(result.refused.items())},
        client_busy=result.busy,
    )


def _status(status: int) -> str:
    return "broken" if status == BROKEN else str(status)


def remarks(figures: Sequence[Figure], *, url: str, visibility: str, processes: int) -> Iterator[str]:
    """What the figures do not say by themselves."""
    if _is_here(url):
        yield "Client and server share this machine: the client takes from the server what it needs itself."
    busy = [each for each in figures if each.client_busy >= CLIENT_IS_BUSY]
    if busy:
        named = ", ".join(f"{each.what} at {each.connections}" for each in busy)
        more = f"take more than {processes} with --processes" if processes < 8 else "take several machines"
        yield f"The client was the limit, not the server, for {named}: {more}."
    total = sum(each.requests for each in figures)
    refused = _added(each.refused for each in figures)
    if refused:
        told = ", ".join(f"{count} × {status}" for status, count in sorted(refused.items()))
        yield f"Of {total} requests some were not answered as they should be: {told}. Rates are without them."
    if visibility == "journal":
        yield "Writes were answered on the journal alone: no projector was waited for, and no replica."
    elif visibility == "projected":
        yield "Writes were answered once they were projected, and waited for no replica."


def _added(counts: Iterator[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for each in counts:
        for status, count in each.items():
            sums[status] = sums.get(status, 0) + count
    return sums


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def table(figures: Sequence[Figure]) -> Table:
    """As a person reads it."""
    made = Table(header_style="bold")
    made.add_column("what", no_wrap=True)
    for name in ("at", "1/s", "p50 ms", "p99 ms", "max ms", "client"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("refused")
    before = 0
    for each in figures:
        if before and each.connections != before:
            made.add_section()
        before = each.connections
        made.add_row(
            each.what,
            str(each.connections),
            f"{each.rate:,.0f}".replace(",", " "),
            *(f"{time:.2f}" if time < 100 else f"{time:.0f}" for time in (each.p50, each.p99, each.longest)),
            f"{each.client_busy:.0%}",
            ", ".join(f"{count} × {status}" for status, count in each.refused.items()),
            style="red" if each.refused else None,
        )
    return made
