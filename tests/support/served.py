"""An application on granian, for tests of the life of its workers: `served.py PORT WORKERS [tied]`."""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from multiprocessing import parent_process

from granian import Granian
from granian.constants import Interfaces

from titan.dev.lifeline import die_with_parent

Message = MutableMapping[str, object]


async def _answer(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"here"})


def application() -> object:
    """Built in each worker, as the processes of Titan build theirs."""
    master = parent_process()
    if sys.argv[-1] == "tied" and master is not None and master.pid is not None:
        die_with_parent(master.pid)
    return _answer


if __name__ == "__main__":
    Granian(
        f"{__file__}:application",
        factory=True,
        interface=Interfaces.ASGINL,
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        log_enabled=False,
        respawn_failed_workers=True,
        respawn_interval=0.1,
    ).serve()
