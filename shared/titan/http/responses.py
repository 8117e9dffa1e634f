"""What answers are made of: status and headers, bytes in pieces, compression, and what browsers need to be told."""

import gzip
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import zstandard
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from titan.http.requests import header

Header = tuple[bytes, bytes]
Encoding = Literal["", "gzip", "zstd"]

JSON: Header = (b"content-type", b"application/json")
VARY_ENCODING: Header = (b"vary", b"accept-encoding")
NO_CACHE: Header = (b"cache-control", b"no-cache")
"""Others may keep it, but must ask each time whether it still holds."""

WORTH_COMPRESSING_BYTES = 1024
"""Below this the client waits longer for the compression than for the bytes."""

_BODILESS = frozenset({204, 304})


async def send_bytes(send: Send, status: int, headers: Iterable[Header], pieces: Sequence[bytes] = ()) -> None:
    """Send an answer whose body is the join of the pieces; each goes out as it is, without a copy of the whole."""
    if status in _BODILESS:
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    length = (b"content-length", b"%d" % sum(map(len, pieces)))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    for piece in pieces[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": pieces[-1] if pieces else b"", "more_body": False})


def headless(send: Send) -> Send:
    """The same channel for an answer to HEAD: all headers, and no byte of the body."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head


def encoding_for(accept_encoding: bytes) -> Encoding:
    """How the body may be compressed, by the client's `Accept-Encoding`; zstd before gzip where both are as welcome."""
    known = _KNOWN.get(accept_encoding)
    return _negotiated(accept_encoding) if known is None else known


_OFFERED = re.compile(rb"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*[qQ]\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


def _negotiated(accept_encoding: bytes) -> Encoding:
    weights: dict[bytes, float] = {}
    for part in accept_encoding.split(b","):
        if offered := _OFFERED.fullmatch(part):
            weights[offered[1].lower()] = float(offered[2] or 1)
    others = weights.get(b"*", 0.0)
    plain = weights.get(b"identity", 0.0)
    best: Encoding = ""
    weight = 0.0
    for name, encoding in _BY_PREFERENCE:
        offered_weight = weights.get(name, others)
        if offered_weight > weight and offered_weight >= plain:
            best, weight = encoding, offered_weight
    return best


_BY_PREFERENCE: tuple[tuple[bytes, Encoding], ...] = ((b"zstd", "zstd"), (b"gzip", "gzip"))
_KNOWN: dict[bytes, Encoding] = {
    # What browsers and the usual libraries send.
    sent: _negotiated(sent)
    for sent in (
        b"",
        b"*",
        b"identity",
        b"gzip",
        b"zstd",
        b"gzip, deflate",
        b"gzip,deflate",
        b"gzip, deflate, br",
        b"gzip, deflate, zstd",
        b"gzip, deflate, br, zstd",
    )
}


def compress(encoding: Encoding, data: bytes) -> bytes:
    """Compress by one of the encodings, or give back what there is for none. The same data gives the same bytes."""
    match encoding:
        case "gzip":
            return gzip.compress(data, compresslevel=6, mtime=0)
        case "zstd":
            return zstandard.ZstdCompressor(level=3).compress(data)
        case "":
            return data


_METHODS: Header = (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE")
_MAX_AGE: Header = (b"access-control-max-age", b"600")
_EXPOSED: Header = (
    b"access-control-expose-headers",
    b"Location, ETag, Content-Disposition, Titan-Position, Retry-After",
)
_VARY_ORIGIN: Header = (b"vary", b"origin")


def cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Let scripts from these origins (`*` for all) call the app and read its answers, errors included."""
    if not origins:
        return app
    everybody = "*" in origins
    allowed = frozenset(origin.encode() for origin in origins)

    async def answer_browsers(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        origin = header(scope["headers"], b"origin")
        added: list[Header] = [] if everybody else [_VARY_ORIGIN]
        welcome = origin is not None and (everybody or origin in allowed)
        if origin is not None and welcome:
            added.append((b"access-control-allow-origin", b"*" if everybody else origin))
            if _is_preflight(scope):
                await send_bytes(send, 204, [*added, *_preflight(scope)])
                return
            added.append(_EXPOSED)
        await app(scope, receive, _adding(send, added) if added else send)

    return answer_browsers


def _is_preflight(scope: HTTPScope) -> bool:
    return scope["method"] == "OPTIONS" and header(scope["headers"], b"access-control-request-method") is not None


def _preflight(scope: HTTPScope) -> list[Header]:
    wanted = header(scope["headers"], b"access-control-request-headers")
    allowed = [(b"access-control-allow-headers", wanted)] if wanted else []
    return [_METHODS, _MAX_AGE, *allowed]


def _adding(send: Send, added: list[Header]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return send_with_headers
