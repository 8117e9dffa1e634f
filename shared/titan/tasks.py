"""Work that goes on beside the main thing, and ends with it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
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


async def at_once(works: Iterable[Coroutine[object, object, None]]) -> None:
    """Do works side by side, begun in their order; the first that fails ends the others.

    Raises:
        ExceptionGroup: with what failed.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        # Waited for within the body. Where one fails after it, the group cancels whoever waits for the others, and up
        # to Python 3.12 does not take that back: he would seem to be told to stop for ever after.
        if tasks:
            await asyncio.wait(tasks)


@asynccontextmanager
async def beside(*works: Coroutine[object, object, None]) -> AsyncGenerator[asyncio.TaskGroup]:
    """Do the works while the body runs. One that fails ends the body; the end of the body ends them.

    None of them may end before: a process that goes on without one of its parts looks well and does not work.

    Raises:
        ExceptionGroup: with what failed; a RuntimeError where a work ended and nobody had ended it.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work, name=work.__qualname__) for work in works]
        watching = group.create_task(_none_ends(tasks))
        try:
            yield group
        finally:
            await end(watching, *tasks)


async def lasting(*works: Coroutine[object, object, None]) -> None:
    """Do works that never end, until cancelled; fails as `beside` does."""
    async with beside(*works):
        await asyncio.Event().wait()


async def _none_ends(tasks: Sequence[asyncio.Task[None]]) -> None:
    if not tasks:
        return
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    # One that failed speaks for itself. A library may have cancelled one, and Python has been seen to.
    if quiet := [task.get_name() for task in done if task.cancelled() or task.exception() is None]:
        message = f"{', '.join(quiet)} ended by itself."
        raise RuntimeError(message)
