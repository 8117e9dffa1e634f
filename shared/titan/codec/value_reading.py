"""Reading what was sent as `$value` into the elements that are there.

It goes over what was sent, finds for each value the element that it is for, and notes all that does not fit. An element
that nothing changes is given back as the same object, and so is all that it stands in.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final, Never, TypeVar, cast

import msgspec
from msgspec import Raw, structs

from titan.codec.json import encode
from titan.codec.shape import Spot, read_slowly
from titan.codec.value_asset_ids import with_what_they_had
from titan.codec.value_sent import (
    ARRAY,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUTH,
    items_of,
    kind_of,
    members_of,
    plain,
    text_of,
)
from titan.codec.value_views import ALL_LEVELS, NUMERIC, Scope, empty_form, scalar, view
from titan.errors import Fault, Invalid
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
    RelationshipElement,
    SubmodelElement,
    SubmodelElementCollection,
    SubmodelElementList,
)
from titan.metamodel.faults import EnoughError, Faults
from titan.metamodel.references import SpecificAssetId
from titan.metamodel.rules.attributes import quoted
from titan.metamodel.rules.elements import value_of_blob
from titan.metamodel.values import DataTypeDefXsd
from titan.metamodel.xs import is_valid

S = TypeVar("S", bound=Element)

_ADDS_NONE: Final = "a $value adds no elements"
_EVERYTHING: Final = Scope(levels=ALL_LEVELS, blobs=True)

_ELEMENT: msgspec.json.Decoder[SubmodelElement] = msgspec.json.Decoder(SubmodelElement)

_NOT_MOVED: Final[Mapping[str, str]] = {}
_IN_A_FILE: Final = {"contentType": "content_type", "value": "value"}
_IN_A_RELATIONSHIP: Final = {"first": "first", "second": "second"}
_ATTRIBUTES: Final[dict[type, dict[str, str]]] = {
    AnnotatedRelationshipElement: _IN_A_RELATIONSHIP,
    BasicEventElement: {"observed": "observed"},
    Blob: _IN_A_FILE,
    Entity: {"entityType": "entity_type", "globalAssetId": "global_asset_id", "specificAssetIds": "specific_asset_ids"},
    File: _IN_A_FILE,
    MultiLanguageProperty: {"value": "value"},
    ReferenceElement: {"value": "value"},
    RelationshipElement: _IN_A_RELATIONSHIP,
}
"""Which attributes are in the value of an element, by their names in JSON; elements below it are beside them."""


class Reading:
    """One reading of one body, and what has been found wrong with it."""

    def __init__(self) -> None:
        self._faults = Faults()

    def read(self, element: S, sent: Raw, path: str) -> S:
        """Give the element of an idShortPath with what was sent for it; as it was where that does not fit."""
        with suppress(EnoughError):
            return self.element(element, sent, Spot("$", path))
        return element

    def read_branches(self, elements: list[SubmodelElement], sent: Raw) -> list[SubmodelElement]:
        """Do the same for the elements of a submodel."""
        with suppress(EnoughError):
            spot = Spot("$")
            return self._named(elements, self._members(sent, spot), spot)
        return elements

    def finish(self) -> None:
        """Say what was wrong.

        Raises:
            Invalid: with all of it, where there was something.
        """
        found = self._faults.told()
        if found:
            raise Invalid(faults=found)

    def element(self, element: S, sent: Raw, spot: Spot) -> S:
        changed = _READINGS[type(element)](self, cast("Never", element), sent, spot)
        return cast("S", changed)

    def single(self, element: Property, sent: Raw, spot: Spot) -> Property:
        return _replaced(element, {"value": self._scalar(sent, element.value_type, element.value, spot)})

    def bounds(self, element: Range, sent: Raw, spot: Spot) -> Range:
        kept = {"min": element.min, "max": element.max}
        members = self._only(self._members(sent, spot), kept, element, spot)
        changes = {
            name: self._scalar(bound, element.value_type, kept[name], spot.member(name))
            for name, bound in members.items()
        }
        return _replaced(element, changes)

    def texts(self, element: MultiLanguageProperty, sent: Raw, spot: Spot) -> MultiLanguageProperty:
        objects = self._objects(sent, spot)
        if objects is None:
            return element
        several = [(path, language, text) for path, one in objects for language, text in one.items()]
        moved = {"$.value": spot.path}
        for index, (path, language, _) in enumerate(several):
            moved |= dict.fromkeys(_both(f"$.value[{index}]", "language", "text"), f"{path}.{language}")
        texts = [{"language": language, "text": text} for _, language, text in several]
        return _replaced(element, self._attributes(element, {"value": Raw(encode(texts))}, spot, moved))

    def reference(self, element: ReferenceElement, sent: Raw, spot: Spot) -> ReferenceElement:
        if kind_of(sent) == NULL:
            self._refuse_null(spot)
            return element
        return _replaced(element, self._attributes(element, {"value": sent}, spot, {"$.value": spot.path}))

    def attributes(self, element: S, sent: Raw, spot: Spot) -> S:
        members = self._only(self._members(sent, spot), _ATTRIBUTES[type(element)], element, spot)
        return _replaced(element, self._attributes(element, members, spot))

    def blob(self, element: Blob, sent: Raw, spot: Spot) -> Blob:
        changed = self.attributes(element, sent, spot)
        if changed.value != element.value:
            for where, text in value_of_blob(changed):
                self._note(text, Spot(f"{spot.path}{where}", spot.names))
        return changed

    def annotated(self, element: AnnotatedRelationshipElement, sent: Raw, spot: Spot) -> AnnotatedRelationshipElement:
        members = self._only(self._members(sent, spot), ("annotations", *_IN_A_RELATIONSHIP), element, spot)
        annotations = members.pop("annotations", None)
        changes = self._attributes(element, members, spot)
        if annotations is not None:
            changes["annotations"] = self._below(element.annotations, annotations, spot.member("annotations"))
        return _replaced(element, changes)

    def entity(self, element: Entity, sent: Raw, spot: Spot) -> Entity:
        members = self._only(self._members(sent, spot), ("statements", *_ATTRIBUTES[Entity]), element, spot)
        statements = members.pop("statements", None)
        asset_ids = members.pop("specificAssetIds", None)
        changes = self._attributes(element, members, spot)
        if asset_ids is not None:
            changes |= self._asset_ids(element, asset_ids, spot)
        if statements is not None:
            changes["statements"] = self._below(element.statements, statements, spot.member("statements"))
        return _replaced(element, changes)

    def collection(self, element: SubmodelElementCollection, sent: Raw, spot: Spot) -> SubmodelElementCollection:
        children = element.value or []
        changed = self._named(children, self._members(sent, spot), spot)
        return element if changed is children else structs.replace(element, value=changed)

    def positions(self, element: SubmodelElementList, sent: Raw, spot: Spot) -> SubmodelElementList:
        children = element.value or []
        items = self._items(sent, spot)
        if len(items) > len(children):
            text = f"The list has {len(children)} elements, and these are {len(items)} values; {_ADDS_NONE}."
            self._note(text, spot)
        changed = [
            self._in_place(child, one, Spot(f"{spot.path}[{index}]", f"{spot.names}[{index}]"))
            for index, (child, one) in enumerate(zip(children, items, strict=False))
        ]
        if all(new is old for new, old in zip(changed, children, strict=False)):
            return element
        return structs.replace(element, value=[*changed, *children[len(changed) :]])

    def nothing(self, element: S, _: Raw, spot: Spot) -> S:
        self._note(f"There is no value of {type(element).__name__}: nothing can be sent for this element.", spot)
        return element

    def _in_place(self, element: SubmodelElement, sent: Raw, spot: Spot) -> SubmodelElement:
        if (
            bytes(sent) in {b"{}", b"[]"}
            and view(element, _EVERYTHING) is None
            and bytes(sent) == encode(empty_form(element))
        ):
            return element
        return self.element(element, sent, spot)

    def _below(self, children: list[S] | None, sent: Raw, spot: Spot) -> list[S] | None:
        """Read elements by name that are sent in an object, or in an array of objects."""
        changed = children or []
        for path, members in self._objects(sent, spot) or ():
            changed = self._named(changed, members, Spot(path, spot.names))
        return changed or children

    def _named(self, children: list[S], sent: Mapping[str, Raw], spot: Spot) -> list[S]:
        # The first of an idShort is the one that is shown.
        indices = {child.id_short: index for index, child in reversed(tuple(enumerate(children)))} if sent else {}
        changed = children.copy()
        for name, one in sent.items():
            inside = Spot(f"{spot.path}.{name}", f"{spot.names}.{name}".removeprefix("."))
            if name in indices:
                changed[indices[name]] = self.element(changed[indices[name]], one, inside)
            else:
                self._note(f"There is no element of the idShort {quoted(name)} here; {_ADDS_NONE}.", inside)
        return children if all(new is old for new, old in zip(changed, children, strict=True)) else changed

    def _scalar(self, sent: Raw, value_type: DataTypeDefXsd, kept: str | None, spot: Spot) -> str | None:
        """Give the text of a value that was sent, or the text that is kept where it does not differ or fit."""
        kind, got = kind_of(sent), text_of(sent)
        if kept is not None and (kind, got) == _shown(kept, value_type):
            return kept
        wanted = NUMBER if value_type in NUMERIC else TRUTH if value_type == "xs:boolean" else STRING
        if kind == NULL:
            self._refuse_null(spot)
        elif kind not in {wanted, STRING}:  # Clients send numbers and truth values as texts, and JSON has no INF.
            self._note(f"A value of {value_type} is {wanted}, not {kind}.", spot)
        elif not is_valid(got, value_type):
            self._note(f"{quoted(got)} is no {value_type}.", spot)
        else:
            return got
        return kept

    def _attributes(
        self, element: Element, members: Mapping[str, Raw], spot: Spot, moved: Mapping[str, str] = _NOT_MOVED
    ) -> dict[str, object]:
        """Decode attributes as those of the class; `moved` says where what is sent in another form is in the body."""
        if not members:
            return {}
        names = _ATTRIBUTES[type(element)]
        try:
            part = _ELEMENT.decode(_filled(element, members))
        except msgspec.ValidationError as error:
            return self._attributes_slowly(element, members, spot, moved, str(error))
        return {names[name]: getattr(part, names[name]) for name in members}

    def _attributes_slowly(
        self, element: Element, members: Mapping[str, Raw], spot: Spot, moved: Mapping[str, str], text: str
    ) -> dict[str, object]:
        """Tell all that is wrong with attributes, but of what is as it was, having been let through leniently."""
        names = _ATTRIBUTES[type(element)]
        changed = {
            name: one for name, one in members.items() if plain(one) != plain(_kept(getattr(element, names[name])))
        }
        if len(changed) < len(members):
            return self._attributes(element, changed, spot, moved)
        faults = Faults()
        read_slowly(type(element), plain(Raw(_filled(element, members))), faults)
        found = [fault for fault in faults.told() if fault.path.startswith(tuple(f"$.{name}" for name in members))]
        for fault in found or [Fault(text=f"{text}.", path="$")]:
            stem = next((stem for stem in (fault.path, "$.value", "$") if stem in moved), "$")
            path = f"{moved.get(stem, spot.path)}{fault.path.removeprefix(stem)}"
            self._note(fault.text, Spot(path, spot.names), rule=fault.rule)
        return {}

    def _asset_ids(self, element: Entity, sent: Raw, spot: Spot) -> dict[str, object]:
        inside = spot.member("specificAssetIds")
        items = self._items(sent, inside)
        several = [self._asset_id(one, inside.item(index)) for index, one in enumerate(items)]
        if None in several or kind_of(sent) != ARRAY:
            return {}
        short = {index: next(iter(one)) for index, one in enumerate(map(members_of, items)) if len(one) == 1}
        moved = {
            built: f"{inside.item(index).path}.{name}"
            for index, name in short.items()
            for built in _both(f"$.specificAssetIds[{index}]", "name", "value")
        }
        changes = self._attributes(element, {"specificAssetIds": Raw(encode(several))}, spot, moved)
        read = cast("list[SpecificAssetId] | None", changes.get("specific_asset_ids"))
        if read is None:
            return {}
        return {"specific_asset_ids": with_what_they_had(read, element.specific_asset_ids or (), list(short))}

    def _asset_id(self, sent: Raw, spot: Spot) -> dict[str, Raw] | None:
        """Give a SpecificAssetId that was sent as `{name: value}`, or in format Normal, in format Normal."""
        if kind_of(sent) == OBJECT:
            members = members_of(sent)
            if len(members) == 1:
                ((name, one),) = members.items()
                return {"name": Raw(encode(name)), "value": one}
            if {"name", "value"} <= members.keys():
                return members
        self._note("This is an object with one member: the name of an identifier of the asset, and its value.", spot)
        return None

    def _only(
        self, members: Mapping[str, Raw], allowed: Collection[str], element: Element, spot: Spot
    ) -> dict[str, Raw]:
        """Note what is not in the value of such an element, and what is null; give the rest."""
        for name, one in members.items():
            if name not in allowed:
                text = f"There is no {quoted(name)} in the value of {type(element).__name__}."
                self._note(text, spot.member(name))
            elif kind_of(one) == NULL:
                self._refuse_null(spot.member(name))
        return {name: one for name, one in members.items() if name in allowed and kind_of(one) != NULL}

    def _members(self, sent: Raw, spot: Spot) -> dict[str, Raw]:
        return members_of(sent) if self._is(OBJECT, sent, spot) else {}

    def _items(self, sent: Raw, spot: Spot) -> list[Raw]:
        return items_of(sent) if self._is(ARRAY, sent, spot) else []

    def _objects(self, sent: Raw, spot: Spot) -> list[tuple[str, dict[str, Raw]]] | None:
        """Give the members of an object, or of the objects in an array, each with the path of its object."""
        if kind_of(sent) != ARRAY:
            return [(spot.path, members_of(sent))] if self._is(OBJECT, sent, spot) else None
        spots = [(spot.item(index), one) for index, one in enumerate(items_of(sent))]
        are_objects = [self._is(OBJECT, one, inside) for inside, one in spots]
        return [(inside.path, members_of(one)) for inside, one in spots] if all(are_objects) else None

    def _is(self, wanted: str, sent: Raw, spot: Spot) -> bool:
        kind = kind_of(sent)
        if kind == NULL:
            self._refuse_null(spot)
        elif kind != wanted:
            self._note(f"This is {wanted}, not {kind}.", spot)
        return kind == wanted

    def _refuse_null(self, spot: Spot) -> None:
        self._note("Null is no value; what is to stay as it is, is left out.", spot)

    def _note(self, text: str, spot: Spot, *, rule: str = "") -> None:
        self._faults.add(Fault(text=text, path=spot.path, rule=rule, id_short_path=spot.names))


def _shown(kept: str, value_type: DataTypeDefXsd) -> tuple[str, str]:
    """Give how a text is shown: the kind of JSON, and what it says."""
    shown = scalar(kept, value_type)
    if isinstance(shown, Raw):
        return NUMBER, bytes(shown).decode()
    return (TRUTH, "true" if shown else "false") if isinstance(shown, bool) else (STRING, shown)


def _replaced(element: S, changes: Mapping[str, object]) -> S:
    differing = {name: new for name, new in changes.items() if getattr(element, name) != new}
    return structs.replace(element, **differing) if differing else element


def _both(path: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{path}.{name}" for name in names)


def _kept(attribute: object) -> Raw:
    return Raw(encode(attribute))


def _filled(element: Element, members: Mapping[str, Raw]) -> bytes:
    """Make an element of the same class that has the members, and else only what the class demands."""
    demanded: dict[str, object] = {"modelType": type(element).__name__}
    if isinstance(element, BasicEventElement):
        demanded |= {"observed": element.observed, "direction": element.direction, "state": element.state}
    return encode({**demanded, **members})


_READINGS: Final[dict[type, Callable[[Reading, Never, Raw, Spot], Element]]] = {
    AnnotatedRelationshipElement: Reading.annotated,
    BasicEventElement: Reading.attributes,
    Blob: Reading.blob,
    Capability: Reading.nothing,
    Entity: Reading.entity,
    File: Reading.attributes,
    MultiLanguageProperty: Reading.texts,
    Operation: Reading.nothing,
    Property: Reading.single,
    Range: Reading.bounds,
    ReferenceElement: Reading.reference,
    RelationshipElement: Reading.attributes,
    SubmodelElementCollection: Reading.collection,
    SubmodelElementList: Reading.positions,
}
