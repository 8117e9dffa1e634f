"""Values that a concept description gives a code to: asked only where both are at hand, as in an environment.

A `valueId` refers to a concept that is a value. Where that concept is there, with a value of its own in the terms of
IEC 61360, a qualifier or property that refers to it has the same value. Where it is not, nobody can tell from the
document. AASd-012 asks the same of texts, by what they mean, which no machine can tell.

Spec: IDTA-01001, AASd-006, AASd-007, AASd-012.
"""

from collections.abc import Iterable, Mapping, Sequence

from titan.metamodel.elements import (
    AnnotatedRelationshipElement,
    Element,
    Entity,
    Property,
    SubmodelElement,
    SubmodelElementCollection,
    SubmodelElementList,
)
from titan.metamodel.faults import Faults
from titan.metamodel.identifiables import ConceptDescription, Submodel
from titan.metamodel.references import Reference
from titan.metamodel.rules.concepts import aasd_006, aasd_007
from titan.metamodel.walk import Place, Walk


def coded_values(several: Iterable[ConceptDescription]) -> dict[str, str]:
    """Give the value of each concept that is one, by its identifier."""
    return {
        concept.id: embedded.data_specification_content.value
        for concept in several
        for embedded in concept.embedded_data_specifications or ()
        if embedded.data_specification_content.value is not None
    }


def check_coded(submodel: Submodel, coded: Mapping[str, str], *, root: str, faults: Faults) -> None:
    """Note where a value of a submodel that stands at that JSON path is not the one that its `valueId` refers to."""

    def value_of(reference: Reference | None) -> str | None:
        return None if reference is None or len(reference.keys) != 1 else coded.get(reference.keys[0].value)

    def visit(walk: Walk, place: Place, thing: Submodel | Element) -> None:
        for index, qualifier in enumerate(thing.qualifiers or ()):
            value = value_of(qualifier.value_id)
            if qualifier.value is not None and value is not None:
                walk.breach(place, f".qualifiers[{index}]", "AASd-006", aasd_006(qualifier.value, value))
        if isinstance(thing, Property) and thing.value is not None:
            value = value_of(thing.value_id)
            if value is not None:
                walk.breach(place, "", "AASd-007", aasd_007(thing.value, value))
        step, children = _below(thing)
        if children:
            walk.ahead(place, step, children, templates=True)

    Walk(root, "", lambda _: visit, faults).go(Place(submodel))


def _below(thing: Submodel | Element) -> tuple[str, Sequence[SubmodelElement] | None]:
    match thing:
        case Submodel():
            return ".submodelElements", thing.submodel_elements
        case SubmodelElementCollection() | SubmodelElementList():
            return ".value", thing.value
        case Entity():
            return ".statements", thing.statements
        case AnnotatedRelationshipElement():
            return ".annotations", thing.annotations
        case _:
            return "", None
