"""What lists and look-ups need to know of a document.

Spec: IDTA-01002, the filters `assetIds`, `idShort`, `semanticId`, `isCaseOf` and `dataSpecificationRef`;
IDTA-01001, "Matching Strategies" for what it means that two references match.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from titan.metamodel.identifiables import AssetAdministrationShell, ConceptDescription, Identifiable, Submodel
from titan.metamodel.kinds import Kind
from titan.metamodel.references import Reference

GLOBAL_ASSET_ID = "globalAssetId"

# A control character that no string of a document may have, by AASd-130.
_BETWEEN_KEYS = "\x1f"


class Summary(Struct, frozen=True):
    """What a document can be found by."""

    id_short: str | None
    semantic_keys: tuple[str, ...] = ()
    """Match keys of the semantic id and of each supplemental one."""
    asset_ids: tuple[tuple[str, str], ...] = ()
    """Name and value of each asset id, the global one under the name `globalAssetId`."""
    is_case_of: tuple[str, ...] = ()
    """Match keys."""
    data_specifications: tuple[str, ...] = ()
    """Match keys."""


class _Key(Struct):
    value: str


class _Reference(Struct):
    keys: list[_Key]


class _SpecificAssetId(Struct):
    name: str
    value: str


class _AssetInformation(Struct, rename="camel"):
    global_asset_id: str | None = None
    specific_asset_ids: list[_SpecificAssetId] = []


class _DataSpecification(Struct, rename="camel"):
    data_specification: _Reference


class _Head(Struct, rename="camel"):
    id_short: str | None = None
    embedded_data_specifications: list[_DataSpecification] = []


class _Shell(_Head, rename="camel"):
    asset_information: _AssetInformation = msgspec.field(default_factory=_AssetInformation)


class _Submodel(_Head, rename="camel"):
    semantic_id: _Reference | None = None
    supplemental_semantic_ids: list[_Reference] = []


class _ConceptDescription(_Head, rename="camel"):
    is_case_of: list[_Reference] = []


_HEADS: dict[type[Identifiable], msgspec.json.Decoder[_Shell | _Submodel | _ConceptDescription]] = {
    AssetAdministrationShell: msgspec.json.Decoder(_Shell),
    Submodel: msgspec.json.Decoder(_Submodel),
    ConceptDescription: msgspec.json.Decoder(_ConceptDescription),
}


def summarise(kind: Kind, head: bytes) -> Summary:
    """Read what is needed from the head of a document that is stored, passing over the rest."""
    document = _HEADS[kind.model].decode(head)
    data_specifications = _match_keys(embedded.data_specification for embedded in document.embedded_data_specifications)
    match document:
        case _Shell():
            return Summary(
                id_short=document.id_short,
                asset_ids=_asset_ids(document.asset_information),
                data_specifications=data_specifications,
            )
        case _Submodel():
            main = () if document.semantic_id is None else (document.semantic_id,)
            return Summary(
                id_short=document.id_short,
                semantic_keys=_match_keys((*main, *document.supplemental_semantic_ids)),
                data_specifications=data_specifications,
            )
        case _ConceptDescription():
            return Summary(
                id_short=document.id_short,
                is_case_of=_match_keys(document.is_case_of),
                data_specifications=data_specifications,
            )


def match_key(reference: Reference | _Reference) -> str:
    """Give a string that is the same for references that match by value: all values of keys are equal, in order."""
    return _BETWEEN_KEYS.join([key.value for key in reference.keys])


def _match_keys(references: Iterable[_Reference]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(match_key, references)))


def _asset_ids(asset: _AssetInformation) -> tuple[tuple[str, str], ...]:
    known = [] if asset.global_asset_id is None else [(GLOBAL_ASSET_ID, asset.global_asset_id)]
    known += [(specific.name, specific.value) for specific in asset.specific_asset_ids]
    return tuple(dict.fromkeys(known))
