"""The MQTT broker: where it is, how one gets in, and whether it answers."""

import asyncio
import ssl
from typing import Self

from msgspec import Struct

from titan.addresses import Secret
from titan.config import Settings
from titan.errors import Unavailable

# Of MQTT 3.1.1.
_PROTOCOL = b"\x00\x04MQTT\x04"
_CLEAN, _WITH_PASSWORD, _WITH_USERNAME = 0x02, 0x40, 0x80
_KEEPALIVE_S = b"\x00\x0a"
_NO_NAME = b"\x00\x00"
_ANSWERED = b"\x20\x02"
_REFUSALS = {4, 5}
_DISCONNECT = b"\xe0\x00"


class Broker(Struct, frozen=True, kw_only=True):
    """Where a broker listens for MQTT 3.1.1, and as whom we come."""

    host: str
    port: int = 1883
    username: str | None = None
    password: Secret | None = None
    tls: bool = False
    ca_file: str | None = None
    """Certificates that vouch for the broker's; those of the machine where there is none."""
    cert_file: str | None = None
    key_file: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The broker that the settings name."""
        return cls(
            host=settings.mqtt_broker,
            port=settings.mqtt_port,
            username=settings.mqtt_username,
            password=settings.mqtt_password,
            tls=settings.mqtt_tls,
            ca_file=settings.mqtt_ca_file,
            cert_file=settings.mqtt_cert_file,
            key_file=settings.mqtt_key_file,
        )

    def context(self) -> ssl.SSLContext | None:
        """What TLS takes, from what the files hold now; None where there is none. Reads files: in a thread, please.

        Raises:
            Unavailable: where a file cannot be read.
        """
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:
            message = f"MQTT_CA_FILE, MQTT_CERT_FILE or MQTT_KEY_FILE cannot be used: {error.strerror or error}."
            raise Unavailable(message, is_refusal=True) from error
        return context


async def probe(broker: Broker, *, timeout_s: float = 1.0) -> None:
    """See that the broker accepts MQTT connections: one handshake, nothing published.

    Raises:
        Unavailable: where it does not within `timeout_s`.
    """
    hello = _hello(broker)
    try:
        async with asyncio.timeout(timeout_s):
            context = await asyncio.to_thread(broker.context)
            reader, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
            try:
                writer.write(hello)
                answer = await reader.readexactly(4)
                writer.write(_DISCONNECT)
                await writer.drain()
            finally:
                writer.close()
    except ssl.SSLError as error:
        raise Unavailable(f"There is no TLS with the MQTT broker: {error.reason or error}.") from error
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise Unavailable("The MQTT broker is away.") from error
    if answer[:2] != _ANSWERED or answer[3]:
        is_refusal = answer[3] in _REFUSALS
        message = (
            "The MQTT broker refuses our credentials: see MQTT_USERNAME and MQTT_PASSWORD."
            if is_refusal
            else "The MQTT broker refuses connections."
        )
        raise Unavailable(message, is_refusal=is_refusal)


def _hello(broker: Broker) -> bytes:
    flags, rest = _CLEAN, b""
    if broker.username:
        flags |= _WITH_USERNAME
        rest += _counted(broker.username)
    if broker.username and broker.password:
        flags |= _WITH_PASSWORD
        rest += _counted(broker.password.read())
    body = _PROTOCOL + bytes([flags]) + _KEEPALIVE_S + _NO_NAME + rest
    return b"\x10" + _length(len(body)) + body


def _counted(text: str) -> bytes:
    told = text.encode()
    return len(told).to_bytes(2, "big") + told


def _length(size: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    told = bytearray()
    while size > 0x7F:
        told.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*told, size))
