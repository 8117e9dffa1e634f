"""References, and what refers: semantic ids, qualifiers, extensions, asset ids, data specifications.

Spec: IDTA-01001, "Referencing", "Common Attributes"; IDTA-01003-a for `DataSpecificationIec61360`.
"""

from typing import Annotated

from msgspec import Meta, Struct

from titan.metamodel.values import (
    DataTypeDefXsd,
    DataTypeIec61360,
    Identifier,
    IdShort,
    KeyTypes,
    LabelType,
    LanguageTag,
    Maybe,
    NameType,
    NonEmpty,
    QualifierKind,
    ReferenceTypes,
    Tagged,
    ValueTypeIec61360,
    VersionType,
)

AtLeastOne = Meta(min_length=1)
"""An empty array is not JSON of the AAS: what is empty is left out. Spec: IDTA-01001, "JSON"."""


class Part(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Anything in a document: immutable, without a cycle, encoded in the order of its fields."""


class Key(Part, frozen=True, kw_only=True):
    """One step of a reference."""

    type: KeyTypes
    value: Identifier


class Reference(Part, frozen=True, kw_only=True):
    """A reference to something in a model or outside."""

    type: ReferenceTypes
    referred_semantic_id: Maybe["Reference"] = None
    keys: Annotated[list[Key], AtLeastOne]


References = Annotated[list[Reference], AtLeastOne]


class HasSemantics(Part, frozen=True, kw_only=True):
    """What has a meaning that is defined elsewhere."""

    semantic_id: Maybe[Reference] = None
    supplemental_semantic_ids: Maybe[References] = None


class LangStringNameType(Part, frozen=True, kw_only=True):
    """A name in one language."""

    language: LanguageTag
    text: Annotated[str, Meta(min_length=1, max_length=128)]


class LangStringTextType(Part, frozen=True, kw_only=True):
    """A text in one language."""

    language: LanguageTag
    text: Annotated[str, Meta(min_length=1, max_length=1023)]


class LangStringPreferredNameTypeIec61360(Part, frozen=True, kw_only=True):
    """A preferred name in one language."""

    language: LanguageTag
    text: Annotated[str, Meta(min_length=1, max_length=255)]


class LangStringShortNameTypeIec61360(Part, frozen=True, kw_only=True):
    """A short name in one language."""

    language: LanguageTag
    text: Annotated[str, Meta(min_length=1, max_length=18)]


class LangStringDefinitionTypeIec61360(Part, frozen=True, kw_only=True):
    """A definition in one language."""

    language: LanguageTag
    text: Annotated[str, Meta(min_length=1, max_length=1023)]


class Extension(HasSemantics, frozen=True, kw_only=True):
    """Something that the metamodel has no attribute for."""

    name: NameType
    value_type: Maybe[DataTypeDefXsd] = None
    value: Maybe[str] = None
    refers_to: Maybe[References] = None


class Qualifier(HasSemantics, frozen=True, kw_only=True):
    """A statement that restricts or explains the meaning of what it qualifies."""

    kind: Maybe[QualifierKind] = None
    type: NameType
    value_type: DataTypeDefXsd
    value: Maybe[str] = None
    value_id: Maybe[Reference] = None


class SpecificAssetId(HasSemantics, frozen=True, kw_only=True):
    """An identifier of an asset within some system, such as a serial number."""

    name: LabelType
    value: Identifier
    external_subject_id: Maybe[Reference] = None


class ValueReferencePair(Part, frozen=True, kw_only=True):
    """A value of an enumeration and where it is defined."""

    value: ValueTypeIec61360
    value_id: Maybe[Reference] = None


class ValueList(Part, frozen=True, kw_only=True):
    """The values that a property may take."""

    value_reference_pairs: Annotated[list[ValueReferencePair], AtLeastOne]


class LevelType(Part, frozen=True, kw_only=True):
    """Which of minimum, nominal, typical and maximum a value may have."""

    min: bool
    nom: bool
    typ: bool
    max: bool


class DataSpecificationIec61360(
    Part, frozen=True, kw_only=True, tag_field="modelType", tag="DataSpecificationIec61360"
):
    """What a concept means, in the terms of IEC 61360."""

    preferred_name: Annotated[list[LangStringPreferredNameTypeIec61360], AtLeastOne]
    short_name: Maybe[Annotated[list[LangStringShortNameTypeIec61360], AtLeastOne]] = None
    unit: Maybe[NonEmpty] = None
    unit_id: Maybe[Reference] = None
    source_of_definition: Maybe[NonEmpty] = None
    symbol: Maybe[NonEmpty] = None
    data_type: Maybe[DataTypeIec61360] = None
    definition: Maybe[Annotated[list[LangStringDefinitionTypeIec61360], AtLeastOne]] = None
    value_format: Maybe[NonEmpty] = None
    value_list: Maybe[ValueList] = None
    value: Maybe[ValueTypeIec61360] = None
    level_type: Maybe[LevelType] = None


class EmbeddedDataSpecification(Part, frozen=True, kw_only=True):
    """A data specification, and what it says about the element that holds it."""

    data_specification: Reference
    data_specification_content: Tagged[DataSpecificationIec61360]


class HasDataSpecification(Part, frozen=True, kw_only=True):
    """What is described further by data specifications."""

    embedded_data_specifications: Maybe[Annotated[list[EmbeddedDataSpecification], AtLeastOne]] = None


class AdministrativeInformation(HasDataSpecification, frozen=True, kw_only=True):
    """Version, revision and origin of an identifiable."""

    version: Maybe[VersionType] = None
    revision: Maybe[VersionType] = None
    creator: Maybe[Reference] = None
    template_id: Maybe[Identifier] = None


class Referable(Part, frozen=True, kw_only=True):
    """What can be named by its idShort within its surroundings."""

    id_short: Maybe[IdShort] = None
    display_name: Maybe[Annotated[list[LangStringNameType], AtLeastOne]] = None
    description: Maybe[Annotated[list[LangStringTextType], AtLeastOne]] = None
    category: Maybe[NameType] = None
    extensions: Maybe[Annotated[list[Extension], AtLeastOne]] = None
