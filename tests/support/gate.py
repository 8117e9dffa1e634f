"""A gate in front of a server: a test opens it, shuts it, breaks what goes through, slows it, or keeps it silent."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Gate:
    """Takes connections on a port of its own and passes bytes on, both ways, as long as it is open."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._open = asyncio.Event()
        self._questions = asyncio.Event()
        self._answers = asyncio.Event()
        self._refuses = False
        self._delay_s = 0.0
        self._open.set()
        self._questions.set()
        self._answers.set()
        self._left_bytes: int | None = None
        self._broken = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        """Where to connect instead."""
        self.held = 0
        """How many pieces are kept back now."""

    def open(self) -> None:
        """Pass everything on again, at once, those who waited first."""
        self._refuses = False
        self._delay_s = 0.0
        self._open.set()
        self._questions.set()
        self._answers.set()

    def shut(self) -> None:
        """Break what goes through; who connects from now on waits."""
        self._open.clear()
        for writer in tuple(self._writers):
            writer.transport.abort()

    def cut(self) -> None:
        """Break what goes through; who connects from now on is turned away."""
        self._refuses = True
        for writer in tuple(self._writers):
            writer.transport.abort()

    def hush(self) -> None:
        """Keep back whatever either side says. It arrives later, even from whoever has hung up meanwhile."""
        self._questions.clear()
        self._answers.clear()

    def delay(self, seconds: float) -> None:
        """Take so long with every piece, either way."""
        self._delay_s = seconds

    def break_after(self, size_bytes: int) -> None:
        """Break the connection, once, when so many bytes more went to the server."""
        self._left_bytes = size_bytes
        self._broken.clear()

    async def broken(self) -> None:
        """Wait until that happened."""
        await self._broken.wait()

    def hold_answers(self) -> None:
        """Pass on what goes to the server, and keep from the client what the server says to that."""
        self._answers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side ends it."""
        if self._refuses:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            await self._open.wait()
            behind, ahead = await asyncio.open_connection(*self._behind)
            self._writers.add(ahead)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask(reader, ahead))
                group.create_task(self._answer(behind, writer))
        # The second is uvloop's word for a connection that was broken while we waited.
        except* (OSError, RuntimeError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if self._left_bytes is not None and len(data) >= self._left_bytes:
                    writer.write(data[: self._left_bytes])
                    self._left_bytes = None
                    self._broken.set()
                    return
                if self._left_bytes is not None:
                    self._left_bytes -= len(data)
                await self._hold(self._questions)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._hold(self._answers)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def _hold(self, may_pass: asyncio.Event) -> None:
        if self._delay_s:
            await asyncio.sleep(self._delay_s)  # noqa: TID251 - being slow is what is asked for
        if not may_pass.is_set():
            self.held += 1
            try:
                await may_pass.wait()
            finally:
                self.held -= 1


@asynccontextmanager
async def gate(host: str, port: int) -> AsyncGenerator[Gate]:
    """A gate on 127.0.0.1 that is there as long as the context is."""
    passing = Gate(host, port)
    server = await asyncio.start_server(passing.serve, "127.0.0.1", 0)
    passing.port = server.sockets[0].getsockname()[1]
    try:
        yield passing
    finally:
        server.close()
        passing.shut()
        passing.open()
