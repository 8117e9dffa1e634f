"""Files as answers: names that are safe in a header, single ranges, conditions, and bytes at the pace of the reader.

The content of a file never changes under its digest, so the digest is its strong ETag, and whoever was interrupted goes
on where it was, or is sent the whole if the file is another by now.

Spec: RFC 9110, "Range Requests" and "Conditional Requests"; RFC 6266 and RFC 8187 for the name.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import cast
from unicodedata import combining, normalize
from urllib.parse import quote, unquote

from litestar.types import Receive, Send
from msgspec import Struct

from titan.errors import Invalid, PreconditionFailed, Unsatisfiable
from titan.http.requests import Disconnected, Headers, header
from titan.http.responses import NO_CACHE, Header
from titan.http.routes import Call
from titan.tasks import beside

UNKNOWN_TYPE = "application/octet-stream"
MAX_NAME_BYTES = 255
"""Of a file's name in UTF-8; most file systems take no more."""


class Held(Struct, frozen=True):
    """A file that this server holds, as an element or a shell refers to it."""

    digest: str
    name: str

    @property
    def path(self) -> str:
        """What stands in the document: `/attachments/<digest>/<name, percent-encoded>`."""
        return f"/attachments/{self.digest}/{quote(self.name, safe='')}"


_HELD = re.compile(r"/attachments/([0-9a-f]{64})/([^/?#]+)")


def held(value: str | None) -> Held | None:
    """The file that a value of a document refers to; None where it is none of ours."""
    found = _HELD.fullmatch(value or "")
    return Held(digest=found[1], name=unquote(found[2])) if found else None


# Control characters, halves of surrogates, line separators, and what turns the direction of writing around, so that
# `exe.pdf` is not what it looks like.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def file_name(*candidates: str | None, fallback: str = "file") -> str:
    """The first name of which something is left without the folders before it; unfit characters become `_`.

    Raises:
        Invalid: where it is longer than `MAX_NAME_BYTES`.
    """
    for candidate in candidates:
        name = _cleaned(candidate or "")
        if name:
            if len(name.encode()) > MAX_NAME_BYTES:
                raise Invalid(f"The name of a file has at most {MAX_NAME_BYTES} bytes.", path="fileName")
            return name
    return fallback


def _cleaned(name: str) -> str:
    cleaned = _UNFIT.sub("_", re.split(r"[/\\]", name)[-1]).strip(" ")
    return cleaned if cleaned.strip(".") else ""


def disposition(name: str) -> Header:
    """Tell clients to store the file, and under which name, twice: in ASCII, and as it is."""
    safe = _cleaned(name) or "file"
    plain = "".join(_ascii(character) for character in normalize("NFKD", safe) if not combining(character))
    plain = _cleaned(plain) or "file"
    exact = quote(safe, safe="!#$&+-.^_`|~")
    return (b"content-disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}".encode("ascii"))


def _ascii(character: str) -> str:
    # Clients differ in what a backslash or a percent sign in this name escapes; a slash may come of other characters.
    return character if " " <= character <= "~" and character not in '"\\/%' else "_"


_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  a word of RFC 9110, no secret
_MEDIA_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"(?:[\t !#-\[\]-~]|\\[\t -~])*"))*')


def media_type(stored: str | None) -> str:
    """The media type of a document, or that of unknown bytes where it has none that may stand in a header."""
    return stored if stored and _MEDIA_TYPE.fullmatch(stored) else UNKNOWN_TYPE


def tag_of(digest: str) -> bytes:
    """The strong ETag of a content."""
    return b'"%b"' % digest.encode()


_TAG = re.compile(rb'(W/)?("[^"]*")')


def _names(value: bytes, tag: bytes, *, weakly: bool) -> bool:
    """Whether a list of ETags names this strong one."""
    if value.strip() == b"*":
        return True
    return any(found == tag and (weakly or not weak) for weak, found in _TAG.findall(value))


_RANGE = re.compile(rb"bytes=[ \t,]*([0-9]*)-([0-9]*)[ \t,]*", re.IGNORECASE)
_MAX_DIGITS = 18


def span(headers: Headers, size: int, tag: bytes) -> tuple[int, int] | None:
    """The first byte that is wanted, and the one behind the last; None where the whole is to be sent.

    That is so where nothing, several ranges or nonsense is asked for, and where `If-Range` names another content.

    Raises:
        Unsatisfiable: where the range lies behind the end.
    """
    asked = header(headers, b"range")
    found = _RANGE.fullmatch(asked.strip()) if asked is not None else None
    condition = header(headers, b"if-range")
    if found is None or (condition is not None and condition.strip() != tag):
        return None
    first, last = _number(found[1]), _number(found[2])
    if first is None:
        return _suffix(last, size)
    if last is not None and last < first:
        return None
    if first >= size:
        raise Unsatisfiable(f"The file has {size} bytes, and the range begins behind them.", size=size)
    return first, size if last is None else min(last + 1, size)


def _suffix(length: int | None, size: int) -> tuple[int, int] | None:
    if length is None or (size == 0 and length):
        return None
    if length == 0:
        raise Unsatisfiable("The range asks for the last 0 bytes.", size=size)
    return max(0, size - length), size


def _number(digits: bytes) -> int | None:
    # No file is longer than that; a number of a million digits would take long to understand.
    return int(digits) if 0 < len(digits) <= _MAX_DIGITS else (10**_MAX_DIGITS if digits else None)


class Answer(Struct, frozen=True):
    """How a request for a file is answered."""

    status: int
    headers: list[Header]
    start: int = 0
    end: int = 0
    """Behind the last byte of the body; there is no body where it is the start."""


def answer(method: str, asked: Headers, file: Held, *, size: int, content_type: str | None) -> Answer:
    """Decide what is sent of a file.

    Raises:
        PreconditionFailed: where `If-Match` names another content.
        Unsatisfiable: where a range is asked for that is not there.
    """
    tag = tag_of(file.digest)
    expected, known = header(asked, b"if-match"), header(asked, b"if-none-match")
    if expected is not None and not _names(expected, tag, weakly=False):
        raise PreconditionFailed("The file is another one by now.")
    headers: list[Header] = [(b"etag", tag), NO_CACHE, (b"accept-ranges", b"bytes")]
    if known is not None and _names(known, tag, weakly=True):
        return Answer(304, headers)
    headers += [
        (b"content-type", media_type(content_type).encode()),
        (b"x-content-type-options", b"nosniff"),
        disposition(file.name),
    ]
    # RFC 9110 defines ranges for GET alone.
    wanted = span(asked, size, tag) if method == "GET" else None
    start, end = wanted or (0, size)
    headers.append((b"content-length", b"%d" % (end - start)))
    if wanted is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
    return Answer(200 if wanted is None else 206, headers, start=start, end=end if method == "GET" else start)


async def send_file(call: Call, answered: Answer, read: Callable[[int, int], AsyncIterator[bytes]]) -> None:
    """Send what was decided; no more is read ahead than the server's own buffers hold.

    Args:
        call: The request.
        answered: What `answer` said.
        read: Gives the bytes from the first number up to but without the second, as `Blobs.read` does.
    """
    if answered.start == answered.end:
        await _begin(call.send, answered)
        await _go_on(call.send, b"", more=False)
        return
    # What `Blobs.read` gives is a generator, which must be closed so that its connection is free again.
    async with aclosing(cast("AsyncGenerator[bytes]", read(answered.start, answered.end))) as pieces:
        # Nothing has been said as long as the store can still refuse.
        first = await anext(pieces, b"")
        await _begin(call.send, answered)
        await _go_on(call.send, first, more=True)
        if len(first) < answered.end - answered.start:
            await _stream(call, pieces)
        await _go_on(call.send, b"", more=False)


async def _stream(call: Call, pieces: AsyncIterator[bytes]) -> None:
    gone = asyncio.Event()
    try:
        async with beside(_notice(call.receive, gone)):
            async for piece in pieces:
                if gone.is_set():
                    raise Disconnected("The client went away before it had the whole file.")
                await _go_on(call.send, piece, more=True)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed


async def _notice(receive: Receive, gone: asyncio.Event) -> None:
    """Wait until the client is gone: the server takes whatever is sent after that, and says nothing."""
    while (await receive())["type"] != "http.disconnect":
        continue
    gone.set()
    # Who works beside a body does not end before it.
    await asyncio.Event().wait()


async def _begin(send: Send, answered: Answer) -> None:
    await send({"type": "http.response.start", "status": answered.status, "headers": [*answered.headers]})


async def _go_on(send: Send, piece: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": more})
