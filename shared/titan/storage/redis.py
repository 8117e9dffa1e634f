"""Connections to Redis, its names there, and what its errors mean to us."""

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import redis
import redis.asyncio
from msgspec import Struct
from redis.asyncio.connection import parse_url
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.retry import Retry

from titan.addresses import Address, current
from titan.errors import Unavailable


class Names(Struct, frozen=True):
    """What our keys are called. Scripts touch several at once: one Redis or one primary with replicas, no cluster."""

    prefix: str = "titan"
    stream: str = "titan:events"

    @property
    def generation(self) -> str:
        """Names the generation of finished documents; a new one empties the cache."""
        return f"{self.prefix}:generation"

    @property
    def projected(self) -> str:
        """Position up to which documents are projected."""
        return f"{self.prefix}:projected"

    @property
    def watermark(self) -> str:
        """Position that every living replica has reached; a channel of the same name tells when it moves."""
        return f"{self.prefix}:watermark"

    @property
    def announcements(self) -> str:
        """Stream of what changed, for replicas to forget; its ids are positions."""
        return f"{self.prefix}:announcements"

    @property
    def applied(self) -> str:
        """Position that each replica reported, as a sorted set."""
        return f"{self.prefix}:applied"

    @property
    def lease(self) -> str:
        """What keys of replicas' leases begin with."""
        return f"{self.prefix}:lease:"

    @property
    def projector(self) -> str:
        """Lease of the projector that is active."""
        return f"{self.prefix}:projector"

    @property
    def fence(self) -> str:
        """Token of whoever may change any of this: what comes late from somebody else is refused."""
        return f"{self.prefix}:fence"

    @property
    def run(self) -> str:
        """Which run of the server was there when it was taken last: another one may have forgotten leases."""
        return f"{self.prefix}:run"

    @property
    def grace(self) -> str:
        """Stands while leases that a lost Redis knew of may still be trusted by those who hold them."""
        return f"{self.prefix}:grace"

    def document(self, generation: str) -> bytes:
        """What keys of finished documents begin with."""
        return f"{self.prefix}:d:{generation}:".encode()


# The client's own defaults break blocking reads (a time-out of 5 s under a longer block) and repeat commands that must
# not be repeated: both are set by hand here.
_ONCE = Retry(NoBackoff(), 0)


class Fresh(CredentialProvider):
    """What leads into Redis, asked for by the client whenever it connects."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        try:
            told = parse_url(current(self._address))
        except (Unavailable, ValueError) as error:
            # Any other error would leave the client with a connection that it takes for a good one.
            raise redis.AuthenticationError(str(error)) from error
        password = told.get("password", "")
        return (username, password) if (username := told.get("username")) else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()


def _parts(address: Address) -> tuple[str, Fresh | None]:
    """The URL that a client begins with, and what it asks for the credentials where they may change."""
    url = current(address)
    if not callable(address) or "password" not in parse_url(url):
        return url, None
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}", Fresh(address)


def connect(address: Address, *, timeout_s: float = 2.0) -> redis.asyncio.Redis:
    """A client for short commands; connects when first used, gives up after `timeout_s`, repeats nothing."""
    url, credentials = _parts(address)
    return redis.asyncio.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=_ONCE,
        max_connections=64,
        credential_provider=credentials,
    )


def connect_blocking(address: Address, *, timeout_s: float = 2.0) -> "redis.Redis":
    """The same for a thread of its own."""
    url, credentials = _parts(address)
    return redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=_ONCE,
        credential_provider=credentials,
    )


AWAY = (redis.RedisError, OSError)
"""What the client raises where Redis is away, is loading, is full or is not what it was."""


@contextmanager
def reachable() -> Generator[None]:
    """Turn what the client says of a Redis that is away into our word for it.

    Raises:
        Unavailable: where Redis cannot be reached or refuses.
    """
    try:
        yield
    except redis.AuthenticationError as error:
        message = "Redis refuses our credentials: see REDIS_URL and REDIS_PASSWORD."
        raise Unavailable(message, is_refusal=True) from error
    except AWAY as error:
        message = "Redis is away."
        raise Unavailable(message) from error


async def alive(client: redis.asyncio.Redis) -> None:
    """Ask Redis for a sign of life.

    Raises:
        Unavailable: where it gives none.
    """
    with reachable():
        await client.ping()  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments


async def forget(client: redis.asyncio.Redis, names: Names) -> None:
    """Take away all that is believed of Redis, so that nobody renews a lease and a new generation begins.

    Raises:
        Unavailable: where Redis is away.
    """
    with reachable():
        await client.delete(
            *(names.generation, names.projected, names.projector, names.watermark, names.applied),
            *(names.announcements, names.stream),
        )


async def heard(client: redis.asyncio.Redis, channel: str) -> AsyncGenerator[bytes]:
    """What is called out on a channel, until the connection is lost; the client's own errors come through."""
    async with client.pubsub() as subscribed:  # pyright: ignore[reportUnknownMemberType]  # untyped keyword arguments
        await subscribed.subscribe(channel)
        async for message in subscribed.listen():  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # as above
            if message["type"] == "message":
                yield cast("bytes", message["data"])


# Our clients decode nothing, so that an answer is bytes, whatever the driver holds possible. It is said here, once.


def value(answer: object) -> bytes | None:
    """What GET gave; None where there is no such key."""
    return cast("bytes | None", answer)


def values(answer: object) -> Sequence[bytes | None]:
    """What MGET gave, in the order that was asked in."""
    return cast("Sequence[bytes | None]", answer)


def fields(answer: object) -> Mapping[bytes, bytes]:
    """What HGETALL gave; empty where there is no such key."""
    return cast("Mapping[bytes, bytes]", answer)


def keys(answer: object) -> Sequence[bytes]:
    """What SCAN gave beside its cursor."""
    return cast("Sequence[bytes]", answer)


Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]


def entries(answer: object) -> Entries:
    """What XREAD gave of the one stream that it was asked for: identifier and fields of each entry."""
    if not answer:
        return ()
    if isinstance(answer, dict):
        return next(iter(cast("dict[bytes, list[Entries]]", answer).values()))[0]
    return cast("list[tuple[bytes, Entries]]", answer)[0][1]
