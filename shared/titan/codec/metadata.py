"""The `$metadata` view: what a thing is, without what it holds.

Spec: IDTA-01001, "Format Metadata". What is left out depends on the class alone, so that nothing needs to be valid.
"""

import msgspec
from msgspec import Raw

from titan.codec.json import encode

DROPPED: dict[str, tuple[str, ...]] = {
    "AssetAdministrationShell": ("assetInformation", "submodels"),
    "Submodel": ("submodelElements",),
    "SubmodelElementCollection": ("value",),
    "SubmodelElementList": ("value",),
    "Entity": ("statements", "globalAssetId", "specificAssetIds"),
    "BasicEventElement": ("observed",),
    "Property": ("value", "valueId"),
    "MultiLanguageProperty": ("value", "valueId"),
    "Range": ("min", "max"),
    "ReferenceElement": ("value",),
    "RelationshipElement": ("first", "second"),
    "AnnotatedRelationshipElement": ("first", "second", "annotations"),
    "Blob": ("value", "contentType"),
    "File": ("value", "contentType"),
}
"""What each class loses. Capabilities and Operations lose nothing: all that they say is metadata."""

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, Raw]])
_NAME = msgspec.json.Decoder(str)


def metadata(body: bytes) -> bytes:
    """Give the metadata of a canonical document or element."""
    return _without_value(_OBJECT.decode(body))


def metadata_of_each(elements: bytes) -> bytes:
    """Give the metadata of canonical elements that are joined by commas, joined in the same way."""
    return b",".join([_without_value(element) for element in _OBJECTS.decode(b"[%b]" % elements)])


def _without_value(members: dict[str, Raw]) -> bytes:
    for name in DROPPED.get(_NAME.decode(members["modelType"]), ()):
        members.pop(name, None)
    return encode(members)
