"""Views that are made from bytes: less depth, no values of Blobs, or only a reference.

They never need to know whether a document is valid, and copy what they do not change.

Spec: IDTA-01002, "SerializationModifier"; IDTA-01001, "Format Reference".
"""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct

from titan.codec.json import encode
from titan.codec.parts import has_blobs
from titan.codec.within import CHILDREN, LostError, Steps, find, model
from titan.metamodel.kinds import Kind
from titan.metamodel.paths import text

_Json: TypeAlias = "dict[str, _Json] | list[_Json] | str | bool"

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, Raw]])
_BRANCHES = msgspec.json.Decoder(list[Raw])
_NAME = msgspec.json.Decoder(str)


class _Named(Struct, rename="camel"):
    model_type: str
    id_short: str = ""


_NAMED = msgspec.json.Decoder(list[_Named])


def shape(body: bytes, *, core: bool, blobs: bool) -> bytes:
    """Give a canonical submodel or element with its direct children only (`core`), without values of Blobs, or both."""
    members = _OBJECT.decode(body)
    if not blobs and _model(members) == "Blob":
        members.pop("value", None)
    children = CHILDREN.get(_model(members))
    if children in members:
        inner = shape_branches(bytes(members[children])[1:-1], core=core, blobs=blobs)
        members[children] = Raw(b"[%b]" % inner)
    elif not blobs and has_blobs(body):
        return encode(_without_blob_values(msgspec.json.decode(encode(members))))
    return encode(members)


def shape_branches(chunk_body: bytes, *, core: bool, blobs: bool) -> bytes:
    """Do the same for direct children of a submodel or an element, as canonical elements joined by commas."""
    text = b"[%b]" % chunk_body
    branches = [_without_children(branch) for branch in _OBJECTS.decode(text)] if core else _BRANCHES.decode(text)
    if blobs:
        return b",".join(branches)
    return b",".join([_without_blobs(branch) for branch in branches])


def reference(kind: Kind, id: str) -> bytes:
    """Give the `$reference` view of a document."""
    key = {"type": kind.model.__name__, "value": id}
    return encode({"type": "ModelReference", "keys": [key]})


def element_reference(submodel_id: str, way: Iterable[tuple[str, str | int]]) -> bytes:
    """Give the `$reference` view of an element.

    Args:
        submodel_id: Identifier of the submodel that it stands in.
        way: Class, and idShort or index below a list (AASd-128), of each element on the way, its own last.
    """
    keys = [{"type": model_type, "value": str(step)} for model_type, step in way]
    return encode({"type": "ModelReference", "keys": [{"type": "Submodel", "value": submodel_id}, *keys]})


def way_to(thing: bytes, path: Steps) -> list[tuple[str, str | int]]:
    """Give class and step of each element on the way from a canonical submodel or element to what stands at `path`.

    Raises:
        LostError: where the path leads nowhere.
    """
    way: list[tuple[str, str | int]] = []
    for at, step in enumerate(path):
        try:
            thing = find(thing, (step,))
        except LostError as error:
            raise LostError(text(path[: at + 1])) from error
        way.append((model(thing), step))
    return way


def references_of_each(submodel_id: str, elements: bytes) -> bytes:
    """Give the references of canonical top-level elements that are joined by commas, joined in the same way."""
    return b",".join(
        element_reference(submodel_id, [(element.model_type, element.id_short)])
        for element in _NAMED.decode(b"[%b]" % elements)
    )


def _model(members: dict[str, Raw]) -> str:
    return _NAME.decode(members["modelType"])


def _without_children(members: dict[str, Raw]) -> bytes:
    members.pop(CHILDREN.get(_model(members), ""), None)
    return encode(members)


def _without_blobs(branch: Raw | bytes) -> bytes:
    body = bytes(branch)
    return encode(_without_blob_values(msgspec.json.decode(body))) if has_blobs(body) else body


def _without_blob_values(value: _Json) -> _Json:
    if isinstance(value, list):
        return [_without_blob_values(item) for item in value]
    if isinstance(value, dict):
        left_out = "value" if value.get("modelType") == "Blob" else None
        return {name: _without_blob_values(member) for name, member in value.items() if name != left_out}
    return value
