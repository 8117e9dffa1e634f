"""The command line of `titan bench`."""

import signal
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from titan.errors import Misconfigured
from titan.operate.measuring import bench as measure
from titan.operate.measuring import new_prefix
from titan.operate.rounds import PROCESSES_MOST, Mix, Terms, bytes_of


def bench(  # noqa: PLR0913 - a parameter is an option
    *,
    url: Annotated[str, Parameter(help="Where the API is: a gateway, or a server that reads and writes.")],
    duration: Annotated[float, Parameter(help="Seconds of every round.", validator=Number(gte=0.1, lte=3600))] = 10.0,
    connections: Annotated[
        tuple[int, ...],
        Parameter(
            help="How many ask at once, one round each.",
            negative=(),
            consume_multiple=True,
            validator=Number(gte=1, lte=4096),
        ),
    ] = (1, 16, 64),
    mix: Annotated[Mix, Parameter(help="What is measured.")] = "all",
    size: Annotated[str, Parameter(help="Of a document, as 5KB or 1MB.")] = "5KB",
    documents: Annotated[
        int, Parameter(help="How many are read and replaced.", validator=Number(gte=1, lte=1_000_000))
    ] = 1000,
    processes: Annotated[
        int, Parameter(help="Of the client, each on a core.", validator=Number(gte=1, lte=PROCESSES_MOST))
    ] = 1,
    header: Annotated[
        tuple[str, ...], Parameter(negative=(), help="Sent with every request, as 'Authorization: Bearer …'.")
    ] = (),
    json: Annotated[Path | None, Parameter(help="A file for the figures, as JSON; `-` for standard output.")] = None,
) -> int:
    """Measure how much the server at an address does.

    Submodels of its own are written there, read, replaced and removed again, at the end and on Ctrl-C. Not for a server
    at whose limit others work: it takes what it can get. The status is 1 where it was broken off or something is left.
    """
    try:
        terms = Terms(
            url=url.rstrip("/"),
            prefix=new_prefix(),
            headers=header,
            seconds=duration,
            connections=tuple(dict.fromkeys(connections)),
            mix=mix,
            size=bytes_of(size),
            documents=documents,
            processes=processes,
        )
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    # Whoever ends this politely finds the documents removed, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    is_piped = str(json) == "-"
    report, is_whole = measure(terms, console=Console(stderr=is_piped, emoji=False))
    if json is not None:
        written = msgspec.json.format(msgspec.json.encode(report), indent=1)
        if is_piped:
            print(written.decode())  # noqa: T201 - was asked for
        else:
            json.write_bytes(written + b"\n")
    return 0 if is_whole and not report.left else 1
