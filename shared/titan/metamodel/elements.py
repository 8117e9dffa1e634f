"""The submodel elements: a union that is told apart by `modelType`.

Elements below an element are always its last attribute, so that the bytes of a container are the bytes of its own
attributes followed by those of its children.

Spec: IDTA-01001, "Submodel Element Types".
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

from titan.metamodel.references import (
    AtLeastOne,
    EmbeddedDataSpecification,
    LangStringTextType,
    Part,
    Qualifier,
    Referable,
    Reference,
    References,
    SpecificAssetId,
)
from titan.metamodel.values import (
    AasSubmodelElements,
    ContentType,
    DataTypeDefXsd,
    DateTimeUtc,
    Direction,
    Duration,
    EntityType,
    Identifier,
    Maybe,
    MessageTopic,
    PathType,
    StateOfEvent,
)


class Element(Referable, frozen=True, kw_only=True, tag_field="modelType"):
    """What all submodel elements have."""

    semantic_id: Maybe[Reference] = None
    supplemental_semantic_ids: Maybe[References] = None
    qualifiers: Maybe[Annotated[list[Qualifier], AtLeastOne]] = None
    embedded_data_specifications: Maybe[Annotated[list[EmbeddedDataSpecification], AtLeastOne]] = None


class Property(Element, frozen=True, kw_only=True, tag="Property"):
    """A single value; as it was sent, in the lexical form of its type."""

    value_type: DataTypeDefXsd
    value: Maybe[str] = None
    value_id: Maybe[Reference] = None


class MultiLanguageProperty(Element, frozen=True, kw_only=True, tag="MultiLanguageProperty"):
    """A text in several languages."""

    value: Maybe[Annotated[list[LangStringTextType], AtLeastOne]] = None
    value_id: Maybe[Reference] = None


class Range(Element, frozen=True, kw_only=True, tag="Range"):
    """A range of values; a missing bound is infinite."""

    value_type: DataTypeDefXsd
    min: Maybe[str] = None
    max: Maybe[str] = None


class ReferenceElement(Element, frozen=True, kw_only=True, tag="ReferenceElement"):
    """A reference as a value."""

    value: Maybe[Reference] = None


class Blob(Element, frozen=True, kw_only=True, tag="Blob"):
    """A file in the document itself, in base64."""

    content_type: Maybe[ContentType] = None
    value: Maybe[str] = None


class File(Element, frozen=True, kw_only=True, tag="File"):
    """Where a file is: a path beside the document or a URI."""

    content_type: Maybe[ContentType] = None
    value: Maybe[PathType] = None


DataElement: TypeAlias = Blob | File | MultiLanguageProperty | Property | Range | ReferenceElement


class Relationship(Element, frozen=True, kw_only=True):
    """What both kinds of relationship have."""

    first: Maybe[Reference] = None
    second: Maybe[Reference] = None


class RelationshipElement(Relationship, frozen=True, kw_only=True, tag="RelationshipElement"):
    """A relationship between two things."""


class AnnotatedRelationshipElement(Relationship, frozen=True, kw_only=True, tag="AnnotatedRelationshipElement"):
    """A relationship with data about it."""

    annotations: Maybe[Annotated[list[DataElement], AtLeastOne]] = None


class Capability(Element, frozen=True, kw_only=True, tag="Capability"):
    """What an asset can do, independent of how."""


class BasicEventElement(Element, frozen=True, kw_only=True, tag="BasicEventElement"):
    """An event that is sent or received when something observed changes."""

    observed: Reference
    direction: Direction
    state: StateOfEvent
    message_topic: Maybe[MessageTopic] = None
    message_broker: Maybe[Reference] = None
    last_update: Maybe[DateTimeUtc] = None
    min_interval: Maybe[Duration] = None
    max_interval: Maybe[Duration] = None


class OperationVariable(Part, frozen=True, kw_only=True):
    """An argument or a result of an operation, as an element that describes it."""

    value: "SubmodelElement"


class Operation(Element, frozen=True, kw_only=True, tag="Operation"):
    """Something that can be invoked."""

    input_variables: Maybe[Annotated[list[OperationVariable], AtLeastOne]] = None
    output_variables: Maybe[Annotated[list[OperationVariable], AtLeastOne]] = None
    inoutput_variables: Maybe[Annotated[list[OperationVariable], AtLeastOne]] = None


class Entity(Element, frozen=True, kw_only=True, tag="Entity"):
    """A thing within the asset, with an asset of its own or not."""

    entity_type: Maybe[EntityType] = None
    global_asset_id: Maybe[Identifier] = None
    specific_asset_ids: Maybe[Annotated[list[SpecificAssetId], AtLeastOne]] = None
    statements: Maybe[Annotated[list["SubmodelElement"], AtLeastOne]] = None


class SubmodelElementCollection(Element, frozen=True, kw_only=True, tag="SubmodelElementCollection"):
    """Elements by name."""

    value: Maybe[Annotated[list["SubmodelElement"], AtLeastOne]] = None


class SubmodelElementList(Element, frozen=True, kw_only=True, tag="SubmodelElementList"):
    """Elements of one type, by number."""

    order_relevant: Maybe[bool] = None
    semantic_id_list_element: Maybe[Reference] = None
    type_value_list_element: AasSubmodelElements
    value_type_list_element: Maybe[DataTypeDefXsd] = None
    value: Maybe[Annotated[list["SubmodelElement"], AtLeastOne]] = None


SubmodelElement: TypeAlias = (
    AnnotatedRelationshipElement
    | BasicEventElement
    | Blob
    | Capability
    | Entity
    | File
    | MultiLanguageProperty
    | Operation
    | Property
    | Range
    | ReferenceElement
    | RelationshipElement
    | SubmodelElementCollection
    | SubmodelElementList
)

SubmodelElements = Annotated[list[SubmodelElement], Meta(min_length=1)]


class EventPayload(Part, frozen=True, kw_only=True):
    """What an event carries."""

    source: Reference
    source_semantic_id: Maybe[Reference] = None
    observable_reference: Reference
    observable_semantic_id: Maybe[Reference] = None
    topic: Maybe[MessageTopic] = None
    subject_id: Maybe[Reference] = None
    time_stamp: DateTimeUtc
    payload: Maybe[str] = None
