"""Identifiers and cursors as they stand in a URL: base64url of UTF-8, without padding.

An identifier has exactly one spelling, so that nothing that is keyed by a path can hold two documents for one. Padding
alone is forgiven on the way in; it is never sent.

Spec: IDTA-01002, HTTP/REST API, "Encoding of identifiers"; IDTA-01001, AASd-130.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
from msgspec import Struct

from titan.errors import Invalid

MAX_IDENTIFIER_CHARACTERS = 2048
_MAX_SEGMENT_CHARACTERS = 11_000
"""An identifier of 2 048 characters of four bytes each takes 10 923 and padding."""
_FOREIGN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EXCERPT = 40


def encode_id(identifier: str) -> str:
    """The identifier as a segment of a path."""
    return urlsafe_b64encode(identifier.encode()).rstrip(b"=").decode("ascii")


def decode_id(segment: str) -> str:
    """The identifier that a segment of a path stands for.

    Raises:
        Invalid: where the segment is not base64url in its one spelling, or holds what no identifier may hold.
    """
    if len(segment) > _MAX_SEGMENT_CHARACTERS:
        raise Invalid(f"An identifier has at most {MAX_IDENTIFIER_CHARACTERS} characters.")
    try:
        identifier = _decode(segment).decode()
    except ValueError as error:
        raise Invalid(f"{_shown(segment)} is not an identifier in base64url of UTF-8, without padding.") from error
    if not identifier:
        raise Invalid("An identifier is not empty.")
    if len(identifier) > MAX_IDENTIFIER_CHARACTERS:
        raise Invalid(f"An identifier has at most {MAX_IDENTIFIER_CHARACTERS} characters.")
    if _FOREIGN.search(identifier):
        raise Invalid("An identifier holds no control characters.", rule="AASd-130")
    return identifier


def decode_json(value: str) -> bytes:
    """The JSON that a parameter carries in base64url.

    Raises:
        Invalid: where it is not base64url. What it holds is for the caller to judge.
    """
    try:
        return _decode(value)
    except ValueError as error:
        raise Invalid(f"{_shown(value)} is not base64url.") from error


class _Cursor(Struct, frozen=True, array_like=True):
    """What a cursor holds; the version comes first, so that a later one can mean something else."""

    version: int
    key: int


_CURSOR_VERSION = 1
_MAX_KEY = (1 << 63) - 1
_MAX_CURSOR_CHARACTERS = 24
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Cursor).decode


def encode_cursor(key: int) -> str:
    """The cursor behind the entry with this sort key, which is 0 to 2**63 - 1."""
    return urlsafe_b64encode(_pack(_Cursor(_CURSOR_VERSION, key))).rstrip(b"=").decode("ascii")


def decode_cursor(cursor: str) -> int:
    """The sort key to continue behind.

    Raises:
        Invalid: where this server never gave such a cursor; an empty one is forbidden (AASa-001).
    """
    if not cursor:
        raise Invalid("The cursor is empty: leave it out to begin.", path="cursor", rule="AASa-001")
    try:
        held = _unpack(_decode(cursor[: _MAX_CURSOR_CHARACTERS + 1]))
    except (ValueError, msgspec.DecodeError) as error:
        raise _stranger() from error
    if held.version != _CURSOR_VERSION or not 0 <= held.key <= _MAX_KEY or encode_cursor(held.key) != cursor:
        raise _stranger()
    return held.key


class _Way(Struct, frozen=True, array_like=True):
    """A cursor within what an entry of a list adds to the result."""

    version: int
    key: int
    skip: int


_WAY_VERSION = 3
_unpack_way = msgspec.msgpack.Decoder(_Way).decode


def encode_way(key: int, skip: int) -> str:
    """The cursor behind so many results of the entry with this sort key, or behind the entry where that is 0."""
    return urlsafe_b64encode(_pack(_Way(_WAY_VERSION, key, skip))).rstrip(b"=").decode("ascii")


def decode_way(cursor: str) -> tuple[int, int]:
    """Sort key and number of results to continue behind.

    Raises:
        Invalid: as `decode_cursor` does.
    """
    if not cursor:
        raise Invalid("The cursor is empty: leave it out to begin.", path="cursor", rule="AASa-001")
    try:
        held = _unpack_way(_decode(cursor[: _MAX_CURSOR_CHARACTERS + 1]))
    except (ValueError, msgspec.DecodeError) as error:
        raise _stranger() from error
    in_range = 0 < held.key <= _MAX_KEY and 0 <= held.skip <= _MAX_KEY
    if held.version != _WAY_VERSION or not in_range or encode_way(held.key, held.skip) != cursor:
        raise _stranger()
    return held.key, held.skip


def _stranger() -> Invalid:
    return Invalid("The cursor is not one that this server gave: leave it out to begin anew.", path="cursor")


def _decode(value: str) -> bytes:
    """Bytes of base64url in its one spelling; ValueError otherwise."""
    raw = value.encode("ascii")
    bare = raw.rstrip(b"=")
    if len(bare) != len(raw) and (len(raw) % 4 or len(raw) - len(bare) > 2):
        raise ValueError(value)
    decoded = urlsafe_b64decode(bare + b"=" * (-len(bare) % 4))
    # The decoder skips foreign characters and stray bits at the end; only one spelling survives the way back.
    if urlsafe_b64encode(decoded).rstrip(b"=") != bare:
        raise ValueError(value)
    return decoded


def _shown(value: str) -> str:
    return repr(value if len(value) <= _EXCERPT else f"{value[:_EXCERPT]}…")
