"""Work that goes on beside the main thing, and ends with it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager

AGAIN_S = 0.2


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended.

    Until Python 3.12, `wait_for` prefers a result to a cancellation that comes at the same moment: drivers that wait
    with it lose the latter, so that one is not enough.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)


@asynccontextmanager
async def beside(*works: Coroutine[object, object, None]) -> AsyncGenerator[asyncio.TaskGroup]:
    """Do the works while the body runs. One that fails ends the body; the end of the body ends them."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        try:
            yield group
        finally:
            await end(*tasks)
