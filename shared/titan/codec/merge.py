"""PATCH of a document or an element: what was sent put over what stands, by bytes.

Spec: IDTA-01002, "PATCH": what is sent has the structure of what stands. What it leaves out stays; what it contains is
there already, and of the same type. Nothing is added, and nothing is taken away.
"""

from typing import Literal, TypeAlias

import msgspec
from msgspec import Raw

from titan.codec import within
from titan.codec.json import encode
from titan.codec.metadata import DROPPED
from titan.codec.value_sent import checked
from titan.codec.within import CHILDREN
from titan.errors import Fault, Invalid

View: TypeAlias = Literal["", "metadata"]

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])
_DOCUMENT, _ELEMENT = frozenset({"modelType", "id"}), frozenset({"modelType", "idShort"})
"""What something is known by: it may be said, and not be changed."""


def merged(stands: bytes, sent: bytes, view: View) -> bytes:
    """Give what stands with what was sent put over it, in no particular order of members; asks nothing of its values.

    Args:
        stands: A canonical document or element.
        sent: What a client sent; any bytes.
        view: `metadata` refuses values and elements, and leaves them as they are.

    Raises:
        Invalid: with everything that was sent and is not there, is of another type, or is no JSON.
    """
    faults: list[Fault] = []
    body = _merged(stands, _members(checked(sent), "$"), view, "$", faults)
    if faults:
        raise Invalid(faults=tuple(faults[:100]))
    return body


def _members(sent: bytes | Raw, path: str) -> dict[str, Raw]:
    try:
        return _OBJECT.decode(sent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("An object was expected, in JSON.", path=path) from error


def _merged(stands: bytes, sent: dict[str, Raw], view: View, path: str, faults: list[Fault]) -> bytes:
    members = _OBJECT.decode(stands)
    model = within.model(stands)
    field = CHILDREN.get(model, "")
    for name, value in sent.items():
        if name in members and name in (_DOCUMENT if "id" in members else _ELEMENT):
            if not _same(bytes(members[name]), bytes(value)):
                said = bytes(members[name]).decode()
                faults.append(Fault(f"It is {said}, which a PATCH does not change.", f"{path}.{name}"))
        elif view == "metadata" and name in DROPPED.get(model, ()):
            faults.append(Fault("This is no metadata.", f"{path}.{name}"))
        elif name == field:
            children = _children(stands, value, f"{path}.{name}", faults)
            members[name] = Raw(b"[%b]" % b",".join(children)) if children else members.get(name, Raw(b"[]"))
        else:
            members[name] = value
    return encode(members)


def _same(one: bytes, other: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _children(stands: bytes, sent: Raw, path: str, faults: list[Fault]) -> list[bytes]:
    below = [bytes(child) for child in within.children(stands)]
    try:
        items = _ITEMS.decode(sent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("An array of elements was expected, in JSON.", path=path) from error
    if not items:
        faults.append(Fault("An array is not empty; what is left out of a PATCH stays.", path))
    is_list = within.model(stands) == "SubmodelElementList"
    places = {name: index for index, name in enumerate(within.names(below)) if name}
    for at, item in enumerate(items):
        members = _members(item, f"{path}[{at}]")
        index = at if is_list else places.get(_text(members.get("idShort")), -1)
        if not 0 <= index < len(below):
            what = f"The list has {len(below)} elements" if is_list else "There is no element of this idShort here"
            faults.append(Fault(f"{what}, and a PATCH adds none.", f"{path}[{at}]"))
        else:
            below[index] = _merged(below[index], members, "", f"{path}[{at}]", faults)
    return below


def _text(value: Raw | None) -> str:
    try:
        return "" if value is None else msgspec.json.decode(value, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
