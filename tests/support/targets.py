"""Somebody who carries operations out, by delegation: well, slowly, badly or not at all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from support.answering import answer
from support.asking import Plain

HUGE_BYTES = 5 << 20


class Targets:
    """What the server at `url` was asked, and when those who wait for `/slow` get their answer."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, Any]] = []
        self.reached = asyncio.Event()
        """Somebody waits for `/slow`."""
        self.released = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            path = head.split(" ")[1]
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = msgspec.json.decode(await reader.readexactly(length))
            self.asked.append((path, body))
            if path == "/slow":
                self.reached.set()
                await self.released.wait()
            writer.write(said(path, body))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def said(path: str, body: list[Plain]) -> bytes:
    """The whole answer; nothing for a path that hangs up."""
    match path:
        case "/echo" | "/slow":
            return answer("200 OK", msgspec.json.encode([*body[1:], took("0.10")]))
        case "/silent":
            return answer("204 No Content")
        case "/broken":
            return answer("500 Internal Server Error", b"a stack trace")
        case "/redirect":
            return answer("307 Temporary Redirect", location="/echo")
        case "/huge":
            return answer("200 OK", b" " * HUGE_BYTES)
        case "/zipped":
            return answer("200 OK", b"....", content_encoding="gzip")
        case "/text":
            return answer("200 OK", b"done")
        case "/wrong":
            return answer("200 OK", msgspec.json.encode([took("soon"), took("1")]))
        case _:
            return b""


def took(value: str) -> Plain:
    return {"value": {"modelType": "Property", "idShort": "took", "valueType": "xs:double", "value": value}}


def argument(id_short: str, value: str | None = None) -> Plain:
    plain = {"modelType": "Property", "idShort": id_short, "valueType": "xs:int"}
    return {"value": plain if value is None else plain | {"value": value}}


def operation(id_short: str, url: str | None) -> Plain:
    delegated = [{"type": "invocationDelegation", "valueType": "xs:string", "value": url}]
    return {
        "modelType": "Operation",
        "idShort": id_short,
        "inputVariables": [argument("depth")],
        "inoutputVariables": [argument("wear")],
        "outputVariables": [{"value": {"modelType": "Property", "idShort": "took", "valueType": "xs:double"}}],
    } | ({"qualifiers": delegated} if url else {})


REQUEST = {"inputArguments": [argument("depth", "5")], "inoutputArguments": [argument("wear", "7")]}
VALUES = {"inputArguments": {"depth": 5}, "inoutputArguments": {"wear": 7}}
"""What an operation is asked with, in both forms."""


@asynccontextmanager
async def serving() -> AsyncGenerator[Targets]:
    """Targets on 127.0.0.1, as long as the context is."""
    targets = Targets()
    server = await asyncio.start_server(targets.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    targets.url = f"http://{host}:{port}"
    try:
        yield targets
    finally:
        targets.released.set()
        server.close()
