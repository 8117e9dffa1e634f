"""Which replicas live and what they have seen: leases, positions, the watermark."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import count

import redis
from msgspec import Struct
from redis.asyncio import Redis

from titan.storage.redis import Names, entries, heard, reachable
from titan.storage.scripts import ANYWAY, JOIN, LEAVE, LEVEL, REPORT


class Level(Struct, frozen=True):
    """How far a change has come."""

    projected: int
    """Position up to which documents are projected; -1 where Redis does not know."""
    watermark: int
    """Position that every living replica has reached."""
    projecting: bool = True
    """Whether a projector is alive."""


def level(message: bytes) -> Level:
    """Read what the channel of the watermark says."""
    projected, watermark = message.split()
    return Level(projected=int(projected), watermark=int(watermark))


class Watermark:
    """The watermark, for those who wait for it."""

    def __init__(self, client: Redis, names: Names) -> None:
        self._client = client
        self._names = names
        self._level = client.register_script(ANYWAY + LEVEL)

    async def now(self, life: str) -> Level:
        """Compute it afresh for a journal; replicas whose lease has run out no longer count.

        Raises:
            Unavailable: where Redis is away.
        """
        names = self._names
        keys = [names.projected, names.watermark, names.applied, names.grace, names.projector, names.generation]
        with reachable():
            projected, watermark, projecting = await self._level(keys, [names.lease, life])
        return Level(projected=int(projected), watermark=int(watermark), projecting=bool(projecting))

    async def heard(self) -> AsyncGenerator[Level]:
        """How far everybody is, each time that it moves, until the connection is lost.

        Raises:
            Unavailable: when it is.
        """
        with reachable():
            async for message in heard(self._client, self._names.watermark):
                yield level(message)


class Joined(Struct, frozen=True):
    """A lease, just taken."""

    generation: str
    position: int
    until: float
    """Until when it may be trusted, on the monotonic clock."""


class Announced(Struct, frozen=True):
    """One announcement as a replica reads it."""

    after: int
    upto: int
    keys: tuple[bytes, ...]
    kinds: tuple[str, ...]


class Membership:
    """A replica's lease and its announcements, over a blocking connection: it lives in a thread of its own.

    The time until which a lease may be trusted is measured from *before* the renewal was sent, on our own monotonic
    clock, which goes on while the process is stopped.
    """

    def __init__(self, client: "redis.Redis", names: Names, *, replica: str, lease_ms: int) -> None:
        self._client = client
        self._names = names
        self._name = replica
        self._joins = count(1)
        self._replica = replica
        self._lease_ms = lease_ms
        self._join = client.register_script(ANYWAY + JOIN)
        self._report = client.register_script(ANYWAY + REPORT)
        self._leave = client.register_script(ANYWAY + LEAVE)

    def join(self) -> Joined | None:
        """Take a lease, in place of an earlier one: whoever has it must trust that no longer.

        None where there is no projector to tell us what changes.

        Raises:
            Unavailable: where Redis is away.
        """
        names = self._names
        former, self._replica = self._replica, f"{self._name}.{next(self._joins)}"
        until = time.monotonic() + self._lease_ms / 1000
        keys = [names.generation, names.projected, names.applied, names.projector]
        with reachable():
            answer = self._join(keys, [names.lease, self._replica, self._lease_ms, former])
        if answer is None:
            return None
        return Joined(generation=answer[0].decode(), position=int(answer[1]), until=until)

    def read(self, position: int, *, block_ms: int) -> Sequence[Announced]:
        """What was announced behind a position; waits for the first of it.

        Raises:
            Unavailable: where Redis is away.
        """
        with reachable():
            answer = self._client.xread({self._names.announcements: f"{position}-0"}, count=256, block=block_ms)
        return [_announced(identifier, fields) for identifier, fields in entries(answer)]

    def report(self, position: int, generation: str) -> float | None:
        """Renew the lease and say what was reached; gives until when it may be trusted, None where it is lost.

        Raises:
            Unavailable: where Redis is away.
        """
        names = self._names
        until = time.monotonic() + self._lease_ms / 1000
        keys = [
            names.generation,
            names.projected,
            names.watermark,
            names.announcements,
            names.applied,
            names.grace,
            names.projector,
        ]
        with reachable():
            answer = self._report(keys, [names.lease, self._replica, position, self._lease_ms, generation])
        return None if answer is None else until

    def leave(self) -> None:
        """Give the lease back, so that nobody waits for us.

        Raises:
            Unavailable: where Redis is away.
        """
        names = self._names
        keys = [names.projected, names.watermark, names.applied, names.grace, names.projector]
        with reachable():
            self._leave(keys, [names.lease, self._replica])


def _announced(identifier: bytes, fields: Mapping[bytes, bytes]) -> Announced:
    keys = fields[b"k"]
    return Announced(
        after=int(fields[b"f"]),
        upto=int(identifier.split(b"-")[0]),
        keys=tuple(keys[at : at + 16] for at in range(0, len(keys), 16)),
        kinds=tuple(fields[b"c"].decode().split(",")) if fields[b"c"] else (),
    )
