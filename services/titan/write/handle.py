"""Look, decide, record: the way of every command to the journal."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec import Struct

from titan.events.commands import Command, Create
from titan.events.decide import NEVER_WAS, Standing, decide
from titan.events.facts import Fact, Recorded
from titan.metamodel.kinds import Subject
from titan.storage.documents import standing
from titan.storage.journal import Appended, Journal, Lost
from titan.storage.together import Together


class Done(Struct, frozen=True):
    """What a command came to."""

    fact: Fact
    appended: Appended


class Turns:
    """Lets commands for one document pass one after the other.

    The journal would sort them out as well, but all but one of those that wait together would have decided in vain.
    """

    def __init__(self) -> None:
        self._locks: dict[bytes, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, key: bytes) -> AsyncGenerator[None]:
        """Wait for our turn, and give it on when done."""
        lock, users = self._locks.get(key) or (asyncio.Lock(), 0)
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)


class Handle:
    """Carries commands out, one a call."""

    def __init__(self, journal: Journal, looks: Together[Standing]) -> None:
        self._journal = journal
        self._looks = looks
        self._turns = Turns()

    async def __call__(self, subject: Subject, command: Command, *, caller: str = "", trace: str = "") -> Done:
        """Carry a command out; returns once it is committed.

        Raises:
            AlreadyExists, NotFound, PreconditionFailed: as `decide` says.
            Overloaded, Unavailable: as `Journal.record` says.
        """
        async with self._turns.of(subject.key):
            # What is to be created is not there, as a rule: decided on that, and put right by the journal if it is.
            stands = NEVER_WAS if isinstance(command, Create) else await standing(self._looks, subject.key)
            while True:
                fact = decide(subject, command, stands)
                recorded = Recorded(subject, expected=stands.revision, fact=fact, caller=caller, trace=trace)
                try:
                    return Done(fact, await self._journal.record(recorded))
                except Lost as lost:
                    stands = lost.standing
