"""Whether the MQTT broker answers."""

import asyncio

from titan.errors import Unavailable

# MQTT 3.1.1: no flags but a clean session, 10 s, an empty name.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
_ACCEPTED = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"


async def probe(host: str, port: int, *, timeout_s: float = 1.0) -> None:
    """See that the broker accepts MQTT connections: one handshake, nothing published.

    Raises:
        Unavailable: where it does not within `timeout_s`.
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_CONNECT)
                answer = await reader.readexactly(len(_ACCEPTED))
                writer.write(_DISCONNECT)
                await writer.drain()
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise Unavailable("The MQTT broker is away.") from error
    if answer != _ACCEPTED:
        raise Unavailable("The MQTT broker refuses connections.")
