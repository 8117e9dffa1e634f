"""What the `$value` of each type of element shows, as a tree that the encoder writes.

Spec: IDTA-01001, "Format Value (Value-Only Serialization) in JSON"; see `titan.codec.value` for what it leaves open.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, Never, TypeAlias, cast

from msgspec import Raw, Struct

from titan.metamodel.elements import (
    AnnotatedRelationshipElement,
    BasicEventElement,
    Blob,
    Capability,
    Element,
    Entity,
    File,
    MultiLanguageProperty,
    Operation,
    Property,
    Range,
    ReferenceElement,
    Relationship,
    RelationshipElement,
    SubmodelElement,
    SubmodelElementCollection,
    SubmodelElementList,
)
from titan.metamodel.references import Reference
from titan.metamodel.values import DataTypeDefXsd

View: TypeAlias = dict[str, "View"] | list["View"] | Reference | str | bool | Raw

NUMERIC: Final[frozenset[DataTypeDefXsd]] = frozenset(
    {
        "xs:byte", "xs:decimal", "xs:double", "xs:float", "xs:int", "xs:integer", "xs:long", "xs:negativeInteger",
        "xs:nonNegativeInteger", "xs:nonPositiveInteger", "xs:positiveInteger", "xs:short", "xs:unsignedByte",
        "xs:unsignedInt", "xs:unsignedLong", "xs:unsignedShort",
    }
)  # fmt: skip
"""The types whose values are JSON numbers."""

ALL_LEVELS: Final = 1 << 30

_IS_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?").fullmatch
_PARTS_OF_NUMBER = re.compile(r"([+-]?)([0-9]*+)(?:(\.)([0-9]*+))?([eE][+-]?[0-9]++)?").fullmatch
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class Scope(Struct, frozen=True, gc=False):
    """How much of an element is shown."""

    levels: int
    """How many levels of elements below it."""
    blobs: bool
    """Whether with the values of Blobs."""

    def below(self) -> "Scope":
        return Scope(levels=self.levels - 1, blobs=self.blobs)


def view(element: Element, scope: Scope) -> View | None:
    """Give the value of an element; None where it has none."""
    return _VIEWS[type(element)](cast("Never", element), scope)


def named(elements: Sequence[Element], scope: Scope) -> dict[str, View]:
    """Give the values of elements of one namespace, those that have one, by idShort; the first where two have it."""
    shown: dict[str, View] = {}
    for element in elements:
        one = view(element, scope)
        if one is not None and element.id_short is not None:
            shown.setdefault(element.id_short, one)
    return shown


def scalar(text: str, value_type: DataTypeDefXsd) -> str | bool | Raw:
    """Give a text of a type as a number, as a truth value or as it is, the last also where it is none of its type."""
    if value_type in NUMERIC:
        number = _number(text)
        return text if number is None else Raw(number.encode())
    if value_type == "xs:boolean":
        return _BOOLEANS.get(text, text)
    return text


def has_form(element: Element) -> bool:
    """Say whether such an element can have a value: a Capability, an Operation, and a list of only them cannot."""
    if isinstance(element, SubmodelElementList):
        if element.type_value_list_element in {"Capability", "Operation"}:
            return False
        return not element.value or any(has_form(child) for child in element.value)
    return not isinstance(element, Capability | Operation)


def empty_form(element: Element) -> View:
    """Give what stands for an element without a value where its place in a list must be taken."""
    return [] if isinstance(element, MultiLanguageProperty | SubmodelElementList) else {}


def _number(text: str) -> str | None:
    """Give the JSON number that a lexical form stands for, digit by digit; None where it is no number."""
    if _IS_JSON_NUMBER(text) is not None:
        return text
    parts = _PARTS_OF_NUMBER(text)
    if parts is None:
        return None
    sign, whole, point, fraction, exponent = parts.groups(default="")
    if not whole and not fraction:
        return None
    tail = f".{fraction or '0'}" if point else ""
    return f"{sign.strip('+')}{whole.lstrip('0') or '0'}{tail}{exponent}"


def _property(element: Property, _: Scope) -> View | None:
    return None if element.value is None else scalar(element.value, element.value_type)


def _texts(element: MultiLanguageProperty, _: Scope) -> View | None:
    return None if element.value is None else [{one.language: one.text} for one in element.value]


def _range(element: Range, _: Scope) -> View | None:
    bounds = (("min", element.min), ("max", element.max))
    return {name: scalar(text, element.value_type) for name, text in bounds if text is not None} or None


def _reference(element: ReferenceElement, _: Scope) -> View | None:
    return element.value


def _file(element: File, _: Scope) -> View | None:
    return _present(contentType=element.content_type, value=element.value)


def _blob(element: Blob, scope: Scope) -> View | None:
    shown = _present(contentType=element.content_type, value=element.value)
    if shown is not None and not scope.blobs:
        shown.pop("value", None)
    return shown


def _relationship(element: Relationship, _: Scope) -> View | None:
    return _present(first=element.first, second=element.second)


def _annotated(element: AnnotatedRelationshipElement, scope: Scope) -> View | None:
    shown = _present(first=element.first, second=element.second)
    if element.annotations is None:
        return shown
    shown = shown or {}
    if scope.levels > 0:
        shown["annotations"] = named(element.annotations, scope.below())
    return shown


def _event(element: BasicEventElement, _: Scope) -> View | None:
    return {"observed": element.observed}


def _entity(element: Entity, scope: Scope) -> View | None:
    shown: dict[str, View] = {}
    if element.statements is not None and scope.levels > 0:
        shown["statements"] = named(element.statements, scope.below())
    own = _present(entityType=element.entity_type, globalAssetId=element.global_asset_id) or {}
    shown |= own
    if element.specific_asset_ids is not None:
        shown["specificAssetIds"] = [{one.name: one.value} for one in element.specific_asset_ids]
    return None if not shown and element.statements is None else shown


def _collection(element: SubmodelElementCollection, scope: Scope) -> View | None:
    return {} if element.value is None or scope.levels <= 0 else named(element.value, scope.below())


def _list(element: SubmodelElementList, scope: Scope) -> View | None:
    if not has_form(element):
        return None
    if element.value is None or scope.levels <= 0:
        return []
    below = scope.below()
    return [_in_place(child, below) for child in element.value]


def _in_place(element: SubmodelElement, scope: Scope) -> View:
    shown = view(element, scope)
    return empty_form(element) if shown is None else shown


def _none(_: Capability | Operation, __: Scope) -> View | None:
    return None


def _present(**members: str | Reference | None) -> dict[str, View] | None:
    return {name: member for name, member in members.items() if member is not None} or None


_VIEWS: Final[dict[type, Callable[[Never, Scope], View | None]]] = {
    AnnotatedRelationshipElement: _annotated,
    BasicEventElement: _event,
    Blob: _blob,
    Capability: _none,
    Entity: _entity,
    File: _file,
    MultiLanguageProperty: _texts,
    Operation: _none,
    Property: _property,
    Range: _range,
    ReferenceElement: _reference,
    RelationshipElement: _relationship,
    SubmodelElementCollection: _collection,
    SubmodelElementList: _list,
}
