"""The kinds of document, and which document is meant.

What differs between kinds is a row of this table; code that branches on a kind by name is a defect.
"""

from functools import cached_property
from hashlib import sha256

from msgspec import Struct

from titan.metamodel.identifiables import AssetAdministrationShell, ConceptDescription, Identifiable, Submodel


class Kind(Struct, frozen=True):
    """A kind of document that has a global identifier and a repository of its own."""

    name: str
    """As it stands in the journal, in keys of the cache, in topics and in logs."""
    collection: str
    """First segment of its paths in the API."""
    environment_field: str
    """Where an Environment keeps documents of this kind."""
    model: type[Identifiable]


SHELL = Kind(
    name="shell",
    collection="shells",
    environment_field="assetAdministrationShells",
    model=AssetAdministrationShell,
)
SUBMODEL = Kind(name="submodel", collection="submodels", environment_field="submodels", model=Submodel)
CONCEPT_DESCRIPTION = Kind(
    name="concept-description",
    collection="concept-descriptions",
    environment_field="conceptDescriptions",
    model=ConceptDescription,
)

KINDS = {kind.name: kind for kind in (SHELL, SUBMODEL, CONCEPT_DESCRIPTION)}


class Subject(Struct, frozen=True, dict=True):
    """Which document: its kind and its identifier."""

    kind: Kind
    id: str

    @cached_property
    def key(self) -> bytes:
        """16 bytes that stand for the subject in indexes and in keys of the cache.

        An identifier has up to 2 048 characters of up to 4 bytes, more than a row of an index holds.
        """
        return sha256(f"{self.kind.name}\n{self.id}".encode()).digest()[:16]
