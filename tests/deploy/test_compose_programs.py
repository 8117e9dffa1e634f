"""What compose/ tells Caddy, Valkey and Mosquitto, told to these programs themselves, without Docker.

Names, ports and places of secrets are put in the place of a container's; the rest is as it is rendered.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from paho.mqtt import MQTTException
from paho.mqtt.publish import single as publish
from redis.exceptions import AuthenticationError

from support.answering import Answer, Asked, answer, answering
from support.composed import COMPOSE, environ, everything
from support.naming import Names, naming
from titan.dev import caddy, valkey
from titan.dev.processes import Command, Process, answers, free_port
from titan.storage.redis import connect_blocking

linux = pytest.mark.skipif(sys.platform != "linux", reason="every address of 127.0.0.0/8 is this machine")


@pytest.mark.parametrize("told", [environ(everything()["gateway"]), {}], ids=["as in compose", "as it is"])
def test_caddy_takes_the_caddyfile(told: dict[str, str], tmp_path: Path) -> None:
    program = caddy.find_program(search_path=os.environ["PATH"])
    done = subprocess.run(
        [program, "validate", "--config", COMPOSE / "Caddyfile", "--adapter", "caddyfile"],
        env={**told, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "not formatted" not in done.stderr


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def gateway(directory: Path, names: Names, *, port_behind: int) -> AsyncGenerator[str]:
    """URL of the gateway of compose, which asks another server for the addresses of the same names."""
    told = environ(everything()["gateway"])
    here = {
        name: told[name].replace("port 8080", f"port {port_behind}\n  resolvers 127.0.0.1:{names.port}")
        for name in ("TITAN_READ", "TITAN_WRITE")
    }
    assert all(str(port_behind) in block for block in here.values())
    async with caddy_told(directory, here) as url:
        yield url


@asynccontextmanager
async def gateway_to(directory: Path, serve: Serve, addresses: list[str]) -> AsyncGenerator[str]:
    """URL of the gateway of compose, which finds `write` at these addresses; at the last of them one answers."""
    server = await asyncio.start_server(serve, addresses[-1], 0)
    port = server.sockets[0].getsockname()[1]
    async with server, naming() as names, gateway(directory, names, port_behind=port) as url:
        names.addresses = {"write": addresses}
        yield url


@asynccontextmanager
async def caddy_told(directory: Path, here: Mapping[str, str]) -> AsyncGenerator[str]:
    """URL of Caddy with our Caddyfile, told where the tiers are."""
    port = free_port()
    program = caddy.find_program(search_path=os.environ["PATH"])
    command = caddy.command(program, directory / "caddy", host="127.0.0.1", port=port, read=(), write=())
    process = Process(replace(command, environ={**command.environ, **here}))
    process.launch()
    try:
        process.wait_until(lambda: answers("127.0.0.1", port), timeout_s=20)
        yield f"http://127.0.0.1:{port}"
    finally:
        await asyncio.to_thread(process.stop)


def saying(name: str) -> Callable[[Asked], Answer]:
    return lambda _: answer("200 OK", name.encode())


async def heard(client: httpx.AsyncClient, url: str) -> set[str]:
    """Who answers a dozen questions; all of them are answered."""
    answered = [await client.get(f"{url}/shells") for _ in range(12)]
    assert {one.status_code for one in answered} == {200}
    return {one.text for one in answered}


async def until(client: httpx.AsyncClient, url: str, wanted: set[str]) -> None:
    async with asyncio.timeout(30):
        while await heard(client, url) != wanted:
            pass


@linux
async def test_replicas_that_are_added_are_asked_and_those_taken_away_are_missed_by_nobody(tmp_path: Path) -> None:
    port = free_port()
    async with (
        naming() as names,
        answering(saying("one"), host="127.0.0.2", port=port),
        gateway(tmp_path, names, port_behind=port) as url,
        httpx.AsyncClient() as client,
    ):
        names.addresses = {"read": ["127.0.0.2"]}
        assert await heard(client, url) == {"one"}
        async with answering(saying("two"), host="127.0.0.3", port=port):
            names.addresses["read"] = ["127.0.0.2", "127.0.0.3"]
            await until(client, url, {"one", "two"})
        # It is gone, and its address is known for a moment yet.
        assert await heard(client, url) == {"one"}
        names.addresses["read"] = ["127.0.0.2"]
        assert await heard(client, url) == {"one"}


@linux
async def test_a_writer_that_is_started_anew_elsewhere_is_found_while_clients_wait(tmp_path: Path) -> None:
    port = free_port()
    async with (
        naming() as names,
        answering(saying("new"), host="127.0.0.5", port=port),
        gateway(tmp_path, names, port_behind=port) as url,
        httpx.AsyncClient(timeout=20) as client,
        asyncio.TaskGroup() as group,
    ):
        names.addresses = {"write": ["127.0.0.4"]}
        waiting = group.create_task(client.post(f"{url}/shells", content=b"{}"))
        await names.asked.wait()
        names.addresses["write"] = ["127.0.0.5"]
        assert (await waiting).text == "new"


class Writer:
    """A writer that counts what it was sent, and holds what is sent to `/held` back."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.holds = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
                self.sent.append(path := head.split(" ")[1])
                if path == "/held":
                    self.holds.set()
                    await self.may_go_on.wait()
                writer.write(answer("201 Created"))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@linux
async def test_while_a_writer_is_gone_every_write_reaches_the_other_at_once_and_once_only(tmp_path: Path) -> None:
    """Whom the gateway prefers must not be the one that has least to do since it is gone."""
    writer = Writer()
    async with (
        gateway_to(tmp_path, writer.serve, ["127.0.0.4", "127.0.0.5"]) as url,
        httpx.AsyncClient(timeout=20) as client,
        asyncio.TaskGroup() as group,
    ):
        held = group.create_task(client.post(f"{url}/held", content=b"{}"))
        await asyncio.wait_for(writer.holds.wait(), 20)
        for number in range(20):
            assert (await client.post(f"{url}/{number}", content=b"{}")).status_code == 201
        writer.may_go_on.set()
        assert (await held).status_code == 201
        assert writer.sent == ["/held", *(f"/{number}" for number in range(20))]


@linux
async def test_a_write_that_comes_while_no_writer_is_there_reaches_the_first_that_is(tmp_path: Path) -> None:
    port = free_port()
    writer = Writer()
    async with (
        naming() as names,
        gateway(tmp_path, names, port_behind=port) as url,
        httpx.AsyncClient(timeout=20) as client,
        asyncio.TaskGroup() as group,
    ):
        names.addresses = {"write": ["127.0.0.4", "127.0.0.5"]}
        waiting = [group.create_task(client.post(f"{url}/{number}", content=b"{}")) for number in range(5)]
        await names.asked.wait()
        # The gateway has tried for a second when it asks for the names anew.
        names.asked.clear()
        await asyncio.wait_for(names.asked.wait(), 20)
        async with await asyncio.start_server(writer.serve, "127.0.0.5", port):
            assert {(await one).status_code for one in waiting} == {201}
    assert sorted(writer.sent) == [f"/{number}" for number in range(5)]


@linux
async def test_who_breaks_an_upload_off_keeps_nobody_else_from_writing(tmp_path: Path) -> None:
    writer = Writer()
    async with (
        gateway_to(tmp_path, writer.serve, ["127.0.0.5"]) as url,
        httpx.AsyncClient(timeout=20) as client,
    ):
        waited = 0.0
        for number in range(5):
            _, sending = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            sending.write(b"PUT /broken HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
            await sending.drain()
            sending.close()
            await sending.wait_closed()
            answered = await client.post(f"{url}/{number}", content=b"{}")
            assert answered.status_code == 201
            waited += answered.elapsed.total_seconds()
    # A gateway that passes the writer over for what a client did makes each of these wait for 2 s.
    assert waited < 5
    assert writer.sent == [f"/{number}" for number in range(5)]


NOBODY = pytest.mark.parametrize("there", [["127.0.0.9"], []], ids=["nobody listens", "there is no such name"])


@linux
@NOBODY
async def test_where_no_writer_answers_the_gateway_says_so_as_the_standard_wants_it(
    tmp_path: Path, there: list[str]
) -> None:
    async with naming() as names, httpx.AsyncClient(timeout=30) as client:
        names.addresses = {"write": there}
        async with gateway(tmp_path, names, port_behind=free_port()) as url:
            answered = await client.post(f"{url}/shells", content=b"{}")
    assert answered.status_code == 503
    assert answered.headers["retry-after"] == "1"
    assert answered.headers["content-type"] == "application/json"
    [message] = msgspec.json.decode(answered.content)["messages"]
    assert message["messageType"] == "Error"


@linux
@NOBODY
async def test_where_no_reader_answers_the_gateway_says_when_to_ask_again(tmp_path: Path, there: list[str]) -> None:
    async with naming() as names, httpx.AsyncClient(timeout=30) as client:
        names.addresses = {"read": there}
        async with gateway(tmp_path, names, port_behind=free_port()) as url:
            answered = await client.get(f"{url}/shells")
    assert answered.status_code in {502, 503}
    assert answered.headers["retry-after"] == "1"


async def test_a_reader_that_is_not_ready_is_asked_where_there_is_no_other(tmp_path: Path) -> None:
    """It says what is wrong, or serves what it can prove to be fresh; when to ask again is said once."""

    def script(asked: Asked) -> Answer:
        served = asked.path == "/shells/fresh"
        return answer("200 OK" if served else "503 Service Unavailable", asked.path.encode(), retry_after="7")

    async with (
        answering(script) as reader,
        caddy_told(tmp_path, dict.fromkeys(("TITAN_READ", "TITAN_WRITE"), f"to {reader[7:]}")) as url,
        httpx.AsyncClient(timeout=30) as client,
    ):
        async with asyncio.timeout(20):
            # The gateway takes it for ready until it has asked.
            while (answered := await client.get(f"{url}/shells")).headers["retry-after"] != "1":
                pass
        assert (answered.status_code, answered.text) == (503, "/shells")
        assert (await client.get(f"{url}/shells/fresh")).status_code == 200


PIECE = b"x" * (256 << 10)


class Halves:
    """A server that hears and says everything in two pieces, and waits for the other side in between."""

    def __init__(self) -> None:
        self.has_heard = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(PIECE))
        self.has_heard.set()
        await reader.readexactly(len(PIECE))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (2 * len(PIECE)) + PIECE)
        await writer.drain()
        await self.may_go_on.wait()
        writer.write(PIECE)
        await writer.drain()
        writer.close()

    async def body(self) -> AsyncGenerator[bytes]:
        yield PIECE
        await asyncio.wait_for(self.has_heard.wait(), 20)
        yield PIECE


@linux
async def test_a_large_body_passes_while_it_is_still_being_sent(tmp_path: Path) -> None:
    """Both ways: what the gateway held back until it is whole would have to fit into its memory."""
    halves = Halves()
    async with (
        gateway_to(tmp_path, halves.serve, ["127.0.0.2"]) as url,
        httpx.AsyncClient(timeout=30) as client,
    ):
        length = {"content-length": str(2 * len(PIECE))}
        async with client.stream("PUT", f"{url}/shells/x", content=halves.body(), headers=length) as answered:
            pieces = answered.aiter_raw()
            first = await anext(pieces)
            halves.may_go_on.set()
            assert len(first) + sum([len(piece) async for piece in pieces]) == 2 * len(PIECE)


def moved(text: str, here: Mapping[str, str]) -> str:
    """A script with places of this machine in it."""
    for there, local in here.items():
        assert there in text, there
        text = text.replace(there, local)
    return text.replace("$$", "$")


def started(name: str, script: str, log: Path) -> Process:
    process = Process(Command(name=name, argv=("/bin/sh", "-ec", script), environ={}, log=log))
    process.launch()
    return process


def test_redis_starts_and_wants_its_password(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a-secret_of-ours")
    port = free_port()
    program = valkey.find_program(search_path=os.environ["PATH"])
    here = {
        "/run/secrets/redis_password": str(secret),
        "dir /tmp": f"dir {tmp_path}",
        "valkey-server": str(program),
        "bind * -::*": f"bind 127.0.0.1\nport {port}",
    }
    process = started("redis", moved(everything()["redis"]["command"][-1], here), tmp_path / "log")
    try:
        process.wait_until(lambda: answers("127.0.0.1", port), timeout_s=20)
        with connect_blocking(f"redis://:{secret.read_text()}@127.0.0.1:{port}") as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("maxmemory") == {"maxmemory": str(768 << 20)}
        with connect_blocking(f"redis://127.0.0.1:{port}") as client, pytest.raises(AuthenticationError):
            client.ping()
    finally:
        process.stop()


@pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="needs mosquitto")
def test_mosquitto_starts_and_wants_its_password(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a-secret_of-ours")
    port, websockets = free_port(), free_port()
    # Run by root it would become another user, who may not read a test's files.
    (tmp_path / "mosquitto.conf").write_text(
        moved(
            (COMPOSE / "mosquitto/mosquitto.conf").read_text() + "user root\n",
            {
                "listener 1883": f"listener {port} 127.0.0.1",
                "listener 9001": f"listener {websockets} 127.0.0.1",
                "/mosquitto/auth": str(tmp_path),
            },
        )
    )
    here = {
        "/run/secrets/mqtt_password": str(secret),
        "/mosquitto/auth": str(tmp_path),
        "/mosquitto/config": str(tmp_path),
        "exec mosquitto": f"exec {shutil.which('mosquitto')}",
    }
    process = started("mosquitto", moved(everything()["mosquitto"]["command"][-1], here), tmp_path / "log")
    try:
        process.wait_until(lambda: answers("127.0.0.1", port) and answers("127.0.0.1", websockets), timeout_s=20)
        assert secret.read_text() not in (tmp_path / "accounts").read_text()
        publish("test", hostname="127.0.0.1", port=port, auth={"username": "titan", "password": secret.read_text()})
        with pytest.raises(MQTTException, match="Not authorized"):
            publish("test", hostname="127.0.0.1", port=port)
    finally:
        process.stop()
