"""The front of a replica: answers out of memory what it can prove to be fresh, before anything is routed."""

import asyncio
import time
from collections.abc import Sequence
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import Struct

from titan.http.requests import MAX_DIGITS, Query, none_match
from titan.http.responses import WORTH_COMPRESSING_BYTES, compress, encoding_for
from titan.observability.metrics import Metrics
from titan.read.fresh import Fresh
from titan.read.memory import Encoding, Entry, Load, Memory, Messages

LONG_BYTES = 256 * 1024

_KNOWN = frozenset(
    (
        *("level", "extent", "limit", "cursor", "idShort", "semanticId", "isCaseOf", "dataSpecificationRef"),
        "assetIds",
    )
)
"""Parameters that change an answer. Others are ignored, and not kept: they would fill memory with copies."""

COMMON: tuple[tuple[bytes, bytes], ...] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-cache"),
    (b"vary", b"accept-encoding"),
)


def memory_key(scope: HTTPScope) -> bytes:
    """What an answer is kept under: the raw path, since a decoded one takes `a%2Fb` for `a/b`, and the raw query."""
    query = scope["query_string"]
    return scope["raw_path"] + b"?" + query if query else scope["raw_path"]


def is_known(query: Query) -> bool:
    """Whether all parameters are ones that change the answer."""
    return _KNOWN.issuperset(query.values)


class Asked(Struct, frozen=True):
    """What the headers of a request say of the answer."""

    none_match: bytes | None
    encoding: Encoding
    min_position: bytes | None


def asked(scope: HTTPScope) -> Asked:
    """Look through the headers once."""
    matches: bytes | None = None
    encoding: Encoding = ""
    position: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            matches = value
        elif name == b"accept-encoding":
            encoding = encoding_for(value)
        elif name == b"titan-min-position":
            position = value
    return Asked(matches, encoding, position)


class Front:
    """What a replica answers out of memory, and what it keeps there."""

    def __init__(self, memory: Memory, fresh: Fresh, metrics: Metrics) -> None:
        self.memory = memory
        self.headers = COMMON
        self._fresh = fresh
        self._tally = metrics.tally("memory")

    def before(self, app: ASGIApp) -> ASGIApp:
        """Give an app that answers from memory what can be, and passes the rest on."""
        get, fresh, tally, monotonic = self.memory.get, self._fresh, self._tally, time.monotonic

        # The hottest few lines of the house, so nothing is called or made here that need not be: 0.8 µs in process,
        # where 1.2 went through `_say` and a struct of what was asked, and 0.3 is a constant.
        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] != "GET":
                await app(scope, receive, send)
                return
            query = scope["query_string"]
            key = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
            entry = get(key)
            # Looked up and judged in one step, once the request is here: time goes on for a process that is stopped.
            if entry is not None and monotonic() < fresh.until:
                encoding: Encoding | None = ""
                for name, value in scope["headers"]:
                    if name == b"accept-encoding":
                        encoding = encoding_for(value) if encoding is not None else None
                    elif name == b"if-none-match" or name == b"titan-min-position":  # noqa: PLR1714  # no tuple
                        encoding = None
                messages = entry.messages.get(encoding) if encoding is not None else None
                if messages is not None:
                    tally.hits += 1
                    entry.used = True
                    await send(messages[0])  # pyright: ignore[reportArgumentType]  # built once, as ASGI asks for
                    await send(messages[1])  # pyright: ignore[reportArgumentType]  # as above
                    return
                wanted = asked(scope)
                if wanted.min_position is None or _has_reached(fresh, wanted.min_position):
                    tally.hits += 1
                    entry.used = True
                    if not await self._say(entry, wanted, key, send):
                        tally.unmodified += 1
                    return
            await app(scope, receive, send)

        return front

    def begin(self, subjects: Sequence[bytes]) -> Load:
        """Begin to load what memory could have had, and did not; it must end with `memory.end`."""
        self._tally.misses += 1
        return self.memory.begin(subjects)

    async def answer(self, entry: Entry, scope: HTTPScope, send: Send) -> None:
        """Answer with an entry that was just made."""
        await self._say(entry, asked(scope), memory_key(scope), send, copies=True)

    async def _say(self, entry: Entry, wanted: Asked, key: bytes, send: Send, *, copies: bool = False) -> bool:
        """Answer; False where the client has it already."""
        encoding = wanted.encoding if len(entry.body) >= WORTH_COMPRESSING_BYTES else ""
        if wanted.none_match is not None and entry.etag and none_match(wanted.none_match, _tag(entry, encoding)):
            headers = [*entry.headers, (b"etag", _tag(entry, encoding))]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return False
        messages = entry.messages.get(encoding)
        if messages is None:
            messages = await self._represented(entry, encoding, key)
        # What is too short to be compressed looks the same to whoever would take it compressed.
        entry.messages[wanted.encoding] = messages
        start, body = messages
        # Whoever stands between us and the client adds headers of this one answer to the list.
        start = {**start, "headers": [*cast("list[tuple[bytes, bytes]]", start["headers"])]} if copies else start
        await send(start)  # pyright: ignore[reportArgumentType]  # built once, in the shape that ASGI asks for
        await send(body)  # pyright: ignore[reportArgumentType]  # as above
        return True

    async def _represented(self, entry: Entry, encoding: Encoding, key: bytes) -> Messages:
        """Make a representation when it is first asked for, a long one beside the loop."""
        if encoding and len(entry.body) > LONG_BYTES:
            messages = await asyncio.to_thread(_messages, entry, encoding)
        else:
            messages = _messages(entry, encoding)
        entry.messages[encoding] = messages
        if encoding:
            self.memory.grown(key, entry, len(cast("bytes", messages[1]["body"])))
        return messages


def _has_reached(fresh: Fresh, position: bytes) -> bool:
    return position.isdigit() and len(position) <= MAX_DIGITS and int(position) <= fresh.applied


def _tag(entry: Entry, encoding: Encoding) -> bytes:
    return entry.etag[:-1] + b"-" + encoding.encode() + b'"' if encoding else entry.etag


def _messages(entry: Entry, encoding: Encoding) -> Messages:
    body = compress(encoding, entry.body)
    headers = [*entry.headers, (b"content-length", b"%d" % len(body))]
    if entry.etag:
        headers.append((b"etag", _tag(entry, encoding)))
    if encoding:
        headers.append((b"content-encoding", encoding.encode()))
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body, "more_body": False},
    )
