"""A session with the MQTT broker."""

import asyncio
import sys
from secrets import token_hex

import aiomqtt

from titan.storage.mqtt import Broker

IN_FLIGHT = 64
"""Messages on the way that the broker has not acknowledged; mosquitto takes no more than 20 to 100 at once."""
KEEPALIVE_S = 15
"""A broker that is silent for longer is taken for lost."""
ANSWER_S = 10.0
"""How long the broker has to accept or end a session."""
ACKNOWLEDGED_S = 60.0
"""How long it has for a message, those before it included: a broker that is slow must not be taken for one that is
gone, or the same batch is repeated for ever."""


async def session(broker: Broker) -> aiomqtt.Client:
    """A client for one session that leaves nothing behind: what was missed is known to the bookmark alone.

    Raises:
        Unavailable: where the secrets for it cannot be read.
    """
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password.read() if broker.password else None,
        tls_context=await asyncio.to_thread(broker.context),
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
