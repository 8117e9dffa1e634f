"""Views show less of a document, and what they show is as it is."""

import msgspec
import pytest

from support.documents import environments, expected, needs_corpus, needs_environments
from titan.codec import json, views
from titan.codec.parts import branches_of, join, parts
from titan.metamodel.identifiables import Environment, Submodel
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL
from titan.metamodel.references import Reference

BLOB = {"modelType": "Blob", "idShort": "Picture", "contentType": "image/png", "value": "AAAA"}
TEXT = {"modelType": "Property", "idShort": "Text", "valueType": "xs:string", "value": "red"}
SUBMODEL_WITH_ALL = {
    "modelType": "Submodel",
    "id": "urn:a",
    "submodelElements": [
        TEXT,
        BLOB,
        {"modelType": "SubmodelElementCollection", "idShort": "Folder", "value": [TEXT, BLOB]},
        {"modelType": "SubmodelElementList", "typeValueListElement": "Blob", "idShort": "List", "value": [BLOB]},
        {"modelType": "Entity", "idShort": "Part", "entityType": "CoManagedEntity", "statements": [TEXT]},
        {"modelType": "AnnotatedRelationshipElement", "idShort": "Near", "annotations": [BLOB]},
        {"modelType": "Operation", "idShort": "Go", "inputVariables": [{"value": BLOB}]},
    ],
}
BARE = {name: member for name, member in BLOB.items() if name != "value"}


def shaped(document: object, *, core: bool = False, blobs: bool = True) -> dict[str, object]:
    return msgspec.json.decode(views.shape(msgspec.json.encode(document), core=core, blobs=blobs))


def test_core_shows_direct_children_without_theirs() -> None:
    assert shaped(SUBMODEL_WITH_ALL, core=True)["submodelElements"] == [
        TEXT,
        BLOB,
        {"modelType": "SubmodelElementCollection", "idShort": "Folder"},
        {"modelType": "SubmodelElementList", "typeValueListElement": "Blob", "idShort": "List"},
        {"modelType": "Entity", "idShort": "Part", "entityType": "CoManagedEntity"},
        {"modelType": "AnnotatedRelationshipElement", "idShort": "Near"},
        {"modelType": "Operation", "idShort": "Go", "inputVariables": [{"value": BLOB}]},
    ]


def test_values_of_blobs_are_left_out_wherever_they_lie() -> None:
    deep = shaped(SUBMODEL_WITH_ALL, blobs=False)
    without = msgspec.json.encode(SUBMODEL_WITH_ALL).replace(b',"value":"AAAA"', b"")
    assert deep == msgspec.json.decode(without)
    core = shaped(SUBMODEL_WITH_ALL, core=True, blobs=False)
    assert b"AAAA" not in msgspec.json.encode(core)
    assert core["submodelElements"][:2] == [TEXT, BARE]  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize("core", [True, False])
def test_one_element_has_the_same_views(core: bool) -> None:  # noqa: FBT001 - a row of the table
    assert shaped(BLOB, core=core, blobs=False) == BARE
    assert shaped(BLOB, core=core, blobs=True) == BLOB
    assert shaped(TEXT, core=core, blobs=False) == TEXT
    folder = {"modelType": "SubmodelElementCollection", "idShort": "Folder", "value": [TEXT, BLOB]}
    inner = {"modelType": "SubmodelElementCollection", "idShort": "Folder", "value": [folder]}
    assert shaped(inner, core=True, blobs=True)["value"] == [
        {"modelType": "SubmodelElementCollection", "idShort": "Folder"}
    ]
    assert shaped({"modelType": "Submodel", "id": "urn:a"}, core=core) == {"modelType": "Submodel", "id": "urn:a"}


def test_a_value_that_is_not_of_a_blob_stays() -> None:
    said = TEXT | {"value": '"modelType":"Blob"'}
    document = SUBMODEL_WITH_ALL | {"submodelElements": [said, BLOB]}
    assert shaped(document, blobs=False)["submodelElements"] == [said, BARE]


@needs_environments
@pytest.mark.parametrize(("core", "blobs"), [(True, True), (True, False), (False, False)])
def test_chunks_give_the_view_of_the_whole(core: bool, blobs: bool) -> None:  # noqa: FBT001 - rows of the table
    file = next(file for file in environments() if file.stem.startswith("purchase"))
    for document in json.decode(Environment, file.read_bytes()).submodels or []:
        apart = parts(document)
        chunks = [views.shape_branches(chunk.body, core=core, blobs=blobs) for chunk in apart.chunks]
        assert b"".join(join(apart.head, chunks)) == views.shape(json.encode(document), core=core, blobs=blobs)
        assert all(branches_of(chunk) for chunk in apart.chunks)


@needs_corpus
def test_a_view_is_a_document_too() -> None:
    for instance in expected():
        if instance.model == "Submodel":
            body = json.encode(json.decode(Submodel, instance.body))
            for core, blobs in ((True, True), (True, False), (False, False)):
                view = views.shape(body, core=core, blobs=blobs)
                assert json.encode(json.decode(Submodel, view)) == view


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_reference_of_a_document_names_it(kind: object) -> None:
    names = {SHELL: "AssetAdministrationShell", SUBMODEL: "Submodel", CONCEPT_DESCRIPTION: "ConceptDescription"}
    body = views.reference(kind, 'urn:"a')  # pyright: ignore[reportArgumentType]
    reference = json.decode(Reference, body)
    assert reference.type == "ModelReference"
    assert [(key.type, key.value) for key in reference.keys] == [(names[kind], 'urn:"a')]  # pyright: ignore[reportArgumentType]
    assert json.encode(reference) == body
