"""Any instance of the metamodel within the smallest document that can carry it, byte for byte."""

from collections.abc import Callable

import msgspec

from support.asking import Plain, document, prop, reference
from support.documents import Instance
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL, Kind

_MARK = "\ue000here\ue000"
_IDENTIFIABLES = {"AssetAdministrationShell": SHELL, "Submodel": SUBMODEL, "ConceptDescription": CONCEPT_DESCRIPTION}
_ELEMENTS = {
    *("AnnotatedRelationshipElement", "BasicEventElement", "Blob", "Capability", "Entity", "File", "Operation"),
    *("MultiLanguageProperty", "Property", "Range", "ReferenceElement", "RelationshipElement"),
    *("SubmodelElementCollection", "SubmodelElementList"),
}
NOWHERE = {
    "Environment": "an envelope of documents, which no document carries",
    "EventPayload": "sent by events; no document carries it",
    "Key": "depends on the other keys of its reference",
}
"""Classes that cannot be embedded by themselves, and why."""


def _specified(**content: object) -> Plain:
    named: Plain = {
        "modelType": "DataSpecificationIec61360",
        "preferredName": [{"language": "en", "text": "a name"}],
    }
    return _embedded(named | content)


def _embedded(content: object) -> Plain:
    one = {"dataSpecification": reference("urn:iec61360"), "dataSpecificationContent": content}
    return {"embeddedDataSpecifications": [one]}


def _asset(**more: object) -> Plain:
    return {"assetInformation": {"assetKind": "Instance", "globalAssetId": "urn:asset"} | more}


def _elements(*elements: object) -> Plain:
    return {"submodelElements": list(elements)}


_PLACES: dict[str, tuple[Kind, Callable[[], Plain]]] = {
    "AdministrativeInformation": (SUBMODEL, lambda: {"administration": _MARK}),
    "AssetInformation": (SHELL, lambda: {"assetInformation": _MARK}),
    "DataSpecificationIec61360": (SUBMODEL, lambda: _embedded(_MARK)),
    "EmbeddedDataSpecification": (SUBMODEL, lambda: {"embeddedDataSpecifications": [_MARK]}),
    "Extension": (SUBMODEL, lambda: {"extensions": [_MARK]}),
    "LangStringDefinitionTypeIec61360": (SUBMODEL, lambda: _specified(definition=[_MARK])),
    "LangStringNameType": (SUBMODEL, lambda: {"displayName": [_MARK]}),
    "LangStringPreferredNameTypeIec61360": (SUBMODEL, lambda: _specified(preferredName=[_MARK])),
    "LangStringShortNameTypeIec61360": (SUBMODEL, lambda: _specified(shortName=[_MARK])),
    "LangStringTextType": (SUBMODEL, lambda: {"description": [_MARK]}),
    "LevelType": (SUBMODEL, lambda: _specified(levelType=_MARK)),
    "OperationVariable": (
        SUBMODEL,
        lambda: _elements({"modelType": "Operation", "idShort": "operation", "inputVariables": [_MARK]}),
    ),
    # A qualifier of a template is allowed within a template alone.
    "Qualifier": (SUBMODEL, lambda: {"kind": "Template"} | _elements(prop("qualified") | {"qualifiers": [_MARK]})),
    "Reference": (
        SUBMODEL,
        lambda: _elements({"modelType": "ReferenceElement", "idShort": "reference", "value": _MARK}),
    ),
    "Resource": (SHELL, lambda: _asset(defaultThumbnail=_MARK)),
    "SpecificAssetId": (SHELL, lambda: _asset(specificAssetIds=[_MARK])),
    "ValueList": (SUBMODEL, lambda: _specified(valueList=_MARK)),
    "ValueReferencePair": (SUBMODEL, lambda: _specified(valueList={"valueReferencePairs": [_MARK]})),
}


_LIST: Plain = {
    "modelType": "SubmodelElementList",
    "idShort": "list",
    "typeValueListElement": "SubmodelElement",
    "value": [_MARK],
}
"""Where elements stand that have no idShort."""


def embedded(instance: Instance, id: str) -> tuple[Kind, bytes] | None:
    """A document of this identifier that carries an instance, or is it; None where none can.

    What is no valid document keeps its own identifier.
    """
    kind = _IDENTIFIABLES.get(instance.model)
    if kind is not None and instance.category == "Expected":
        return kind, msgspec.json.encode(msgspec.json.decode(instance.body) | {"id": id})
    if kind is not None:
        return kind, instance.body
    if instance.model in NOWHERE:
        return None
    if instance.model in _ELEMENTS:
        kind, members = SUBMODEL, _elements(_MARK) if b'"idShort"' in instance.body else _elements(_LIST)
    else:
        kind, place = _PLACES[instance.model]
        members = place()
    around = msgspec.json.encode(document(kind, id) | members)
    return kind, around.replace(msgspec.json.encode(_MARK), instance.body)
