"""The MQTT broker: how it is reached, and whether it answers."""

import asyncio
import sys
from secrets import token_hex

import aiomqtt
from msgspec import Struct

from titan.errors import Unavailable

IN_FLIGHT = 64
"""Messages on the way that the broker has not acknowledged; mosquitto takes no more than 20 to 100 at once."""
KEEPALIVE_S = 15
"""A broker that is silent for longer is taken for lost."""
ANSWER_S = 10.0
"""How long the broker has to accept or end a session."""
ACKNOWLEDGED_S = 60.0
"""How long it has for a message, those before it included: a broker that is slow must not be taken for one that is
gone, or the same batch is repeated for ever."""

# MQTT 3.1.1: no flags but a clean session, 10 s, an empty name.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
_ACCEPTED = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"


class Broker(Struct, frozen=True, kw_only=True):
    """Where a broker listens for MQTT 3.1.1."""

    host: str
    port: int = 1883

    def client(self) -> aiomqtt.Client:
        """A client for one session that leaves nothing behind: what was missed is known to the bookmark alone."""
        client = aiomqtt.Client(
            self.host,
            self.port,
            # A name of its own each time: under a fixed one, two installations would throw each other out.
            identifier=f"titan-bridge-{token_hex(5)}",
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            timeout=ANSWER_S,
            keepalive=KEEPALIVE_S,
            max_inflight_messages=IN_FLIGHT,
        )
        client.pending_calls_threshold = sys.maxsize  # it warns of what is meant: many messages on the way
        return client


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
