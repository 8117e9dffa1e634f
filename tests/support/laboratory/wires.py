"""Wires between the processes and their stores, each of which can be cut, slowed down or kept silent by itself.

They run in a process of their own, so that what passes them does not wait for the clients of the laboratory:
`python -m support.laboratory.wires` is told its wires on standard input, a line of JSON, and then what to do with
which. It ends with its input.
"""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import msgspec
import uvloop
from msgspec import Struct

from support.gate import Gate, gate

Act = Literal["open", "cut", "hush", "hold answers", "delay", "ask"]

TESTS = Path(__file__).resolve().parents[2]
"""What has to be on the path of a process that is started as one of our modules."""


class Wire(Struct, frozen=True):
    """A way to a server."""

    name: str
    host: str
    port: int


class _Order(Struct, frozen=True):
    name: str
    act: Act
    seconds: float = 0.0


class Wires:
    """The wires, seen from the laboratory."""

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "support.laboratory.wires"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(TESTS)},
        )
        self._lock = threading.Lock()
        ports = msgspec.json.decode(self._told(msgspec.json.encode(wires)), type=list[int])
        self._ports = dict(zip((wire.name for wire in wires), ports, strict=True))

    def port(self, name: str) -> int:
        """Where to connect instead of where the wire leads."""
        return self._ports[name]

    def do(self, name: str, act: Act, *, seconds: float = 0.0) -> int:
        """Treat a wire so from now on, until it is opened again; gives how many pieces it keeps back now."""
        return int(self._told(msgspec.json.encode(_Order(name, act, seconds))))

    def open_all(self) -> None:
        for name in self._ports:
            self.do(name, "open")

    def close(self) -> None:
        """End the wires and their process."""
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                stream.close()

    def _told(self, line: bytes) -> bytes:
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            stdin.write(line + b"\n")
            stdin.flush()
            answer = stdout.readline()
        assert answer, "the process of the wires has ended"
        return answer


def _carry_out(wire: Gate, order: _Order) -> None:
    match order.act:
        case "open":
            wire.open()
        case "cut":
            wire.cut()
        case "hush":
            wire.hush()
        case "hold answers":
            wire.hold_answers()
        case "delay":
            wire.delay(order.seconds)
        case "ask":
            pass


async def _main() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    wires = msgspec.json.decode(await reader.readline(), type=list[Wire])
    async with AsyncExitStack() as stack:
        gates = {wire.name: await stack.enter_async_context(gate(wire.host, wire.port)) for wire in wires}
        _say(msgspec.json.encode([gates[wire.name].port for wire in wires]))
        while line := await reader.readline():
            order = msgspec.json.decode(line, type=_Order)
            _carry_out(gates[order.name], order)
            _say(b"%d" % gates[order.name].held)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_main())
