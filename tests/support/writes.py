"""Documents and facts for tests of the journal and of those who follow it."""

from titan.codec.parts import parts
from titan.events.facts import DocumentPut, DocumentRemoved, Recorded
from titan.metamodel.elements import Property
from titan.metamodel.identifiables import Submodel
from titan.metamodel.kinds import SUBMODEL, Subject


def subject(number: int) -> Subject:
    """One submodel's subject."""
    return Subject(SUBMODEL, f"https://example.com/submodels/{number}")


def submodel(number: int, *, value: str = "1", elements: int = 1, text_bytes: int = 0) -> Submodel:
    """A submodel with so many properties; `text_bytes` makes each as long."""
    return Submodel(
        id=subject(number).id,
        id_short=f"Submodel{number}",
        submodel_elements=[
            Property(id_short=f"Property{at}", value_type="xs:string", value=value + "x" * text_bytes)
            for at in range(elements)
        ],
    )


def put(number: int, *, expected: int = 0, value: str = "1", elements: int = 1, text_bytes: int = 0) -> Recorded:
    """The fact that a submodel was created, or replaced where something is expected."""
    document = submodel(number, value=value, elements=elements, text_bytes=text_bytes)
    return Recorded(subject(number), expected=expected, fact=DocumentPut(parts(document), created=expected == 0))


def removed(number: int, *, expected: int) -> Recorded:
    """The fact that a submodel was removed."""
    return Recorded(subject(number), expected=expected, fact=DocumentRemoved())
