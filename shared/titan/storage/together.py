"""Questions that many ask at the same time, put to a store as one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from titan.errors import Overloaded, Unavailable
from titan.tasks import lasting

Answer = TypeVar("Answer")

QUESTIONS = 64
"""How many keys one round asks for: answers are whole documents, which may be large."""
WAITING = 8192
"""How many questions may wait before new ones are refused."""


class Together(Generic[Answer]):
    """Collects the keys that are asked for in one turn of the loop, and asks for them at once.

    A key that is asked for several times while it waits is asked for once. Each round starts after its questions were
    put, so that an answer is never older than its question.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[bytes]], Awaitable[Mapping[bytes, Answer]]],
        *,
        rounds: int = 2,
    ) -> None:
        self._ask = ask
        self._waiting: dict[bytes, asyncio.Future[Answer | None]] = {}
        self._asked = asyncio.Event()
        self._rounds = rounds

    async def get(self, key: bytes) -> Answer | None:
        """The answer for one key; None where there is none.

        Raises:
            Unavailable: where the store is away.
            Overloaded: where too many questions wait already.
        """
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= WAITING:
                message = "Too many reads wait."
                raise Overloaded(message)
            waiting = asyncio.get_running_loop().create_future()
            self._waiting[key] = waiting
            self._asked.set()
        return await asyncio.shield(waiting)

    async def run(self) -> None:
        """Answer until cancelled, with so many rounds under way at once."""
        await lasting(*(self._answer() for _ in range(self._rounds)))

    async def _answer(self) -> None:
        while True:
            await self._asked.wait()
            round_: dict[bytes, asyncio.Future[Answer | None]] = {}
            while self._waiting and len(round_) < QUESTIONS:
                key = next(iter(self._waiting))
                round_[key] = self._waiting.pop(key)
            if not self._waiting:
                self._asked.clear()
            if round_:
                await self._settle(round_)

    async def _settle(self, round_: dict[bytes, asyncio.Future[Answer | None]]) -> None:
        try:
            answers = await self._ask(list(round_))
        except asyncio.CancelledError:
            _fail(round_.values(), Unavailable("The server is stopping."))
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, those who ask are waiting
            if len(round_) == 1 or isinstance(error, Unavailable):
                _fail(round_.values(), error)
                return
            # One document that cannot be read must not take others along.
            for key, future in round_.items():
                await self._settle({key: future})
        else:
            for key, future in round_.items():
                if not future.done():
                    future.set_result(answers.get(key))


def _fail(futures: "Iterable[asyncio.Future[Answer | None]]", error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            future.exception()  # asked for once, so that a caller who left does not make the loop complain
