"""The slow reading of JSON, for what the fast one refused: tells all that is wrong, and builds what can be built.

The decoder stops at the first thing that does not fit. This reads the same model from plain lists and dicts, notes
everything that does not fit, and goes on. What breaks only a length or a pattern can still be represented without loss,
so it is built all the same; that is what a lenient reading lets through. What is missing, unknown, null or of another
type cannot.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias, cast

from msgspec import Struct, inspect

from titan.errors import Fault
from titan.metamodel.constraints import check_at
from titan.metamodel.elements import Element, EventPayload, SubmodelElement, SubmodelElementList
from titan.metamodel.faults import EnoughError, Faults
from titan.metamodel.identifiables import Environment
from titan.metamodel.references import Part
from titan.metamodel.rules.attributes import quoted, repeated
from titan.metamodel.values import PATTERNS
from titan.metamodel.walk import Place

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
_Built: TypeAlias = "Part | list[_Built] | str | bool | Broken"

_XML: Final = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*+").fullmatch
_A: Final[dict[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    type(None): "null",
}


class Broken:
    """Stands for what cannot be built."""


_BROKEN: Final = Broken()


class Spot(Struct, frozen=True, gc=False):
    """Where in a body something is."""

    path: str
    names: str = ""
    """The idShortPath of the element that it belongs to; empty outside of elements."""

    def member(self, name: str) -> "Spot":
        return Spot(f"{self.path}.{name}", self.names)

    def item(self, index: int) -> "Spot":
        return Spot(f"{self.path}[{index}]", self.names)

    def element(self, index: int, data: Json, *, in_list: bool) -> "Spot":
        if in_list:
            return Spot(f"{self.path}[{index}]", f"{self.names}[{index}]")
        name = data.get("idShort", "") if isinstance(data, dict) else ""
        return Spot(f"{self.path}[{index}]", f"{self.names}.{name}".removeprefix("."))


def _structs(known: inspect.Type, found: dict[type, inspect.StructType]) -> dict[type, inspect.StructType]:
    """Collect what a model is made of."""
    match known:
        case inspect.UnionType():
            for one in known.types:
                _structs(one, found)
        case inspect.ListType():
            _structs(known.item_type, found)
        case inspect.StructType() if known.cls not in found:
            found[known.cls] = known
            for field in known.fields:
                _structs(field.type, found)
        case _:
            pass
    return found


_STRUCTS: Final = _structs(inspect.type_info(EventPayload), _structs(inspect.type_info(Environment), {}))
_MEMBERS: Final = {model: {field.encode_name: field for field in known.fields} for model, known in _STRUCTS.items()}
_ELEMENTS: Final = inspect.type_info(SubmodelElement)


def knows(model: type) -> bool:
    """Say whether a class is one of those that documents are made of."""
    return model in _STRUCTS


def read_slowly(model: type[Part] | None, data: Json, faults: Faults) -> Part | None:
    """Build a class of the metamodel, or an element of any type, from plain data; None where that cannot be done.

    Notes what does not fit, and what constraints say of all that could be built, also in what could not.
    """
    expected = _ELEMENTS if model is None else _STRUCTS[model]
    reading = _Reading(faults)
    tagged = isinstance(expected, inspect.StructType) and expected.tag is not None
    wanted = inspect.UnionType((expected,)) if tagged else expected
    try:
        built = reading.take(wanted, data, Spot("$"))
        if isinstance(built, Part):
            check_at(Place(built), root="$", faults=faults)
    except EnoughError:
        return None
    return built if isinstance(built, Part) and reading.is_whole else None


class _Reading:
    """One slow reading of one body."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.is_whole = True

    def take(self, expected: inspect.Type, data: Json, spot: Spot) -> _Built:
        match expected:
            case inspect.UnionType():
                return self._one_of(expected, data, spot)
            case inspect.StructType():
                return self._object(expected, data, spot)
            case inspect.ListType():
                return self._array(expected, data, spot, in_list=False)
            case inspect.StrType():
                return self._string(expected, data, spot)
            case inspect.LiteralType():
                if isinstance(data, str) and data in expected.values:
                    return data
                return self._none_of(data, map(str, expected.values), spot)
            case _:
                return data if isinstance(data, bool) else self._wrong("true or false", data, spot)

    def _one_of(self, expected: inspect.UnionType, data: Json, spot: Spot) -> _Built:
        if not isinstance(data, dict):
            return self._wrong("an object", data, spot)
        if "modelType" not in data:
            return self._unfit("`modelType` is required here.", spot)
        classes = {str(one.tag): one for one in expected.types if isinstance(one, inspect.StructType) and one.tag}
        chosen = data["modelType"]
        if isinstance(chosen, str) and chosen in classes:
            return self._object(classes[chosen], data, spot)
        return self._none_of(chosen, classes, spot.member("modelType"))

    def _object(self, expected: inspect.StructType, data: Json, spot: Spot) -> _Built:
        if not isinstance(data, dict):
            return self._wrong("an object", data, spot)
        model = expected.cls
        members = _MEMBERS[model]
        is_right = True
        for name in data:
            if name not in members and not (expected.tag and name == expected.tag_field):
                is_right = False
                self._unfit(f"There is no {quoted(name)} in {model.__name__}.", spot.member(name))
        built: list[tuple[str, Spot, _Built]] = []
        for name, field in members.items():
            if name in data:
                inside = spot.member(name)
                built.append((field.name, inside, self._member(model, field.type, data[name], inside)))
            elif field.required:
                is_right = False
                self._unfit(f"`{name}` is required here.", spot)
        if is_right and all(value is not _BROKEN for _, _, value in built):
            return cast("Part", model(**{name: value for name, _, value in built}))
        for _, inside, value in built:
            self._ask(value, inside)
        return _BROKEN

    def _member(self, model: type, expected: inspect.Type, data: Json, spot: Spot) -> _Built:
        if isinstance(expected, inspect.ListType):
            return self._array(expected, data, spot, in_list=issubclass(model, SubmodelElementList))
        return self.take(expected, data, spot)

    def _array(self, expected: inspect.ListType, data: Json, spot: Spot, *, in_list: bool) -> _Built:
        if not isinstance(data, list):
            return self._wrong("an array", data, spot)
        if not data and expected.min_length:
            self._note("An array is not empty; leave it out.", spot)
        named = _holds_elements(expected.item_type)
        spots = [
            spot.element(index, item, in_list=in_list) if named else spot.item(index) for index, item in enumerate(data)
        ]
        built = [self.take(expected.item_type, item, inside) for item, inside in zip(data, spots, strict=True)]
        if all(one is not _BROKEN for one in built):
            return built
        if named and not in_list:
            self._siblings(data, spots)
        for one, inside in zip(built, spots, strict=True):
            self._ask(one, inside)
        return _BROKEN

    def _siblings(self, data: "list[Json]", spots: Sequence[Spot]) -> None:
        """Ask of neighbours what could be asked of all, had each of them been built."""
        names = [item.get("idShort") if isinstance(item, dict) else None for item in data]
        for index in repeated([name if isinstance(name, str) else None for name in names]):
            if isinstance(names[index], str):
                text = f"There is an element of the idShort {quoted(str(names[index]))} already."
                self._note(text, spots[index].member("idShort"), rule="AASd-022")

    def _ask(self, built: _Built, spot: Spot) -> None:
        """Ask the constraints of what could be built, but stands in something that could not."""
        if isinstance(built, Part):
            check_at(Place(built), root=spot.path, names=spot.names, faults=self._faults)
        elif isinstance(built, list):
            named = any(isinstance(one, Element) for one in built)
            for index, one in enumerate(built):
                name = one.id_short if isinstance(one, Element) else None
                inside = spot.element(index, {"idShort": name or ""}, in_list=False) if named else spot.item(index)
                self._ask(one, inside)

    def _string(self, expected: inspect.StrType, data: Json, spot: Spot) -> _Built:
        if not isinstance(data, str):
            return self._wrong("a string", data, spot)
        if _XML(data) is None:
            text = "This string has a character that XML 1.0 cannot carry, such as a control character."
            return self._unfit(text, spot, rule="AASd-130")
        if expected.min_length and not data:
            self._note("This must not be empty.", spot)
        elif expected.max_length is not None and len(data) > expected.max_length:
            self._note(f"This has {len(data)} characters; at most {expected.max_length} are allowed.", spot)
        elif expected.pattern is not None and re.search(expected.pattern, data) is None:
            rule, said = PATTERNS[expected.pattern]
            self._note(f"{quoted(data)} is not {said}.", spot, rule=rule)
        return data

    def _none_of(self, data: Json, allowed: Iterable[str], spot: Spot) -> Broken:
        if not isinstance(data, str):
            return self._wrong("a string", data, spot)
        return self._unfit(f"{quoted(data)} is none of {', '.join(allowed)}.", spot)

    def _wrong(self, wanted: str, data: Json, spot: Spot) -> Broken:
        return self._unfit(f"This is {wanted}, not {_A.get(type(data), 'a number')}.", spot)

    def _unfit(self, text: str, spot: Spot, *, rule: str = "") -> Broken:
        self.is_whole = False
        if self._faults.full:
            self._faults.count(is_final=True)
        else:
            self._note(text, spot, rule=rule)
        return _BROKEN

    def _note(self, text: str, spot: Spot, *, rule: str = "") -> None:
        self._faults.add(Fault(text=text, path=spot.path, rule=rule, id_short_path=spot.names))


def _holds_elements(item: inspect.Type) -> bool:
    if not isinstance(item, inspect.UnionType):
        return False
    return any(isinstance(one, inspect.StructType) and issubclass(one.cls, Element) for one in item.types)
