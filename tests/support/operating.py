"""What tests of an operator's commands have in common."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Sequence

from rich.console import Console

from titan.events.facts import Recorded
from titan.storage import journal, listings
from titan.storage.journal import Appended
from titan.storage.postgres import Connection


def quiet() -> Console:
    """A console that nobody sees; `told` gives what was said."""
    return Console(file=io.StringIO(), width=200)


def told(console: Console) -> str:
    """Everything that was said."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def until(holds: Callable[[], Awaitable[bool]], *, within_s: float = 20) -> None:
    """Look until it is so."""
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110 - it happens elsewhere, where no event is set
            await asyncio.sleep(0.02)  # noqa: TID251 - polled: what runs under the test says nothing


async def projected(connection: Connection) -> None:
    """Wait until the read model has come to the journal's end."""

    async def holds() -> bool:
        return await listings.bookmark(connection) >= await journal.last(connection)

    await until(holds)


async def write(connection: Connection, facts: Sequence[Recorded]) -> None:
    """Record facts of which none may be lost."""
    answers = await journal.append(connection, facts)
    assert all(isinstance(answer, Appended) for answer in answers)
