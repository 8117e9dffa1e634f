"""A worker whose own work has failed ends, so that another takes its place.

A server takes an application that fails after its start for one that is about to stop: it logs that and goes on passing
requests to it, for which nobody works any more, while the process looks well from outside.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import cast

from litestar.types import ASGIApp, LifeSpanReceiveMessage, LifeSpanSendMessage, Receive, Scope, Send

from titan.observability.logs import logger

STATUS = 70
"""Of the process; sysexits.h has it for an error within the program."""

_log = logger("titan.http")


def living(app: ASGIApp) -> ASGIApp:
    """An application that takes its process with it where its lifespan ends and nobody has asked it to stop."""

    def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return app(scope, receive, send) if str(scope["type"]) != "lifespan" else _live(app, scope, receive, send)

    return serve


async def _live(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    hear_server = cast("Callable[[], Awaitable[LifeSpanReceiveMessage]]", receive)
    tell_server = cast("Callable[[LifeSpanSendMessage], Awaitable[None]]", send)
    may_end = False

    async def hear() -> LifeSpanReceiveMessage:
        nonlocal may_end
        message = await hear_server()
        may_end = may_end or message["type"] == "lifespan.shutdown"
        return message

    async def say(message: LifeSpanSendMessage) -> None:
        if message["type"] == "lifespan.shutdown.failed" and not may_end:
            _log.critical(
                "a part of this worker has failed: it ends, and another takes its place", error=message["message"]
            )
            logging.shutdown()
            # At once, and not by way of the server: what waits for an answer would be waited for.
            os._exit(STATUS)
        await tell_server(message)

    await app(scope, cast("Receive", hear), cast("Send", say))
