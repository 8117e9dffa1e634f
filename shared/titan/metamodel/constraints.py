"""Every constraint of the standard, asked of everything in a document that it is about.

Spec: IDTA-01001, "Constraints"; IDTA-01003-a, "Constraints". The rules themselves are in `titan.metamodel.rules`.
"""

from contextlib import suppress

from msgspec import structs

from titan.errors import Fault
from titan.metamodel.elements import (
    AnnotatedRelationshipElement,
    BasicEventElement,
    Blob,
    Capability,
    Element,
    Entity,
    EventPayload,
    File,
    MultiLanguageProperty,
    Operation,
    OperationVariable,
    Property,
    Range,
    ReferenceElement,
    Relationship,
    RelationshipElement,
    SubmodelElementCollection,
    SubmodelElementList,
)
from titan.metamodel.faults import EnoughError, Faults
from titan.metamodel.identifiables import (
    AssetAdministrationShell,
    AssetInformation,
    ConceptDescription,
    Environment,
    Identifiable,
    Submodel,
)
from titan.metamodel.references import (
    AdministrativeInformation,
    DataSpecificationIec61360,
    EmbeddedDataSpecification,
    Extension,
    Part,
    Qualifier,
    Reference,
    SpecificAssetId,
    ValueList,
    ValueReferencePair,
)
from titan.metamodel.rules import attributes, concepts, elements, identifiables
from titan.metamodel.walk import Place, Visit, Walk


def check(document: Part) -> list[Fault]:
    """Give all that is wrong with a document or a part of one; at most 100 faults and, as the last, how many more."""
    faults = Faults()
    with suppress(EnoughError):
        check_at(Place(document), root="$", faults=faults)
    return list(faults.told())


def check_at(place: Place, *, root: str, names: str = "", faults: Faults) -> None:
    """Note all that is wrong with a part; `root` and `names` are the JSON path and idShortPath where it stands.

    Raises:
        EnoughError: where there is no use in looking on.
    """
    Walk(root, names, VISITS.get, faults).go(place)


def _environment(walk: Walk, place: Place, environment: Environment) -> None:
    # What is put ahead last is visited first.
    if environment.concept_descriptions:
        walk.ahead(place, ".conceptDescriptions", environment.concept_descriptions, templates=True)
    if environment.submodels:
        walk.ahead(place, ".submodels", environment.submodels, templates=True)
    if environment.asset_administration_shells:
        walk.ahead(place, ".assetAdministrationShells", environment.asset_administration_shells, templates=True)


def _identifiable(walk: Walk, place: Place, document: Identifiable) -> None:
    walk.referable(place, document)
    if document.administration is not None:
        _administration(walk, place, ".administration", document.administration)
    if document.embedded_data_specifications is not None:
        walk.data_specifications(place, ".embeddedDataSpecifications", document.embedded_data_specifications)


def _administration(walk: Walk, place: Place, path: str, administration: AdministrativeInformation) -> None:
    walk.breach(place, path, "AASd-005", attributes.aasd_005(administration))
    if administration.creator is not None:
        walk.reference(place, f"{path}.creator", administration.creator)
    if administration.embedded_data_specifications is not None:
        several = administration.embedded_data_specifications
        walk.data_specifications(place, f"{path}.embeddedDataSpecifications", several)


def _shell(walk: Walk, place: Place, shell: AssetAdministrationShell) -> None:
    _identifiable(walk, place, shell)
    walk.breach(place, "", "", identifiables.references_of_shell(shell))
    if shell.derived_from is not None:
        walk.reference(place, ".derivedFrom", shell.derived_from)
    _asset(walk, place, ".assetInformation", shell.asset_information)
    walk.references(place, ".submodels", shell.submodels or ())


def _asset(walk: Walk, place: Place, path: str, asset: AssetInformation) -> None:
    walk.breach(place, path, "AASd-131", identifiables.aasd_131(asset))
    walk.breach(place, path, "AASd-116", identifiables.aasd_116(asset))
    walk.asset_ids(place, f"{path}.specificAssetIds", asset.specific_asset_ids or ())


def _submodel(walk: Walk, place: Place, submodel: Submodel) -> None:
    _identifiable(walk, place, submodel)
    walk.semantics(place, "", submodel)
    if submodel.qualifiers is not None:
        walk.breach(place, "", "AASd-119", identifiables.aasd_119(submodel))
        walk.qualifiers(place, submodel.qualifiers)
    if submodel.submodel_elements:
        inside = structs.replace(place, templates=submodel.kind == "Template")
        walk.namespace(inside, ".submodelElements", submodel.submodel_elements)


def _concept(walk: Walk, place: Place, concept: ConceptDescription) -> None:
    _identifiable(walk, place, concept)
    walk.references(place, ".isCaseOf", concept.is_case_of or ())
    if concept.embedded_data_specifications is None:
        return
    walk.breach(place, "", "AASc-3a-004", concepts.aasc_3a_004(concept))
    walk.breach(place, "", "AASc-3a-005", concepts.aasc_3a_005(concept))
    walk.breach(place, "", "AASc-3a-006", concepts.aasc_3a_006(concept))
    walk.breach(place, "", "AASc-3a-007", concepts.aasc_3a_007(concept))
    walk.breach(place, "", "AASc-3a-008", concepts.aasc_3a_008(concept))


def _element(walk: Walk, place: Place, element: Element) -> None:
    walk.referable(place, element)
    walk.semantics(place, "", element)
    if element.qualifiers is not None:
        walk.qualifiers(place, element.qualifiers)
        if not place.templates:
            walk.breach(place, "", "AASd-129", elements.aasd_129(element.qualifiers))
    if element.embedded_data_specifications is not None:
        walk.data_specifications(place, ".embeddedDataSpecifications", element.embedded_data_specifications)


def _property(walk: Walk, place: Place, element: Property) -> None:
    _element(walk, place, element)
    if element.value is not None:
        walk.breach(place, "", "", elements.value_of_property(element))
    if element.value_id is not None:
        walk.reference(place, ".valueId", element.value_id)


def _multi_language_property(walk: Walk, place: Place, element: MultiLanguageProperty) -> None:
    _element(walk, place, element)
    walk.texts(place, ".value", element.value or ())
    if element.value_id is not None:
        walk.reference(place, ".valueId", element.value_id)


def _range(walk: Walk, place: Place, element: Range) -> None:
    _element(walk, place, element)
    walk.breach(place, "", "", elements.bounds_of_range(element))


def _reference_element(walk: Walk, place: Place, element: ReferenceElement) -> None:
    _element(walk, place, element)
    if element.value is not None:
        walk.reference(place, ".value", element.value)


def _blob(walk: Walk, place: Place, element: Blob) -> None:
    _element(walk, place, element)
    walk.breach(place, "", "", elements.value_of_blob(element))


def _relationship(walk: Walk, place: Place, element: Relationship) -> None:
    _element(walk, place, element)
    if element.first is not None:
        walk.reference(place, ".first", element.first)
    if element.second is not None:
        walk.reference(place, ".second", element.second)


def _annotated_relationship(walk: Walk, place: Place, element: AnnotatedRelationshipElement) -> None:
    _relationship(walk, place, element)
    if element.annotations:
        walk.namespace(place, ".annotations", element.annotations)


def _event(walk: Walk, place: Place, element: BasicEventElement) -> None:
    _element(walk, place, element)
    walk.breach(place, "", "", elements.event(element))
    walk.reference(place, ".observed", element.observed)
    if element.message_broker is not None:
        walk.reference(place, ".messageBroker", element.message_broker)
    if element.last_update is not None:
        walk.breach(place, ".lastUpdate", "", attributes.date_time_utc(element.last_update))


def _operation(walk: Walk, place: Place, operation: Operation) -> None:
    _element(walk, place, operation)
    walk.breach(place, "", "AASd-134", elements.aasd_134(operation))
    # In reverse, since what is put ahead last is visited first.
    for step, variables in (
        (".inoutputVariables", operation.inoutput_variables),
        (".outputVariables", operation.output_variables),
        (".inputVariables", operation.input_variables),
    ):
        if variables:
            walk.ahead(place, step, variables, templates=True)


def _variable(walk: Walk, place: Place, variable: OperationVariable) -> None:
    walk.breach(place, "", "AASd-117", elements.name_of_variable(variable))
    walk.into(place, ".value", variable.value)


def _entity(walk: Walk, place: Place, entity: Entity) -> None:
    _element(walk, place, entity)
    walk.breach(place, "", "AASd-014", elements.aasd_014(entity))
    walk.asset_ids(place, ".specificAssetIds", entity.specific_asset_ids or ())
    if entity.statements:
        walk.namespace(place, ".statements", entity.statements)


def _collection(walk: Walk, place: Place, collection: SubmodelElementCollection) -> None:
    _element(walk, place, collection)
    if collection.value:
        walk.namespace(place, ".value", collection.value)


def _list(walk: Walk, place: Place, one: SubmodelElementList) -> None:
    _element(walk, place, one)
    if one.semantic_id_list_element is not None:
        walk.reference(place, ".semanticIdListElement", one.semantic_id_list_element)
    if not one.value:
        return
    walk.breach(place, ".value", "AASd-107", elements.aasd_107(one, one.value))
    walk.breach(place, ".value", "AASd-108", elements.aasd_108(one, one.value))
    walk.breach(place, ".value", "AASd-109", elements.aasd_109(one, one.value))
    walk.breach(place, ".value", "AASd-114", elements.aasd_114(one.value))
    walk.ahead(place, ".value", one.value, templates=place.templates)


def _event_payload(walk: Walk, place: Place, payload: EventPayload) -> None:
    walk.breach(place, "", "", identifiables.references_of_payload(payload))
    walk.breach(place, ".timeStamp", "", attributes.date_time_utc(payload.time_stamp))
    walk.reference(place, ".source", payload.source)
    walk.reference(place, ".observableReference", payload.observable_reference)
    for path, reference in (
        (".sourceSemanticId", payload.source_semantic_id),
        (".observableSemanticId", payload.observable_semantic_id),
        (".subjectId", payload.subject_id),
    ):
        if reference is not None:
            walk.reference(place, path, reference)


def _value_list(walk: Walk, place: Place, values: ValueList) -> None:
    for index, pair in enumerate(values.value_reference_pairs):
        if pair.value_id is not None:
            walk.reference(place, f".valueReferencePairs[{index}].valueId", pair.value_id)


def _value_reference_pair(walk: Walk, place: Place, pair: ValueReferencePair) -> None:
    if pair.value_id is not None:
        walk.reference(place, ".valueId", pair.value_id)


VISITS: dict[type[Part], Visit] = {
    AdministrativeInformation: lambda walk, place, thing: _administration(walk, place, "", thing),
    AnnotatedRelationshipElement: _annotated_relationship,
    AssetAdministrationShell: _shell,
    AssetInformation: lambda walk, place, thing: _asset(walk, place, "", thing),
    BasicEventElement: _event,
    Blob: _blob,
    Capability: _element,
    ConceptDescription: _concept,
    DataSpecificationIec61360: lambda walk, place, thing: walk.concept(place, "", thing),
    EmbeddedDataSpecification: lambda walk, place, thing: walk.data_specification(place, "", thing),
    Entity: _entity,
    Environment: _environment,
    EventPayload: _event_payload,
    Extension: lambda walk, place, thing: walk.extension(place, "", thing),
    File: _element,
    MultiLanguageProperty: _multi_language_property,
    Operation: _operation,
    OperationVariable: _variable,
    Property: _property,
    Qualifier: lambda walk, place, thing: walk.qualifier(place, "", thing),
    Range: _range,
    Reference: lambda walk, place, thing: walk.reference(place, "", thing),
    ReferenceElement: _reference_element,
    RelationshipElement: _relationship,
    SpecificAssetId: lambda walk, place, thing: walk.asset_id(place, "", thing),
    Submodel: _submodel,
    SubmodelElementCollection: _collection,
    SubmodelElementList: _list,
    ValueList: _value_list,
    ValueReferencePair: _value_reference_pair,
}
"""What is asked of each class that can be checked by itself; types say all there is to say of the others."""
