"""Clients that do not read, do not finish, or say nothing: the others do not feel them, and memory stays bounded."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.conftest import Start
from support.asking import document, path_of, prop, put
from support.processes import Titan
from support.trees import below
from titan.metamodel.kinds import SUBMODEL

Names = Callable[[], str]

CROWD = 150
LARGE_BYTES = 3 << 20


@pytest.fixture(scope="module")
def run(start: Start) -> Iterator[Titan]:
    """A Titan of its own: whoever is slow here would be slow for other tests."""
    with start() as run:
        yield run


def resident_mb(run: Titan) -> float:
    """Of the largest of its processes."""
    pids = (run.child.pid, *below(run.child.pid))
    fields = [Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0] for pid in pids]
    return max(int(field) for field in fields) / 1024


def crowd(run: Titan, stack: ExitStack, said: bytes) -> None:
    """Connections that say something and then do nothing more, not even read."""
    where = urlsplit(run.url)
    for _ in range(CROWD):
        line = stack.enter_context(socket.create_connection((where.hostname or "", where.port or 0)))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(said)


def others_are_served(client: httpx.Client, id: str) -> None:
    """A write and a read, in less time than any of those slow ones takes."""
    plain = document(SUBMODEL, id, submodelElements=[prop("Speed")])
    for number in range(20):
        put(client, SUBMODEL, plain | {"idShort": f"turn{number}"})
        assert client.get(path_of(SUBMODEL, id)).json()["idShort"] == f"turn{number}"


@pytest.fixture
def client(run: Titan) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=run.url, timeout=10) as client:
        yield client


def test_who_does_not_read_a_large_answer_holds_nobody_up(run: Titan, client: httpx.Client, names: Names) -> None:
    large = document(
        SUBMODEL, names(), submodelElements=[prop(f"Prop{n}", "x" * 1000) for n in range(LARGE_BYTES // 1100)]
    )
    put(client, SUBMODEL, large)
    path = path_of(SUBMODEL, large["id"])
    size = len(client.get(path).content)
    before_mb = resident_mb(run)
    with ExitStack() as stack:
        crowd(run, stack, f"GET {path} HTTP/1.1\r\nhost: x\r\naccept-encoding: identity\r\n\r\n".encode())
        others_are_served(client, names())
        grown_mb = resident_mb(run) - before_mb
    print(f"{CROWD} unread answers of {size >> 10} KB: {grown_mb:.0f} MB")
    # All of them show the one copy that is kept, but for what is on its way in each.
    assert grown_mb < CROWD * size / 3 / 2**20


@pytest.mark.parametrize(
    "said",
    [
        b"POST /submodels HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{",
        b"GET /submodels HTTP/1.1\r\nhos",
        b"",
    ],
    ids=["half a body", "half a head", "nothing"],
)
def test_who_does_not_finish_a_request_holds_nobody_up(
    run: Titan, client: httpx.Client, names: Names, said: bytes
) -> None:
    with ExitStack() as stack:
        crowd(run, stack, said)
        others_are_served(client, names())


def test_a_list_that_nobody_reads_on_holds_no_connection_of_the_database(
    run: Titan, client: httpx.Client, names: Names
) -> None:
    for _ in range(4):
        put(
            client,
            SUBMODEL,
            document(SUBMODEL, names(), submodelElements=[prop(f"Prop{n}", "x" * 1000) for n in range(2000)]),
        )
    with ExitStack() as stack:
        crowd(run, stack, b"GET /submodels?limit=1000 HTTP/1.1\r\nhost: x\r\naccept-encoding: identity\r\n\r\n")
        others_are_served(client, names())
        assert client.get("/health/ready").status_code == 200
