"""Large values of Blobs outside the document: a marker in their place, and the bytes under their digest.

A marker is the whole of a string, `titan:sha256:<digest>`. No base64 has a colon, so no value is taken for a marker;
and a client may send no string that begins like one, so no marker is a client's. That lets markers be found in
canonical bytes without decoding them. A client never sees one: without values of Blobs they are left out, and with
them (`restored`) the same base64 stands there that was sent.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Callable, Iterable
from hashlib import sha256
from typing import TypeVar

from msgspec import structs

from titan.codec.files import rewritten
from titan.errors import Invalid
from titan.metamodel.elements import Blob
from titan.metamodel.references import Part

P = TypeVar("P", bound=Part)

_SCHEME = "titan:sha256:"
# What follows an escaped quotation mark is inside a string, and so is its end: neither is the whole of one.
_MARKER = re.compile(rb'(?<!\\)"titan:sha256:([0-9a-f]{64})"')
_LIKE_A_MARKER = re.compile(rb'(?<!\\)"titan:sha256:([^"]*)"?')
_REFERENCE = re.compile(rb"(?:titan:sha256:|/attachments/)([0-9a-f]{64})")


def externalised(document: P, *, threshold: int) -> tuple[P, list[tuple[str, bytes]]]:
    """Take out the values of Blobs whose base64 is longer than the threshold, and give them by their digests.

    A value that would not come back as it is, because it is not the base64 that its bytes have, stays. What is not on
    the way to such a value is not copied; ask `parts.has_blobs` of the bytes before.
    """
    taken: dict[str, bytes] = {}

    def change(part: Part) -> Part:
        if not isinstance(part, Blob) or part.value is None or len(part.value) <= threshold:
            return part
        content = _content(part.value)
        if content is None:
            return part
        digest = sha256(content).hexdigest()
        taken[digest] = content
        return structs.replace(part, value=f"{_SCHEME}{digest}")

    return rewritten(document, change), list(taken.items())


def _content(value: str) -> bytes | None:
    try:
        content = b64decode(value, validate=True)
    except (NotBase64, ValueError):
        return None
    return content if b64encode(content).decode() == value else None


def refuse_markers(body: bytes, *, known: Iterable[bytes] = ()) -> None:
    """See that what a client sent has no marker, in canonical encoding; those in `known` stood there before.

    Raises:
        Invalid: where a string begins like a marker. Reading leniently is no excuse.
    """
    found = {digest.decode() for digest in _LIKE_A_MARKER.findall(body)}
    if found and not found <= {digest for piece in known for digest in markers(piece)}:
        raise Invalid(f"A string that begins with {_SCHEME} is reserved for this server.", path="$")


def markers(body: bytes) -> set[str]:
    """Every digest that stands for the value of a Blob in a canonical body."""
    return {digest.decode() for digest in _MARKER.findall(body)}


def is_marker(value: str) -> bool:
    """Whether a value of a Blob is kept outside."""
    return value.startswith(_SCHEME)


def digests(body: bytes) -> set[str]:
    """Every digest that a canonical body refers to, as a value of a Blob or as a file; rather one too many."""
    return {digest.decode() for digest in _REFERENCE.findall(body)}


async def restored(pieces: Iterable[bytes], read: Callable[[str], AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
    """Give canonical bytes with the base64 of what was taken out in the place of its markers.

    Args:
        pieces: Canonical bytes; no marker is divided between two, as with `parts.join`.
        read: Gives a content by its digest.
    """
    for piece in pieces:
        at = 0
        for marker in _MARKER.finditer(piece):
            yield piece[at : marker.start() + 1]
            async for text in _base64(read(marker[1].decode())):
                yield text
            at = marker.end() - 1
        yield piece[at:] if at else piece


async def _base64(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The base64 of a content; three bytes become four letters, so what is over waits for the next piece."""
    over = b""
    async for piece in content:
        block = over + piece
        whole = len(block) // 3 * 3
        if whole:
            yield b64encode(block[:whole])
        over = block[whole:]
    if over:
        yield b64encode(over)
