"""Look, decide, record: the way of every command to the journal."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Protocol, TypeVar, cast

from msgspec import Struct

from titan.events.commands import ALWAYS, Change, Command, Condition, Create
from titan.events.decide import NEVER_WAS, Standing, decide
from titan.events.facts import Changed, DocumentPut, Fact, Recorded
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


class Seen(Protocol):
    """What was read of a document that is to be changed."""

    @property
    def revision(self) -> int:
        """Of the document."""
        ...

    @property
    def removed(self) -> bool:
        """Whether it is not there any more."""
        ...


S = TypeVar("S", bound=Seen)


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

    async def change(
        self,
        subject: Subject,
        see: Callable[[], Awaitable[S | None]],
        work: Callable[[S], DocumentPut | Changed],
        *,
        condition: Condition = ALWAYS,
        trace: str = "",
    ) -> Done:
        """Change a document that must be read for that; sees it again where another change came first.

        Raises:
            NotFound, PreconditionFailed: as `decide` says, and whatever `work` refuses with.
            Overloaded, Unavailable: as `Journal.record` says.
        """
        async with self._turns.of(subject.key):
            while True:
                seen = await see()
                stands = Standing(seen.revision, exists=not seen.removed) if seen is not None else NEVER_WAS
                worked = partial(work, cast("S", seen))
                fact = decide(subject, Change(worked, condition), stands)
                recorded = Recorded(subject, expected=stands.revision, fact=fact, trace=trace)
                with suppress(Lost):
                    return Done(fact, await self._journal.record(recorded))

    async def record_all(self, *recorded: Recorded) -> tuple[Appended, ...]:
        """Write facts about several documents, all or none.

        Raises:
            Lost: where one was decided on a revision that does not stand any more.
            Overloaded, Unavailable: as `Journal.record` says.
        """
        return await self._journal.record_all(*recorded)
