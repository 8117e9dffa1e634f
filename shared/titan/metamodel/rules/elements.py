"""Rules of submodel elements.

Spec: IDTA-01001, "Submodel Element Types".
"""

import binascii
from collections.abc import Iterable, Sequence

from titan.metamodel.elements import (
    BasicEventElement,
    Blob,
    Element,
    Entity,
    Operation,
    OperationVariable,
    Property,
    Range,
    SubmodelElementList,
)
from titan.metamodel.references import Qualifier, Reference
from titan.metamodel.rules.attributes import quoted, repeated
from titan.metamodel.rules.references import AAS_REFERABLES, Breaches, matches, points_to
from titan.metamodel.xs import is_valid

_OF_TYPE = {
    "DataElement": {"Blob", "File", "MultiLanguageProperty", "Property", "Range", "ReferenceElement"},
    "EventElement": {"BasicEventElement"},
    "RelationshipElement": {"RelationshipElement", "AnnotatedRelationshipElement"},
}


def aasd_014(entity: Entity) -> Breaches:
    """A self-managed entity names its asset, by a global id or by specific ones or by both."""
    if entity.entity_type != "SelfManagedEntity" or entity.global_asset_id or entity.specific_asset_ids:
        return ()
    return (("", "A SelfManagedEntity requires a globalAssetId or specificAssetIds."),)


def aasd_022(elements: Sequence[Element]) -> Breaches:
    """No two elements of one namespace have the same idShort."""
    names = [element.id_short for element in elements]
    return [
        (f"[{index}].idShort", f"There is an element of the idShort {quoted(names[index] or '')} already.")
        for index in repeated(names)
        if names[index] is not None
    ]


def aasd_107(parent: SubmodelElementList, children: Sequence[Element]) -> Breaches:
    """A semantic id of an element in a list is the one that the list says."""
    said = parent.semantic_id_list_element
    if said is None:
        return ()
    return [
        (f"[{index}].semanticId", "The semanticId is not the semanticIdListElement of the list.")
        for index, child in enumerate(children)
        if child.semantic_id is not None and not matches(child.semantic_id, said)
    ]


def aasd_108(parent: SubmodelElementList, children: Sequence[Element]) -> Breaches:
    """An element in a list is of the type that the list says."""
    said = parent.type_value_list_element
    if said == "SubmodelElement":
        return ()
    allowed = _OF_TYPE.get(said, {said})
    return [
        (f"[{index}].modelType", f"The list is one of {said}, and this is a {type(child).__name__}.")
        for index, child in enumerate(children)
        if type(child).__name__ not in allowed
    ]


def aasd_109(parent: SubmodelElementList, children: Sequence[Element]) -> Breaches:
    """A list of properties or ranges says their value type, and they have it."""
    if parent.type_value_list_element not in {"Property", "Range"}:
        return ()
    said = parent.value_type_list_element
    if said is None:
        return (("", f"A list of {parent.type_value_list_element} requires a valueTypeListElement."),)
    return [
        (f"[{index}].valueType", f"The list is one of {said}, and this is a {child.value_type}.")
        for index, child in enumerate(children)
        if isinstance(child, Property | Range) and child.value_type != said
    ]


def aasd_114(children: Sequence[Element]) -> Breaches:
    """The semantic ids of elements in a list are the same."""
    first = next((child.semantic_id for child in children if child.semantic_id is not None), None)
    if first is None:
        return ()
    return [
        (f"[{index}].semanticId", "The semanticId is not that of the elements before it in the list.")
        for index, child in enumerate(children)
        if child.semantic_id is not None and not matches(child.semantic_id, first)
    ]


def aasd_115(parent: SubmodelElementList, child: Element) -> Reference | None:
    """Give the semantic id that an element in a list is assumed to have: its own, or the one that the list says.

    A rule of inference, which no document can break.
    """
    return child.semantic_id or parent.semantic_id_list_element


def aasd_117(elements: Iterable[Element]) -> Breaches:
    """An element has an idShort, unless it stands in a list."""
    return [
        (f"[{index}]", f"An idShort is required of a {type(element).__name__} here.")
        for index, element in enumerate(elements)
        if element.id_short is None
    ]


def name_of_variable(variable: OperationVariable) -> Breaches:
    """A variable of an operation has an idShort (AASd-117)."""
    if variable.value.id_short is not None:
        return ()
    return ((".value", "An idShort is required of a variable."),)


def aasd_129(qualifiers: Iterable[Qualifier]) -> Breaches:
    """A template qualifier is one of an element in a submodel of kind Template, or in a variable of an operation.

    Asked of elements outside of both.
    """
    return [
        (f".qualifiers[{index}].kind", "A TemplateQualifier belongs to an element of a Submodel of kind Template.")
        for index, qualifier in enumerate(qualifiers)
        if qualifier.kind == "TemplateQualifier"
    ]


def aasd_134(operation: Operation) -> Breaches:
    """No two variables of an operation have the same idShort, whichever way they go."""
    variables = [
        (f".{direction}[{index}].value.idShort", variable.value.id_short)
        for direction, side in (
            ("inputVariables", operation.input_variables),
            ("outputVariables", operation.output_variables),
            ("inoutputVariables", operation.inoutput_variables),
        )
        for index, variable in enumerate(side or ())
        if variable.value.id_short is not None
    ]
    return [
        (variables[index][0], f"There is a variable of the idShort {quoted(variables[index][1])} already.")
        for index in repeated([name for _, name in variables])
    ]


def value_of_property(element: Property) -> Breaches:
    """A value is in the lexical space of its type."""
    if element.value is None or is_valid(element.value, element.value_type):
        return ()
    return ((".value", f"{quoted(element.value)} is no {element.value_type}."),)


def bounds_of_range(element: Range) -> Breaches:
    """The bounds of a range are in the lexical space of their type."""
    return [
        (f".{name}", f"{quoted(bound)} is no {element.value_type}.")
        for name, bound in (("min", element.min), ("max", element.max))
        if bound is not None and not is_valid(bound, element.value_type)
    ]


def value_of_blob(blob: Blob) -> Breaches:
    """The value of a Blob is base64, as RFC 4648 has it: without white space."""
    if blob.value is None:
        return ()
    try:
        binascii.a2b_base64(blob.value, strict_mode=True)
    except ValueError:
        return ((".value", "The value of a Blob is base64, without white space."),)
    return ()


def event(element: BasicEventElement) -> Breaches:
    """An event observes something in the model, goes through something in the model, and is slowed only when sent."""
    breaches: list[tuple[str, str]] = []
    if not points_to(element.observed, AAS_REFERABLES):
        breaches.append((".observed", "What is observed is something in the model: a ModelReference to a referable."))
    if element.message_broker is not None and not points_to(element.message_broker, AAS_REFERABLES):
        breaches.append((".messageBroker", "A messageBroker is a ModelReference to a referable."))
    if element.direction == "input" and element.max_interval is not None:
        breaches.append((".maxInterval", "A maxInterval is not applicable to an event that is received."))
    return breaches
