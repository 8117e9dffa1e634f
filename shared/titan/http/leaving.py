"""How a process leaves: told to stop, it first says that it is not ready and serves on for a while, then stops.

Whoever sends requests here has to notice before the listener closes. A connection that nobody has accepted yet is
otherwise lost with it, and what was asked on it may only be asked again if it changes nothing.
"""

import asyncio
import signal
from collections.abc import Awaitable

from litestar.types import ASGIApp, Message, Receive, Scope, Send

_BODY = b'{"status":"not ready","checks":{}}'
_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"connection", b"close"))


def leaving(app: ASGIApp, *, drain_s: float) -> ASGIApp:
    """An application that a SIGTERM gives so many seconds more, in which every answer ends its connection.

    It is made in the process that serves it, whose server stops by SIGINT. Where there is nothing to wait for, the
    application is as it was.
    """
    return Leaving(app, drain_s=drain_s) if drain_s else app


class Leaving:
    """ASGI middleware, outside of everything else."""

    def __init__(self, app: ASGIApp, *, drain_s: float) -> None:
        self._app = app
        self._drain_s = drain_s
        self._serve: ASGIApp = self._begin

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve, as far as we are."""
        return self._serve(scope, receive, send)

    async def _begin(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The first that a server asks for is the lifespan. It has set its own handlers by then, and ours replace them.
        if str(scope["type"]) == "lifespan":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave)
            self._serve = self._app
        await self._app(scope, receive, send)

    def _leave(self) -> None:
        if self._serve != self._drain:
            self._serve = self._drain
            # The server's own way out, which it takes without a further delay.
            asyncio.get_running_loop().call_later(self._drain_s, signal.raise_signal, signal.SIGINT)

    async def _drain(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["http_version"].startswith("1"):
            await self._app(scope, receive, send)
            return
        if scope["path"] == "/health/ready":
            headers = [*_HEADERS, (b"content-length", b"%d" % len(_BODY))]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            body = b"" if scope["method"] == "HEAD" else _BODY
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return

        async def ending(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A new one: what memory answers with is shared by requests that are under way.
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, ending)
