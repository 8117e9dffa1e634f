"""What was sent as `$value`, as bytes that are known to be JSON: which kind of JSON they are, and what is in them.

Numbers are never understood, only copied.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw

from titan.codec.json import encode
from titan.codec.lexical import (
    has_forbidden_characters,
    marks_of,
    nests_too_deep,
    path_of_duplicate,
    strings,
    without_escapes,
)
from titan.codec.shape import Json
from titan.errors import Invalid

OBJECT: Final = "an object"
ARRAY: Final = "an array"
STRING: Final = "a string"
TRUTH: Final = "true or false"
NUMBER: Final = "a number"
NULL: Final = "null"

_KINDS: Final = {b"{": OBJECT, b"[": ARRAY, b'"': STRING, b"t": TRUTH, b"f": TRUTH, b"n": NULL}

_RAW = msgspec.json.Decoder(Raw)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])
_TEXT = msgspec.json.Decoder(str)


def _half(_: str) -> float:
    return 0.5


# Numbers of any size are JSON, but not all of them can be decoded: fractions are not looked at, long integers cut. What
# is cut in a string does not matter, as long as it is no part of an escape.
_PLAIN = msgspec.json.Decoder(float_hook=_half)
_LONG_INTEGERS = re.compile(rb"(?<![0-9a-zA-Z.+\\])[0-9]{16,}")


def checked(body: bytes) -> Raw:
    """Give what was sent, once it is known to be JSON, in UTF-8, without a member twice or a forbidden character.

    Raises:
        Invalid: where it is not.
    """
    bare = without_escapes(body)
    marks = marks_of(bare)
    if nests_too_deep(marks):
        raise Invalid("The value nests too deep.", path="$")
    try:
        sent = _RAW.decode(body.strip())
        in_outline = plain(sent)
    except UnicodeDecodeError as error:
        raise Invalid("The body is not UTF-8.", path="$") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"{error}.", path="$") from error
    if has_forbidden_characters(bare):
        text = "A string has a character that XML 1.0 cannot carry, such as a control character."
        raise Invalid(text, path="$", rule="AASd-130")
    if strings(marks) != strings(without_escapes(encode(in_outline))):
        raise Invalid("This object names a member twice.", path=_path_of_duplicate(sent))
    return sent


def plain(sent: Raw) -> Json:
    """Give it decoded, with any number in the place of numbers that are fractions or large."""
    return _PLAIN.decode(_cut(bytes(sent)))


def kind_of(sent: Raw) -> str:
    """Give which kind of JSON it is."""
    return _KINDS.get(bytes(memoryview(sent)[:1]), NUMBER)


def members_of(sent: Raw) -> dict[str, Raw]:
    """Give the members of an object."""
    return _MEMBERS.decode(sent)


def items_of(sent: Raw) -> list[Raw]:
    """Give the items of an array."""
    return _ITEMS.decode(sent)


def text_of(sent: Raw) -> str:
    """Give the text of a string, or how a number, a truth value or null is written."""
    return _TEXT.decode(sent) if kind_of(sent) == STRING else bytes(sent).decode()


def _path_of_duplicate(sent: Raw) -> str:
    try:
        return path_of_duplicate(_cut(bytes(sent)))
    except msgspec.ValidationError:
        # A fraction beyond all bounds is in the way.
        return "$"


def _cut(body: bytes) -> bytes:
    return _LONG_INTEGERS.sub(b"1", body)
