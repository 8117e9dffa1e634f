"""The `$path` view: the idShortPaths of what stands in a submodel or an element, in its order.

Paths begin right below the submodel, wherever they are asked for. An element that was let through without an idShort
has no path unless it stands in a list, and nothing below it has one.

Spec: IDTA-01001, "Format Path".
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from titan.codec.json import encode
from titan.codec.within import CHILDREN, Steps
from titan.metamodel.paths import text

_LIST = "SubmodelElementList"


class _Element(Struct, rename="camel"):
    """As much of an element as a path needs; children stay as they are until they are asked for."""

    model_type: str
    id_short: str = ""
    value: Raw = Raw()
    statements: Raw = Raw()
    annotations: Raw = Raw()

    @property
    def children(self) -> Raw:
        match CHILDREN.get(self.model_type):
            case "value":
                return self.value
            case "statements":
                return self.statements
            case "annotations":
                return self.annotations
            case _:
                return Raw()


_ELEMENT = msgspec.json.Decoder(_Element)
_ELEMENTS = msgspec.json.Decoder(list[_Element])


def paths(elements: bytes, *, core: bool) -> bytes:
    """Give the paths of canonical top-level elements joined by commas, and of all below them unless `core`.

    Gives them as JSON strings joined by commas; nothing where there are no elements.
    """
    return encode([*_paths(b"[%b]" % elements, "", is_list=False, deep=not core)])[1:-1]


def paths_from(element: bytes, path: Steps, *, core: bool) -> bytes:
    """Give the path of an element that stands at `path`, and those of what is below it, direct children if `core`."""
    own = text(path)
    found = _ELEMENT.decode(element)
    return encode([own, *_below(found, own, deep=not core)])[1:-1]


def _paths(elements: bytes | Raw, prefix: str, *, is_list: bool, deep: bool) -> Iterator[str]:
    for at, element in enumerate(_ELEMENTS.decode(elements)):
        if not is_list and not element.id_short:
            continue
        own = f"{prefix}[{at}]" if is_list else f"{prefix}.{element.id_short}" if prefix else element.id_short
        yield own
        if deep:
            yield from _below(element, own, deep=True)


def _below(element: _Element, own: str, *, deep: bool) -> Iterator[str]:
    children = element.children
    if bytes(children):
        yield from _paths(children, own, is_list=element.model_type == _LIST, deep=deep)
