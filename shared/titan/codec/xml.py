"""XML of the metamodel: structs to elements, in the order of the official schema.

Each class has an element of its name, each member one of its own; a list holds an element for each of its items, and
so does a member that may be of several classes. What differs from JSON is the order of some members.

Spec: IDTA-01001, "XML", and its schema for 3.1.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, cast

from msgspec import Struct, inspect, structs

from titan.codec import json
from titan.metamodel.elements import Blob, Entity, EventPayload, File, SubmodelElement
from titan.metamodel.identifiables import Environment
from titan.metamodel.kinds import Kind
from titan.metamodel.references import Part, Referable

NAMESPACE: Final = "https://admin-shell.io/aas/3/1"
PROLOG: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'

_COMMON = (
    *("extensions", "category", "id_short", "display_name", "description", "administration", "id", "kind"),
    *("semantic_id", "supplemental_semantic_ids", "qualifiers", "embedded_data_specifications"),
)
"""What the schema has first, in its order, of what can be referred to."""
_NEXT: dict[type[Part], tuple[str, ...]] = {Blob: ("value",), File: ("value",), Entity: ("statements",)}
"""What it has then, where that is not the order of the fields."""


def models() -> dict[type[Part], inspect.StructType]:
    """Every class of the metamodel that can stand in a document, or beside one."""
    found: dict[type[Part], inspect.StructType] = {}
    for one in inspect.multi_type_info([Environment, EventPayload, SubmodelElement]):
        _collect(one, found)
    return found


def _collect(one: inspect.Type, found: dict[type[Part], inspect.StructType]) -> None:
    match one:
        case inspect.StructType(cls=cls) if issubclass(cls, Part) and cls not in found:
            found[cls] = one
            for field in one.fields:
                _collect(field.type, found)
        case inspect.UnionType(types=types):
            for each in types:
                _collect(each, found)
        case inspect.ListType(item_type=item_type):
            _collect(item_type, found)
        case _:
            pass


def element_name(model: type[Struct]) -> str:
    """Name of the element that an instance of the class is."""
    return model.__name__[0].lower() + model.__name__[1:]


def _members(model: type[Part]) -> tuple[tuple[str, str, str], ...]:
    fields = structs.fields(model)
    if issubclass(model, Referable):
        first = (*_COMMON, *_NEXT.get(model, ()))
        ranks = {name: rank for rank, name in enumerate(first)}
        fields = tuple(sorted(fields, key=lambda field: ranks.get(field.name, len(first))))
    return tuple((field.name, f"<{field.encode_name}>", f"</{field.encode_name}>") for field in fields)


_MODELS: Final = models()
_MEMBERS: Final = {model: _members(model) for model in _MODELS}
"""Field, start and end of its element, in the order of the schema."""
_TAGS: Final = {model: (f"<{element_name(model)}>", f"</{element_name(model)}>") for model in _MODELS}
_SPECIAL: Final = re.compile('[&<>"\r]')
# A carriage return that is not escaped is read as a line feed.
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})


def escaped(text: str) -> str:
    """Give the text as it stands in an element, or in an attribute that has no white space but blanks."""
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text


def encode(value: Part) -> bytes:
    """Give an instance of any class as a document: its element, in the namespace of the metamodel."""
    start, end = _TAGS[type(value)]
    texts = [f'{start[:-1]} xmlns="{NAMESPACE}">']
    _write_members(value, texts)
    texts.append(end)
    return PROLOG + "".join(texts).encode()


def encode_part(value: Part) -> bytes:
    """Give its element alone, for a place within another where the namespace is declared."""
    texts: list[str] = []
    _write(value, texts)
    return "".join(texts).encode()


def _write(value: Part, texts: list[str]) -> None:
    start, end = _TAGS[type(value)]
    texts.append(start)
    _write_members(value, texts)
    texts.append(end)


def _write_members(value: Part, texts: list[str]) -> None:
    for name, start, end in _MEMBERS[type(value)]:
        held = cast("object", getattr(value, name))
        if held is None:
            continue
        texts.append(start)
        if isinstance(held, str):
            texts.append(escaped(held))
        elif isinstance(held, bool):
            texts.append("true" if held else "false")
        elif isinstance(held, list):
            for item in cast("list[Part]", held):
                _write(item, texts)
        elif isinstance(held, Part):
            # A class that is named by its `modelType` in JSON is one of several, and has an element of its own.
            (_write_members if held.__struct_config__.tag is None else _write)(held, texts)
        texts.append(end)


class XmlEnvelope:
    """The XML of an environment, document by document. Kinds of which there are no documents are left out."""

    def __init__(self) -> None:
        self._kind: Kind | None = None

    def add(self, kind: Kind, pieces: Sequence[bytes]) -> Iterator[bytes]:
        yield from self.add_part(kind, json.stored(kind.model, b"".join(pieces)))

    def add_part(self, kind: Kind, document: Part) -> Iterator[bytes]:
        """Do the same for a document that is decoded already."""
        if kind is not self._kind:
            yield (self._start() if self._kind is None else _end_of(self._kind)) + b"<%b>" % _field_of(kind)
            self._kind = kind
        yield encode_part(document)

    def end(self) -> bytes:
        return (self._start() if self._kind is None else _end_of(self._kind)) + b"</environment>\n"

    def _start(self) -> bytes:
        return PROLOG + b'<environment xmlns="%b">' % NAMESPACE.encode()


def _field_of(kind: Kind) -> bytes:
    return kind.environment_field.encode()


def _end_of(kind: Kind) -> bytes:
    return b"</%b>" % _field_of(kind)
