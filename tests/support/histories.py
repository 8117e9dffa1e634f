"""Made-up histories of a journal: documents of every kind created, replaced, changed below and removed."""

from random import Random

from msgspec import Struct, structs

from titan.codec.json import encode
from titan.codec.parts import Chunk, Parts, parts
from titan.events.decide import Document
from titan.events.edit import Branch, as_one, patched
from titan.events.facts import (
    ELEMENT_CREATED,
    ELEMENT_REMOVED,
    ELEMENT_REPLACED,
    Changed,
    DocumentPut,
    DocumentRemoved,
    Fact,
    Recorded,
)
from titan.metamodel.elements import (
    Blob,
    Property,
    SubmodelElement,
    SubmodelElementCollection,
    SubmodelElementList,
)
from titan.metamodel.identifiables import (
    AssetAdministrationShell,
    AssetInformation,
    ConceptDescription,
    Identifiable,
    Submodel,
)
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL, Kind, Subject
from titan.metamodel.references import Key, Reference, SpecificAssetId


def whole_of(parts: Parts) -> Document:
    """A document as the state would give it."""
    chunks = tuple(chunk.body for chunk in parts.chunks)
    return Document(b"", "submodel", "", 1, 1, 1, removed=False, blobs=parts.blobs, head=parts.head, chunks=chunks)


def branch_of(parts: Parts, name: str | int) -> Branch:
    """What the state would give of a document for one branch."""
    ordinal = next((n for n, chunk in enumerate(parts.chunks) if name in chunk.id_shorts), len(parts.chunks) - 1)
    chunk = parts.chunks[ordinal] if parts.chunks else Chunk((), b"")
    return Branch(
        revision=1,
        position=1,
        removed=False,
        blobs=parts.blobs,
        head=parts.head,
        count=len(parts.chunks),
        ordinal=ordinal if parts.chunks else None,
        id_shorts=chunk.id_shorts,
        chunk=chunk.body,
    )


def after(before: Parts, changed: Changed) -> Parts:
    """What the state holds after a change."""
    rows = changed.rows
    chunks = {} if rows.anew else dict(enumerate(before.chunks))
    chunks |= dict(rows.chunks)
    assert len(chunks) == rows.count
    head = before.head if rows.head is None else rows.head
    return Parts(head=head, chunks=tuple(chunks[n] for n in range(rows.count)), blobs=before.blobs or changed.blobs)


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
        if known.parts is not None and isinstance(known.document, Submodel) and self._random.random() < 0.7:
            return self._change(known, known.document, known.parts)
        created = known.document is None
        known.document = self._document(subject.kind, subject.id)
        known.parts = parts(known.document)
        return DocumentPut(known.parts, created=created)

    def _change(self, known: Known, document: Submodel, before: Parts) -> Fact:
        elements = list(document.submodel_elements or ())
        match self._random.randrange(4):
            case 0 if len(elements) > 1:
                gone = elements.pop(self._random.randrange(len(elements)))
                fact, path, element = ELEMENT_REMOVED, (str(gone.id_short),), b""
            case 1:
                added = self._element(1000 + known.revision)
                elements.append(added)
                fact, path, element = ELEMENT_CREATED, (str(added.id_short),), encode(added)
            case 2:
                return self._patch(known, document, before)
            case _:
                fact = ELEMENT_REPLACED
                path, element = self._replace(elements)
        known.document = structs.replace(document, submodel_elements=elements)
        changed = branch_of(before, path[0]).changed(fact, path, element)
        if changed is None:
            changed = as_one(whole_of(before)).changed(fact, path, element)
        assert changed is not None
        known.parts = after(before, changed)
        return changed

    def _patch(self, known: Known, document: Submodel, before: Parts) -> Fact:
        elements = [
            structs.replace(element, category=f"c{known.revision}") if self._random.random() < 0.1 else element
            for element in document.submodel_elements or ()
        ]
        known.document = structs.replace(
            document, submodel_elements=elements, id_short=f"Patched{self._random.randrange(3)}"
        )
        fact = patched(whole_of(before), DocumentPut(parts(known.document), created=False))
        known.parts = after(before, fact) if isinstance(fact, Changed) else fact.parts
        return fact

    def _replace(self, elements: list[SubmodelElement]) -> tuple[tuple[str | int, ...], bytes]:
        at = self._random.randrange(len(elements))
        child = Property(id_short="Child", value_type="xs:string", value=f"{self._random.random()}")
        match elements[at]:
            case SubmodelElementCollection(id_short=id_short, value=[_]) as collection:
                elements[at], path = structs.replace(collection, value=[child]), (str(id_short), "Child")
            case SubmodelElementList(id_short=id_short, value=[first, _, *_]) as several:
                child = structs.replace(child, id_short=None)
                elements[at] = structs.replace(several, value=[first, child])
                path = (str(id_short), 1)
            case element:
                child = structs.replace(child, id_short=element.id_short)
                elements[at], path = child, (str(element.id_short),)
        return path, encode(child)

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
