"""How an answer comes about: made once, kept in memory while it can be proven fresh, and sent."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct

from titan.errors import Unavailable
from titan.http.requests import header, min_position, none_match
from titan.http.responses import send_bytes
from titan.http.routes import Call
from titan.read.fresh import Fresh
from titan.read.front import Front, is_known, memory_key
from titan.read.load import PATIENCE_S
from titan.read.memory import Entry

_TURN_BYTES = 256 * 1024
"""About how much is made of a large document before others have their turn."""


class Made(Struct, frozen=True):
    """What is shown."""

    etag: bytes
    pieces: Sequence[bytes]
    """To be joined."""


async def await_position(call: Call, fresh: Fresh) -> int:
    """Wait for what the client has seen elsewhere; gives that position, 0 where it names none.

    Raises:
        Unavailable: where this replica does not reach it in time.
    """
    wanted = min_position(call.scope["headers"]) or 0
    # Without a lease nothing comes from memory, and PostgreSQL knows every position that was ever answered.
    if wanted > fresh.applied and fresh.is_fresh and not await fresh.reach(wanted, timeout_s=PATIENCE_S):
        message = f"This replica has not reached position {wanted} yet."
        raise Unavailable(message)
    return wanted


async def in_turns(pieces: Iterable[bytes]) -> list[bytes]:
    """Make the pieces of an answer, and let others have their turn between those of a large one."""
    made: list[bytes] = []
    size = 0
    for piece in pieces:
        made.append(piece)
        size += len(piece)
        if size > _TURN_BYTES:
            size = 0
            await asyncio.sleep(0)
    return made


class Answers:
    """Gives answers about documents that are named beforehand."""

    def __init__(self, front: Front, fresh: Fresh) -> None:
        self._front = front
        self._fresh = fresh

    async def give(self, call: Call, subjects: Sequence[bytes], make: Callable[[], Awaitable[Made]]) -> None:
        """Answer with what `make` makes, 304 where the client has it.

        Args:
            call: The request.
            subjects: Keys of all documents that the answer depends on, known before anything is read.
            make: Reads and makes it; what it raises is answered by the guard.
        """
        await await_position(call, self._fresh)
        memory, headers = self._front.memory, self._front.headers
        loading = self._front.begin(subjects)
        entry: Entry | None = None
        try:
            made = await make()
            if self._fresh.is_fresh and is_known(call.query):
                entry = Entry(etag=made.etag, headers=headers, body=b"".join(made.pieces), subjects=subjects)
        finally:
            memory.end(loading, key=memory_key(call.scope), entry=entry)
        if entry is not None:
            await self._front.answer(entry, call.scope, call.send)
            return
        matches = header(call.scope["headers"], b"if-none-match")
        tagged = [*headers, (b"etag", made.etag)]
        if matches is not None and none_match(matches, made.etag):
            await send_bytes(call.send, 304, tagged)
        else:
            await send_bytes(call.send, 200, tagged, made.pieces)
