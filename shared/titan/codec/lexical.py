"""What is asked of the bytes of a body before and after they are decoded, at the speed of `memchr`.

All of it is linear in the size of the body, whatever the body says, and none of it needs the body to be JSON.
"""

import re
from itertools import accumulate

import msgspec

NESTING_LIMIT = 112
"""Levels of JSON that a body may nest: 32 elements in each other take up to 3 each, and their attributes some more.

Decoding is quadratic in the depth where `modelType` comes last, so the depth is limited before.
Spec: IDTA-01001, "Submodel Element Collection": a recursion of more than 32 should not be used, of 16 shall be served.
"""

_OPENING_AND_CLOSING = bytes.maketrans(b"[]", b"{}")
_NEITHER_BRACKET_NOR_QUOTE = bytes(sorted(set(range(256)) - set(b'[]{}"')))
_UP_AND_DOWN = bytes.maketrans(b"{}", b"\x01\xff")

_ESCAPED_END = re.compile(rb'\\["\\]')
_NOT_XML = re.compile(rb"\\(?:[bf]|u(?:00(?:0[0-8bcefBCEF]|1[0-9a-fA-F])|[fF]{3}[efEF]))")
_NOT_XML_UNESCAPED = re.compile(rb"\xef\xbf[\xbe\xbf]")


def without_escapes(body: bytes) -> bytes:
    """Take out escaped quotes and backslashes: what is left shows where strings end and which escapes are meant."""
    escapes = body.count(b"\\")
    if not escapes:
        return body
    if escapes * 32 < len(body):
        return _ESCAPED_END.sub(b"", body)
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def marks_of(bare: bytes) -> bytes:
    """Give the brackets, all of one kind, and the quotes of a body without escapes: all that its outline depends on."""
    return bare.translate(_OPENING_AND_CLOSING, _NEITHER_BRACKET_NOR_QUOTE)


def nests_too_deep(marks: bytes) -> bool:
    """Say whether objects and arrays of a body with these marks lie in each other more than `NESTING_LIMIT` deep."""
    # Taking out two neighbouring quotes leaves all else inside or outside of strings as it was.
    brackets = marks.replace(b'""', b"")
    if len(brackets) <= 2 * NESTING_LIMIT and brackets.count(b"{") <= NESTING_LIMIT:
        return False
    if b'"' in brackets:
        brackets = b"".join(brackets.split(b'"')[::2])
    # Each round takes out the innermost level, which in documents is most of what there is.
    rounds = 4
    for _ in range(rounds):
        brackets = brackets.replace(b"{}", b"")
    depths = accumulate(memoryview(brackets.translate(_UP_AND_DOWN)).cast("b"))
    return max(depths, default=0) + rounds > NESTING_LIMIT


def has_forbidden_characters(bare: bytes) -> bool:
    """Say whether a string of a body without escapes has a character that XML 1.0 cannot carry. Spec: AASd-130.

    Control characters that are not escaped are no JSON at all, which the decoder says.
    """
    if b"\\" in bare and _NOT_XML.search(bare) is not None:
        return True
    return not bare.isascii() and _NOT_XML_UNESCAPED.search(bare) is not None


def strings(bare: bytes) -> int:
    """Count the strings of a JSON text without escapes, or of its marks; names of members included."""
    return bare.count(b'"') >> 1


def path_of_duplicate(body: bytes) -> str:
    """Find an object that names a member twice, as a JSON path; of a body that is known to have one."""
    path = "$"
    rest = msgspec.Raw(body)
    while True:
        step, rest = _step_to_duplicate(rest)
        if not step:
            return path
        path += step


def _step_to_duplicate(value: msgspec.Raw) -> tuple[str, msgspec.Raw]:
    text = bytes(value).lstrip()
    if text.startswith(b"{"):
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        steps = [(f".{name}", member) for name, member in members.items()]
    elif text.startswith(b"["):
        steps = [(f"[{index}]", item) for index, item in enumerate(msgspec.json.decode(text, type=list[msgspec.Raw]))]
    else:
        steps = []
    for step, inner in steps:
        written = msgspec.json.encode(msgspec.json.decode(inner))
        if strings(without_escapes(bytes(inner))) != strings(without_escapes(written)):
            return step, inner
    return "", value
