"""What stands within a canonical submodel or element, found and changed by bytes.

A change costs what the element that it is in is large; what stands beside the way is copied, never understood. So
documents that were let through leniently can be changed as well, and come back as they were but for the change.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct

from titan.codec.json import encode
from titan.metamodel.paths import text

CHILDREN = {
    "Submodel": "submodelElements",
    "SubmodelElementCollection": "value",
    "SubmodelElementList": "value",
    "Entity": "statements",
    "AnnotatedRelationshipElement": "annotations",
}
"""Where elements keep the elements below them. Variables of an Operation are not below it: no path leads there."""

Steps: TypeAlias = Sequence[str | int]


class LostError(ValueError):
    """A path leads nowhere; `way` is as far as it goes, and one step on."""

    def __init__(self, way: str) -> None:
        self.way = way
        super().__init__(way)


class _Named(Struct, rename="camel"):
    id_short: str = ""


class _Typed(Struct, rename="camel"):
    model_type: str


_NAMED = msgspec.json.Decoder(list[_Named])
_TYPED = msgspec.json.Decoder(_Typed)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ELEMENTS = msgspec.json.Decoder(list[Raw])


def model(thing: bytes) -> str:
    """Give the `modelType`."""
    return _TYPED.decode(thing).model_type


def children(thing: bytes) -> list[Raw]:
    """Give the elements right below a submodel or an element, in their order; none where there can be none."""
    field = CHILDREN.get(model(thing), "")
    members = _OBJECT.decode(thing)
    return _ELEMENTS.decode(members[field]) if field in members else []


def with_children(thing: bytes, elements: Sequence[bytes | Raw]) -> bytes:
    """Put other elements below a submodel or an element; it says nothing of them where there are none."""
    members = _OBJECT.decode(thing)
    field = CHILDREN[model(thing)]
    if elements:
        members[field] = Raw(b"[%b]" % b",".join(elements))
    else:
        members.pop(field, None)
    return encode(members)


def names(elements: Sequence[bytes | Raw]) -> list[str]:
    """Give the idShorts of elements; an empty one where there is none."""
    return [named.id_short for named in _NAMED.decode(b"[%b]" % b",".join(elements))]


def index_of(thing: bytes, step: str | int) -> int | None:
    """Say which of the elements right below is meant; None where there is none such."""
    return _index(model(thing), children(thing), step)


def find(thing: bytes, path: Steps, *, came: Steps = ()) -> bytes:
    """Give the element that a path leads to from here; itself where the path is empty.

    Args:
        thing: Where to begin.
        path: From there on.
        came: The path that led here, to be told with the rest.

    Raises:
        LostError: where it leads nowhere.
    """
    for at, step in enumerate(path):
        below = children(thing)
        index = _index(model(thing), below, step)
        if index is None:
            raise LostError(text([*came, *path[: at + 1]]))
        thing = bytes(below[index])
    return thing


def put(thing: bytes, path: Steps, element: bytes) -> bytes:
    """Put a canonical element in the place of the one that a path leads to from here.

    Raises:
        LostError: where it leads nowhere.
    """
    return _changed(thing, path, 0, element)


def add(thing: bytes, path: Steps, element: bytes) -> bytes:
    """Put a canonical element behind the last of those below the one that a path leads to from here.

    Raises:
        LostError: where it leads nowhere, or to what cannot have elements below it.
    """
    parent = find(thing, path)
    if model(parent) not in CHILDREN:
        raise LostError(text(path))
    return put(thing, path, with_children(parent, [*children(parent), element]))


def remove(thing: bytes, path: Steps) -> bytes:
    """Take out what a path leads to from here.

    Raises:
        LostError: where it leads nowhere.
    """
    return _changed(thing, path, 0, None)


def _changed(thing: bytes, path: Steps, at: int, element: bytes | None) -> bytes:
    if at == len(path):
        return element or b""
    below: list[bytes | Raw] = [*children(thing)]
    index = _index(model(thing), below, path[at])
    if index is None:
        raise LostError(text(path[: at + 1]))
    if element is None and at == len(path) - 1:
        del below[index]
    else:
        below[index] = _changed(bytes(below[index]), path, at + 1, element)
    return with_children(thing, below)


def _index(model_type: str, below: Sequence[bytes | Raw], step: str | int) -> int | None:
    if isinstance(step, int) or model_type == "SubmodelElementList":
        fits = isinstance(step, int) and model_type == "SubmodelElementList" and step < len(below)
        return int(step) if fits else None
    known = names(below)
    return known.index(step) if step in known else None
