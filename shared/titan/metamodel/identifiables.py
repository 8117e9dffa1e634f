"""The three kinds of document, and the environment that carries several of them.

Spec: IDTA-01001, "Asset Administration Shell", "Submodel", "Concept Description", "Environment".
"""

from typing import Annotated

from titan.metamodel.elements import SubmodelElement
from titan.metamodel.references import (
    AdministrativeInformation,
    AtLeastOne,
    EmbeddedDataSpecification,
    Part,
    Qualifier,
    Referable,
    Reference,
    References,
    SpecificAssetId,
)
from titan.metamodel.values import AssetKind, ContentType, Identifier, Maybe, ModellingKind, PathType, Tagged


class Identifiable(Referable, frozen=True, kw_only=True, tag_field="modelType"):
    """What has a global identifier: a document."""

    id: Identifier
    administration: Maybe[AdministrativeInformation] = None
    embedded_data_specifications: Maybe[Annotated[list[EmbeddedDataSpecification], AtLeastOne]] = None


class Resource(Part, frozen=True, kw_only=True):
    """A file and its media type."""

    path: PathType
    content_type: Maybe[ContentType] = None


class AssetInformation(Part, frozen=True, kw_only=True):
    """Which asset a shell is about."""

    asset_kind: AssetKind
    global_asset_id: Maybe[Identifier] = None
    specific_asset_ids: Maybe[Annotated[list[SpecificAssetId], AtLeastOne]] = None
    asset_type: Maybe[Identifier] = None
    default_thumbnail: Maybe[Resource] = None


class AssetAdministrationShell(Identifiable, frozen=True, kw_only=True, tag="AssetAdministrationShell"):
    """The digital representation of an asset."""

    derived_from: Maybe[Reference] = None
    asset_information: AssetInformation
    submodels: Maybe[References] = None


class Submodel(Identifiable, frozen=True, kw_only=True, tag="Submodel"):
    """One aspect of an asset."""

    kind: Maybe[ModellingKind] = None
    semantic_id: Maybe[Reference] = None
    supplemental_semantic_ids: Maybe[References] = None
    qualifiers: Maybe[Annotated[list[Qualifier], AtLeastOne]] = None
    submodel_elements: Maybe[Annotated[list[SubmodelElement], AtLeastOne]] = None


class ConceptDescription(Identifiable, frozen=True, kw_only=True, tag="ConceptDescription"):
    """What an element means."""

    is_case_of: Maybe[References] = None


class Environment(Part, frozen=True, kw_only=True):
    """Documents that are exchanged together."""

    asset_administration_shells: Maybe[Annotated[list[Tagged[AssetAdministrationShell]], AtLeastOne]] = None
    submodels: Maybe[Annotated[list[Tagged[Submodel]], AtLeastOne]] = None
    concept_descriptions: Maybe[Annotated[list[Tagged[ConceptDescription]], AtLeastOne]] = None
