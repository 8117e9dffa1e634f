"""Cursors into something that stands in a document and has names: the elements of a submodel, references of a shell.

Such a cursor names the neighbours of the gap that it stands in, by digests, and how many entries were before it. Going
on starts behind the one before, wherever that is by now; where that is gone, at the one after; and where both are gone,
at the same number. So inserts and removals elsewhere neither repeat nor skip anything.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct

from titan.errors import Invalid


class Gap(Struct, frozen=True, array_like=True):
    """Where to go on. The first number tells these cursors from those of lists of documents."""

    version: int
    index: int
    """How many entries were before it."""
    before: bytes
    after: bytes
    given: int = 0
    """How many results of the entry before it were given, where that was not all of them."""


_VERSION = 2
_DIGEST_BYTES = 8
_MAX_CHARACTERS = 64
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Gap).decode


def encode_gap(names: Sequence[str], index: int, *, given: int = 0) -> str:
    """The cursor between two neighbours, the second of which has this index, from 1 up; it may end within the first."""
    after = names[index] if index < len(names) else ""
    return _encode(Gap(_VERSION, index, _digest(names[index - 1]), _digest(after), given))


def decode_gap(cursor: str) -> Gap:
    """Read such a cursor.

    Raises:
        Invalid: where this server never gave one like it; an empty one is forbidden (AASa-001).
    """
    if not cursor:
        raise Invalid("The cursor is empty: leave it out to begin.", path="cursor", rule="AASa-001")
    message = "This is no cursor of this list: take the one of its last page, or leave it out to begin."
    if len(cursor) > _MAX_CHARACTERS:
        raise Invalid(message, path="cursor")
    try:
        gap = _unpack(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise Invalid(message, path="cursor") from error
    if gap.version != _VERSION or gap.index < 1 or gap.given < 0 or _encode(gap) != cursor:
        raise Invalid(message, path="cursor")
    return gap


def resume(names: Sequence[str], gap: Gap) -> tuple[int, int]:
    """The index of the entry to go on with, the length where there is none; and how many of its results were given."""
    at = _behind(names, gap)
    is_within = gap.given and at and _digest(names[at - 1]) == gap.before
    return (at - 1, gap.given) if is_within else (at, 0)


def _behind(names: Sequence[str], gap: Gap) -> int:
    if 0 < gap.index <= len(names) and _digest(names[gap.index - 1]) == gap.before:
        return gap.index
    digests = [_digest(name) for name in names]
    if gap.before in digests:
        return digests.index(gap.before) + 1
    if gap.after in digests:
        return digests.index(gap.after)
    return min(gap.index, len(names))


def _encode(gap: Gap) -> str:
    held = (gap.version, gap.index, gap.before, gap.after)
    return urlsafe_b64encode(_pack((*held, gap.given) if gap.given else held)).rstrip(b"=").decode("ascii")


def _digest(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=_DIGEST_BYTES).digest()
