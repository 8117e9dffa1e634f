"""Views of documents that are made from their bytes: less depth, no values of Blobs, or only a reference.

They never need to know whether a document is valid, and copy what they do not change.

Spec: IDTA-01002, "SerializationModifier"; IDTA-01001, "Format Reference".
"""

from typing import TypeAlias

import msgspec
from msgspec import Raw

from titan.codec.json import encode
from titan.codec.parts import has_blobs
from titan.codec.within import CHILDREN
from titan.metamodel.kinds import Kind

_Json: TypeAlias = "dict[str, _Json] | list[_Json] | str | bool"

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, Raw]])
_BRANCHES = msgspec.json.Decoder(list[Raw])
_NAME = msgspec.json.Decoder(str)


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
