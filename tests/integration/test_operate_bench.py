"""`titan bench`: it measures a server that runs, and leaves nothing behind."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from support.answering import Asked, answer, answering
from support.processes import Titan, titan
from support.waiting import eventually
from titan.dev.processes import free_port
from titan.operate.figures import Report
from titan.operate.loading import BROKEN, Plan, Run

BENCH = [sys.executable, "-m", "titan.main", "bench"]


@pytest.fixture
def run(database_url: str, redis_url: str, mqtt_broker: tuple[str, int], tmp_path: Path) -> Iterator[Titan]:
    environ = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MQTT_BROKER": mqtt_broker[0],
        "MQTT_PORT": str(mqtt_broker[1]),
    }
    with titan(tmp_path, free_port(), "together", environ=environ) as run:
        yield run


def documents(run: Titan) -> list[object]:
    return httpx.get(f"{run.url}/submodels").json()["result"]


async def told(url: str, *words: str) -> tuple[int, str]:
    """Exit status, and what it said."""
    done = await asyncio.to_thread(
        subprocess.run, [*BENCH, "--url", url, *words], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


async def test_every_kind_of_request_is_measured_and_nothing_is_left(run: Titan, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    words = ("--duration", "0.3", "--connections", "1", "8", "--documents", "20", "--processes", "2")
    status, said = await told(run.url, *words, "--json", str(figures))
    assert status == 0, said
    report = msgspec.json.decode(figures.read_bytes(), type=Report)
    kinds = ["GET cold", "GET hot", "GET 304", "GET $value", "GET page of 100"]
    kinds += ["POST", "PUT", "PATCH $value", "mixed 8:1:1"]
    assert [(each.what, each.connections) for each in report.figures] == [
        (kind, connections) for connections in (1, 8) for kind in kinds
    ]
    assert all(each.requests > 0 and each.rate > 0 and not each.refused for each in report.figures)
    assert all(0 < each.p50 <= each.p99 <= each.longest * 1.01 for each in report.figures)
    assert report.visibility == "replicas"
    assert report.profiles
    assert report.left == ""
    assert all(kind in said for kind in kinds)
    assert documents(run) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_breaks_it_off_finds_the_documents_removed(run: Titan, number: signal.Signals) -> None:
    with subprocess.Popen(
        [*BENCH, "--url", run.url, "--duration", "60", "--mix", "write", "--documents", "20", "--connections", "4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        # More than are filled in: POST is under way.
        assert eventually(lambda: len(documents(run)) > 30, timeout_s=60)
        child.send_signal(number)
        said, _ = child.communicate(timeout=60)
    assert child.returncode == 1, said
    assert "It was broken off." in said
    assert "Not removed" not in said
    assert documents(run) == []


async def test_who_cannot_be_measured_is_told_why() -> None:
    status, said = await told(f"http://127.0.0.1:{free_port()}")
    assert (status, "Nobody answers" in said) == (2, True), said
    status, said = await told("ftp://127.0.0.1")
    assert (status, "is no address of HTTP" in said) == (2, True), said
    status, said = await told("http://127.0.0.1", "--size", "big")
    assert (status, "big is no size" in said) == (2, True), said


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        ("401 Unauthorized", "--header 'Authorization: Bearer"),
        ("403 Forbidden", "--header 'Authorization: Bearer"),
        ("405 Method Not Allowed", "It only reads"),
        ("503 Service Unavailable", "Nothing was measured"),
    ],
)
async def test_a_server_that_takes_no_document_is_left_alone(refusal: str, advice: str) -> None:
    asked: list[str] = []

    def script(one: Asked) -> bytes:
        asked.append(one.method)
        return answer("200 OK", b"{}") if one.method == "GET" else answer(refusal)

    async with answering(script) as url:
        status, said = await told(url, "--header", "authorization: Bearer x")
    assert status == 2
    assert refusal in said
    assert advice in said
    assert asked == ["GET", "PUT"]


async def test_documents_that_cannot_be_removed_are_told() -> None:
    def script(one: Asked) -> bytes:
        return answer("403 Forbidden") if one.method == "DELETE" else answer("201 Created", etag='"1"')

    async with answering(script) as url:
        status, said = await told(url, "--duration", "0.2", "--documents", "3", "--connections", "1", "--mix", "read")
    assert status == 1
    assert "Not removed: about 3 of 3 of the submodels are left whose identifiers begin with urn:titan-bench:" in said


async def loaded(plan: Plan) -> dict[int, int]:
    result = await asyncio.to_thread(Run(plan).run)
    assert result.requests == plan.numbers
    return result.refused


async def test_answers_in_chunks_are_read_to_their_end() -> None:
    body = b"5\r\nhello\r\n" + b"%x\r\n" % 175_000 + b"\r\n0\r\n\r\n" * 25_000 + b"\r\n0\r\n\r\n"
    whole = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body
    async with answering(lambda _: whole) as url:
        assert await loaded(Plan(url=f"{url}/", connections=2, warm_up_s=0, numbers=10, is_once=True)) == {}


async def test_a_connection_that_breaks_is_counted_and_another_goes_on() -> None:
    turns = iter(range(100))

    def script(_: Asked) -> bytes | None:
        return None if next(turns) % 5 == 4 else answer("200 OK", b"{}")

    async with answering(script) as url:
        refused = await loaded(Plan(url=f"{url}/", warm_up_s=0, numbers=20, is_once=True))
    assert refused == {BROKEN: 4}


async def test_a_connection_that_the_server_ends_politely_is_no_failure() -> None:
    async with answering(lambda _: answer("200 OK", b"{}", connection="close")) as url:
        assert await loaded(Plan(url=f"{url}/", connections=3, warm_up_s=0, numbers=20, is_once=True)) == {}


async def test_a_server_that_breaks_every_connection_is_given_up() -> None:
    async with answering(lambda _: None) as url:
        with pytest.raises(ConnectionError, match="one connection after the other"):
            await asyncio.to_thread(Run(Plan(url=f"{url}/", warm_up_s=0)).run)
