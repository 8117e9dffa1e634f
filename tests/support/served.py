"""An application on granian, for tests of the life of its workers: `served.py PORT WORKERS [tied] [living FILE]`.

With the last, its own work fails as soon as there is such a file, which it takes away.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from multiprocessing import parent_process
from pathlib import Path
from typing import cast

from granian import Granian
from granian.constants import Interfaces
from litestar.types import ASGIApp

from titan.dev.lifeline import die_with_parent
from titan.http.living import living

Message = MutableMapping[str, object]


async def _answer(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"here"})


async def _live(receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    if "living" not in sys.argv:
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    while not Path(sys.argv[-1]).exists():  # noqa: ASYNC110, ASYNC240  # nobody calls out that a file is there
        await asyncio.sleep(0.02)  # noqa: TID251  # as above
    Path(sys.argv[-1]).unlink()  # noqa: ASYNC240  # once, as the last thing
    await send({"type": "lifespan.shutdown.failed", "message": "it is broken"})
    raise RuntimeError("it is broken")


def application() -> object:
    """Built in each worker, as the processes of Titan build theirs."""
    master = parent_process()
    if "tied" in sys.argv and master is not None and master.pid is not None:
        die_with_parent(master.pid)
    return living(cast("ASGIApp", _answer)) if "living" in sys.argv else _answer


if __name__ == "__main__":
    Granian(
        f"{__file__}:application",
        factory=True,
        interface=Interfaces.ASGI,
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        log_enabled=False,
        respawn_failed_workers=True,
        respawn_interval=0.1,
    ).serve()
