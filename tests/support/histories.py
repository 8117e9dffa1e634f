"""Made-up histories of a journal: documents of every kind created, replaced, changed below and removed."""

from random import Random

from msgspec import Struct, structs

from titan.codec.json import encode
from titan.codec.parts import Parts, parts, replace_branch
from titan.events.facts import BranchPut, DocumentPut, DocumentRemoved, Fact, Recorded
from titan.metamodel.elements import Blob, Property, SubmodelElementCollection, SubmodelElementList
from titan.metamodel.identifiables import (
    AssetAdministrationShell,
    AssetInformation,
    ConceptDescription,
    Identifiable,
    Submodel,
)
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL, Kind, Subject
from titan.metamodel.references import Key, Reference, SpecificAssetId


class Known(Struct):
    """What the history has made of a document so far."""

    revision: int = 0
    document: Identifiable | None = None
    parts: Parts | None = None


class History:
    """Facts without end, each decided on what those before it made. The same seed gives the same ones."""

    def __init__(self, seed: int, *, documents: int) -> None:
        self._random = Random(seed)
        kinds = (SHELL, SUBMODEL, SUBMODEL, CONCEPT_DESCRIPTION)
        self._subjects = [Subject(kinds[n % 4], f"https://example.com/[{n}]") for n in range(documents)]
        self._known: dict[Subject, Known] = {}

    def take(self, count: int) -> list[Recorded]:
        """The next facts, in order; each may stand on one before it, so that a batch must keep the order."""
        return [self._next() for _ in range(count)]

    def parts_of(self, subject: Subject) -> Parts | None:
        """What is stored of a document now; None where it does not stand."""
        return self._known[subject].parts

    def _next(self) -> Recorded:
        subject = self._random.choice(self._subjects)
        known = self._known.setdefault(subject, Known())
        expected = known.revision
        known.revision += 1
        return Recorded(subject, expected=expected, fact=self._fact(subject, known))

    def _fact(self, subject: Subject, known: Known) -> Fact:
        if known.document is not None and self._random.random() < 0.15:
            known.document = known.parts = None
            return DocumentRemoved()
        if known.parts is not None and known.parts.chunks and self._random.random() < 0.6:
            return self._branch(known, known.parts)
        created = known.document is None
        known.document = self._document(subject.kind, subject.id)
        known.parts = parts(known.document)
        return DocumentPut(known.parts, created=created)

    def _branch(self, known: Known, before: Parts) -> BranchPut:
        assert isinstance(known.document, Submodel)
        elements = list(known.document.submodel_elements or ())
        at = self._random.randrange(len(elements))
        child = Property(id_short="Child", value_type="xs:string", value=f"{self._random.random()}")
        match elements[at]:
            case SubmodelElementCollection(id_short=id_short) as collection:
                elements[at], path = structs.replace(collection, value=[child]), f"{id_short}.Child"
            case SubmodelElementList(id_short=id_short, value=value) as several:
                child = structs.replace(child, id_short=None)
                elements[at] = structs.replace(several, value=[*(value or [])[:1], child])
                path = f"{id_short}[1]"
            case element:
                child = structs.replace(child, id_short=element.id_short)
                elements[at], path = child, str(element.id_short)
        ordinal, chunk = next((n, c) for n, c in enumerate(before.chunks) if elements[at].id_short in c.id_shorts)
        index = chunk.id_shorts.index(str(elements[at].id_short))
        chunk = replace_branch(chunk, index, id_short=str(elements[at].id_short), element=encode(elements[at]))
        chunks = (*before.chunks[:ordinal], chunk, *before.chunks[ordinal + 1 :])
        known.document = structs.replace(known.document, submodel_elements=elements)
        known.parts = structs.replace(before, chunks=chunks)
        return BranchPut(path=path, body=encode(child), ordinal=ordinal, chunk=chunk)

    def _document(self, kind: Kind, id: str) -> Identifiable:
        name = f"Name{self._random.randrange(5)}"
        if kind is SHELL:
            specific = [SpecificAssetId(name="serial", value=str(self._random.randrange(9)))]
            about = AssetInformation(asset_kind="Instance", global_asset_id=id, specific_asset_ids=specific)
            return AssetAdministrationShell(id=id, id_short=name, asset_information=about)
        if kind is CONCEPT_DESCRIPTION:
            return ConceptDescription(id=id, is_case_of=[self._reference()])
        return Submodel(
            id=id,
            id_short=name,
            semantic_id=self._reference(),
            submodel_elements=[self._element(n) for n in range(self._random.choice((1, 3, 60)))],
        )

    def _element(self, number: int) -> Property | Blob | SubmodelElementCollection | SubmodelElementList:
        text = Property(id_short="Child", value_type="xs:string", value="x" * self._random.randrange(2500, 3000))
        match number % 4:
            case 0:
                return SubmodelElementCollection(id_short=f"Collection{number}", value=[text])
            case 1:
                nameless = structs.replace(text, id_short=None)
                return SubmodelElementList(
                    id_short=f"List{number}", type_value_list_element="Property", value=[nameless, nameless]
                )
            case 2 if self._random.random() < 0.1:
                return Blob(id_short=f"Blob{number}", content_type="text/plain", value="eHg=")
            case _:
                return structs.replace(text, id_short=f"Property{number}")

    def _reference(self) -> Reference:
        key = Key(type="GlobalReference", value=f"urn:meaning:{self._random.randrange(4)}")
        return Reference(type="ExternalReference", keys=[key])
