"""Where documents name files that this server holds beside them, and putting something else in those places.

The value of a File and the path of a thumbnail name a content as `/attachments/<digest>/<file name>`.
"""

import re
from collections.abc import Callable, Iterable
from operator import is_
from typing import Final, TypeVar, cast

from msgspec import structs

from titan.metamodel.elements import File
from titan.metamodel.identifiables import Resource
from titan.metamodel.references import Part

P = TypeVar("P", bound=Part)

_HELD: Final = re.compile(r"/attachments/([0-9a-f]{64})/([^/?#]*)")
_ANY_HELD: Final = re.compile(rb'"/attachments/([0-9a-f]{64})/')


def held_digests(pieces: Iterable[bytes]) -> set[str]:
    """Give the digests that a canonical document may name as files; what holds none is not worth decoding for them."""
    return {digest.decode() for piece in pieces for digest in _ANY_HELD.findall(piece)}


def held(path: str) -> tuple[str, str] | None:
    """Give the digest and the file name, percent-encoded, of a content that this server holds; None for others."""
    found = _HELD.fullmatch(path)
    return (found[1], found[2]) if found else None


def with_paths(document: P, place: Callable[[File | Resource], str | None]) -> P:
    """Put other paths where files and thumbnails name one; None leaves it as it is."""

    def path_of(part: Part) -> Part:
        if not isinstance(part, File | Resource):
            return part
        path = place(part)
        if path is None:
            return part
        return structs.replace(part, value=path) if isinstance(part, File) else structs.replace(part, path=path)

    return rewritten(document, path_of)


def rewritten(value: P, change: Callable[[Part], Part]) -> P:
    """Give the same with every part changed, those below it first; what does not change is not copied."""
    changes: dict[str, object] = {}
    for name in value.__struct_fields__:
        member = cast("object", getattr(value, name))
        if isinstance(member, Part):
            new: object = rewritten(member, change)
        elif isinstance(member, list):
            items = cast("list[Part]", member)
            several = [rewritten(item, change) for item in items]
            new = items if all(map(is_, several, items)) else several
        else:
            continue
        if new is not member:
            changes[name] = new
    return cast("P", change(structs.replace(value, **changes) if changes else value))
