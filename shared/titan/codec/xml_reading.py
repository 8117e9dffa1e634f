"""XML of the metamodel to JSON of the metamodel: what is then wrong with it is found by the one way of checking.

Members may stand in any order, since nothing depends on it; everything else must be as the schema has it, or would be
lost. Documents of 3.0 are read as such of 3.1, which takes all that they may say. Definitions of document types are
refused: no entity is expanded, and nothing is fetched.

Spec: IDTA-01001, "XML", and its schema for 3.1.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec
from lxml import etree
from msgspec import Struct, inspect

from titan.codec.shape import Json
from titan.codec.xml import NAMESPACE, element_name, models
from titan.errors import Fault, Invalid
from titan.metamodel.elements import Blob, EventPayload
from titan.metamodel.faults import FAULT_LIMIT
from titan.metamodel.references import Part
from titan.metamodel.rules.attributes import quoted

Xml: TypeAlias = etree._Element  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the only name that lxml has for it
NAMESPACES: Final = frozenset({NAMESPACE, "https://admin-shell.io/aas/3/0"})
_ABOUT_SCHEMAS: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_BASE64: Final[set[tuple[type[Struct], str]]] = {(Blob, "value"), (EventPayload, "payload")}
"""White space does not count in them, and other tools break their lines."""

_MODELS: Final = models()
_BY_ELEMENT: Final = {element_name(model): model for model in _MODELS}
_MEMBERS: Final[dict[type[Struct], dict[str, inspect.Type]]] = {
    model: {field.encode_name: field.type for field in struct.fields} for model, struct in _MODELS.items()
}


class Read(Struct, frozen=True):
    """What an XML document says."""

    model: type[Part]
    """The class that its root is named by."""
    body: bytes
    """As JSON."""


def to_json(body: bytes) -> Read:
    """Turn an XML document of any class into JSON of that class; asks neither types nor constraints.

    Raises:
        Invalid: where it is no XML of the metamodel, with every place where it is not.
    """
    root = _parsed(body)
    name = _name_of(root)
    model = _BY_ELEMENT.get(name or "")
    if name is None or model is None:
        raise Invalid(
            f"There is no {quoted(str(root.tag))} in the metamodel, or it is in no namespace of it.", path="$"
        )
    reading = _Reading()
    plain = reading.of_class(root, model, "$")
    if reading.faults:
        raise Invalid(faults=tuple(reading.faults))
    return Read(model=model, body=msgspec.json.encode(plain))


def is_xml(body: bytes) -> bool:
    """Whether a file is meant to be XML: no JSON begins so."""
    return body.startswith((b"\xff\xfe", b"\xfe\xff")) or body.removeprefix(b"\xef\xbb\xbf")[:64].lstrip().startswith(
        b"<"
    )


def _parsed(body: bytes) -> Xml:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise Invalid(f"This is no XML: {error.msg or 'it is empty'}.", path="$") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Invalid("A definition of the document type is not taken: leave DOCTYPE out.", path="$")
    return root


def _name_of(element: Xml) -> str | None:
    """Name without the namespace; None where the namespace is not of the metamodel."""
    namespace, _, name = str(element.tag).removeprefix("{").rpartition("}")
    return name if namespace in NAMESPACES else None


class _Reading:
    """One document on its way, with what is wrong with it as XML."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def of_class(self, element: Xml, model: type[Struct], path: str) -> "dict[str, Json]":
        """Read the members of an instance."""
        members = _MEMBERS[model]
        plain: dict[str, Json] = {}
        tag = model.__struct_config__.tag
        if tag is not None:
            plain["modelType"] = str(tag)
        for child, name in self._children(element, path):
            inside = f"{path}.{name}"
            if name in plain:
                self._note("This is here a second time.", inside)
            elif name not in members:
                # As JSON it is refused in the same words as any other unknown member.
                plain[name] = None
            else:
                value = self._value(child, members[name], inside)
                is_base64 = (model, name) in _BASE64 and isinstance(value, str)
                plain[name] = "".join(str(value).split()) if is_base64 else value
        return plain

    def _value(self, element: Xml, expected: inspect.Type, path: str) -> Json:
        match expected:
            case inspect.ListType(item_type=item_type):
                return [
                    self._item(child, name, item_type, f"{path}[{index}]")
                    for index, (child, name) in enumerate(self._children(element, path))
                ]
            case inspect.UnionType():
                chosen = [self._choice(child, name, path) for child, name in self._children(element, path)]
                if len(chosen) > 1:
                    self._note("This is one element, not several.", path)
                return chosen[0] if chosen else {}
            case inspect.StructType(cls=cls):
                return self.of_class(element, cls, path)
            case inspect.BoolType():
                text = self._text(element, path)
                return _BOOLEANS.get(text.strip(), text)
            case _:
                return self._text(element, path)

    def _item(self, element: Xml, name: str, expected: inspect.Type, path: str) -> Json:
        if not isinstance(expected, inspect.StructType):
            return self._choice(element, name, path)
        if name != element_name(expected.cls):
            self._note(f"This is {element_name(expected.cls)}, not {quoted(name)}.", path)
        return self.of_class(element, expected.cls, path)

    def _choice(self, element: Xml, name: str, path: str) -> "dict[str, Json]":
        """Read what is named by its class; whether that class may stand here is for JSON to say."""
        model = _BY_ELEMENT.get(name)
        if model is None or model.__struct_config__.tag is None:
            return {"modelType": name}
        return self.of_class(element, model, path)

    def _children(self, element: Xml, path: str) -> Iterator[tuple[Xml, str]]:
        self._nothing_else(element, path)
        if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
            self._note("This holds elements, not text.", path)
        for child in element:
            name = _name_of(child)
            if name is None:
                self._note(f"{quoted(str(child.tag))} is in no namespace of the metamodel.", path)
            else:
                yield child, name

    def _text(self, element: Xml, path: str) -> str:
        self._nothing_else(element, path)
        if len(element):
            self._note("This holds text, not elements.", path)
        return element.text or ""

    def _nothing_else(self, element: Xml, path: str) -> None:
        for name in element.attrib:
            if not str(name).startswith(_ABOUT_SCHEMAS):
                self._note(f"There is no attribute {quoted(str(name))} in XML of the metamodel.", path)

    def _note(self, text: str, path: str) -> None:
        if len(self.faults) < FAULT_LIMIT:
            self.faults.append(Fault(text=text, path=path))
