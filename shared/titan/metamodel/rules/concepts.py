"""Rules of concept descriptions and of data specifications in the terms of IEC 61360.

Spec: IDTA-01003-a, "Constraints"; IDTA-01001 for the rules of coded values.
"""

from collections.abc import Callable, Sequence

from titan.metamodel.identifiables import ConceptDescription
from titan.metamodel.references import DataSpecificationIec61360, EmbeddedDataSpecification
from titan.metamodel.rules.attributes import quoted
from titan.metamodel.rules.references import Breaches

# fmt: off
_PROPERTY_OR_VALUE = frozenset((
    "BOOLEAN", "DATE", "INTEGER_COUNT", "INTEGER_CURRENCY", "INTEGER_MEASURE", "RATIONAL", "RATIONAL_MEASURE",
    "REAL_COUNT", "REAL_CURRENCY", "REAL_MEASURE", "STRING", "STRING_TRANSLATABLE", "TIME", "TIMESTAMP",
))
_WITH_UNIT = frozenset((
    "INTEGER_CURRENCY", "INTEGER_MEASURE", "RATIONAL_MEASURE", "REAL_CURRENCY", "REAL_MEASURE",
))
# fmt: on
_REFERENCE = frozenset(("IRDI", "IRI", "STRING"))
_DOCUMENT = frozenset(("BLOB", "FILE", "HTML"))


def aasc_3a_002(content: DataSpecificationIec61360) -> Breaches:
    """There is a preferred name in English."""
    if any(is_english(name.language) for name in content.preferred_name):
        return ()
    return ((".preferredName", "A preferredName is required in English at least."),)


def aasc_3a_004(concept: ConceptDescription) -> Breaches:
    """A concept of the category PROPERTY or VALUE has a data type of values."""
    if concept.category not in {"PROPERTY", "VALUE"}:
        return ()
    return _of_data_type(concept, _PROPERTY_OR_VALUE)


def aasc_3a_005(concept: ConceptDescription) -> Breaches:
    """A concept of the category REFERENCE has a data type of references."""
    return _of_data_type(concept, _REFERENCE) if concept.category == "REFERENCE" else ()


def aasc_3a_006(concept: ConceptDescription) -> Breaches:
    """A concept of the category DOCUMENT has a data type of documents."""
    return _of_data_type(concept, _DOCUMENT) if concept.category == "DOCUMENT" else ()


def aasc_3a_007(concept: ConceptDescription) -> Breaches:
    """A concept of the category QUALIFIER_TYPE has a data type."""
    if concept.category != "QUALIFIER_TYPE":
        return ()

    def holds(content: DataSpecificationIec61360) -> bool:
        return content.data_type is not None

    return _where_not(concept, holds, "", "A concept of the category QUALIFIER_TYPE requires a dataType.")


def aasc_3a_008(concept: ConceptDescription) -> Breaches:
    """There is a definition in English, unless the concept is a value."""

    def holds(content: DataSpecificationIec61360) -> bool:
        return content.value is not None or any(is_english(text.language) for text in content.definition or ())

    return _where_not(concept, holds, "", "A definition is required in English at least, unless there is a value.")


def aasc_3a_009(content: DataSpecificationIec61360) -> Breaches:
    """What is measured or paid has a unit."""
    if content.data_type not in _WITH_UNIT or content.unit is not None or content.unit_id is not None:
        return ()
    return (("", f"A unit or a unitId is required with the data type {content.data_type}."),)


def aasc_3a_010(content: DataSpecificationIec61360) -> Breaches:
    """A concept is a value or has a list of values, not both."""
    if content.value is None or content.value_list is None:
        return ()
    return ((".valueList", "Either a value or a valueList, not both."),)


def aasd_006(value: str, coded: str) -> Breaches:
    """The value of a qualifier is the one that its valueId refers to, where the concept that it names is at hand."""
    return () if value == coded else ((".value", f"{quoted(value)} is not {quoted(coded)}, which valueId refers to."),)


def aasd_007(value: str, coded: str) -> Breaches:
    """The value of a property is the one that its valueId refers to, where the concept that it names is at hand."""
    return aasd_006(value, coded)


def is_english(language: str) -> bool:
    """Say whether a language tag is one of English."""
    return language.partition("-")[0].lower() == "en"


def contents(embedded: Sequence[EmbeddedDataSpecification]) -> Sequence[tuple[str, DataSpecificationIec61360]]:
    """Give the content of each data specification and where it is."""
    return [
        (f".embeddedDataSpecifications[{index}].dataSpecificationContent", one.data_specification_content)
        for index, one in enumerate(embedded)
    ]


def _of_data_type(concept: ConceptDescription, allowed: frozenset[str]) -> Breaches:
    def holds(content: DataSpecificationIec61360) -> bool:
        return content.data_type in allowed

    said = f"The dataType of a concept of the category {concept.category} is one of {', '.join(sorted(allowed))}."
    return _where_not(concept, holds, ".dataType", said)


def _where_not(
    concept: ConceptDescription, holds: Callable[[DataSpecificationIec61360], bool], where: str, said: str
) -> Breaches:
    return [
        (path + where, said)
        for path, content in contents(concept.embedded_data_specifications or ())
        if not holds(content)
    ]
