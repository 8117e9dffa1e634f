"""A server of names, as Docker has one in each network: a service's name has the address of each of its containers."""

import asyncio
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_A = 1
_FLAGS_FOUND = 0x8180
_FLAGS_NO_SUCH_NAME = 0x8183


class Names(asyncio.DatagramProtocol):
    """Says which addresses names have now; a test changes them as it likes."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.port = 0
        self.asked = asyncio.Event()
        """Somebody has asked."""
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport
        self.asked.set()
        self._transport.sendto(self._answer(data), addr)

    def _answer(self, asked: bytes) -> bytes:
        labels: list[str] = []
        at = 12
        while size := asked[at]:
            labels.append(asked[at + 1 : at + 1 + size].decode())
            at += size + 1
        question = asked[12 : at + 5]
        (kind,) = struct.unpack(">H", asked[at + 1 : at + 3])
        known = self.addresses.get(".".join(labels), [])
        found = known if kind == _A else []
        flags = _FLAGS_FOUND if known else _FLAGS_NO_SUCH_NAME
        records = b"".join(
            # A pointer to the name in the question; kind, class, life, size, address.
            struct.pack(">HHHIH", 0xC00C, _A, 1, 0, 4) + bytes(map(int, address.split(".")))
            for address in found
        )
        return asked[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0) + question + records


@asynccontextmanager
async def naming() -> AsyncGenerator[Names]:
    """A server of names on 127.0.0.1, that knows none at first."""
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    names.port = transport.get_extra_info("sockname")[1]
    try:
        yield names
    finally:
        transport.close()
