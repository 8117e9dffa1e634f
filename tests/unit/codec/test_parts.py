"""A document in parts is the document."""

import pytest

from support.documents import environments, expected, needs_corpus, needs_environments
from titan.codec import json
from titan.codec.parts import (
    CHUNK_BYTES,
    WHOLE_LIMIT_BYTES,
    Chunk,
    append_branch,
    branches_of,
    has_blobs,
    join,
    parts,
    remove_branch,
    replace_branch,
)
from titan.metamodel.elements import Blob, Capability, Property, SubmodelElement, SubmodelElementCollection
from titan.metamodel.identifiables import AssetAdministrationShell, AssetInformation, Environment, Submodel


def text(name: str, size: int) -> Property:
    return Property(id_short=name, value_type="xs:string", value="x" * size)


def submodel(*elements: SubmodelElement) -> Submodel:
    return Submodel(id="urn:a", id_short="Motor", submodel_elements=list(elements))


def whole(document: Submodel) -> bytes:
    apart = parts(document)
    return b"".join(join(apart.head, [chunk.body for chunk in apart.chunks]))


@needs_corpus
def test_a_small_document_is_one_part() -> None:
    for instance in expected():
        if instance.model == "Submodel":
            document = json.decode(Submodel, instance.body)
            apart = parts(document)
            assert (apart.head, apart.chunks) == (json.encode(document), ())


@needs_environments
def test_a_large_submodel_is_the_join_of_its_parts() -> None:
    (file,) = [file for file in environments() if file.stem == "purchase-order-2mb"]
    documents = json.decode(Environment, file.read_bytes()).submodels or []
    assert any(len(json.encode(document)) > WHOLE_LIMIT_BYTES for document in documents)
    for document in documents:
        assert whole(document) == json.encode(document)


def test_the_limit_of_a_whole_document_is_exact() -> None:
    bare = len(json.encode(submodel(text("One", 0))))
    at_limit = submodel(text("One", WHOLE_LIMIT_BYTES - bare))
    assert len(json.encode(at_limit)) == WHOLE_LIMIT_BYTES
    assert parts(at_limit).head == json.encode(at_limit)
    beyond = submodel(text("One", WHOLE_LIMIT_BYTES - bare + 1))
    assert [chunk.id_shorts for chunk in parts(beyond).chunks] == [("One",)]
    assert whole(beyond) == json.encode(beyond)


def test_chunks_are_runs_of_whole_branches() -> None:
    document = submodel(*[text(f"P{index}", 1000 if index % 7 else 40_000) for index in range(100)])
    apart = parts(document)
    assert whole(document) == json.encode(document)
    assert [name for chunk in apart.chunks for name in chunk.id_shorts] == [f"P{index}" for index in range(100)]
    for chunk in apart.chunks:
        assert len(chunk.id_shorts) == len(branches_of(chunk))
        assert len(chunk.body) <= CHUNK_BYTES + 100 or len(chunk.id_shorts) == 1


def test_a_shell_is_never_in_chunks() -> None:
    names = [{"name": f"n{index}", "value": "x" * 2000} for index in range(50)]
    information = json.decode(AssetInformation, json.encode({"assetKind": "Type", "specificAssetIds": names}))
    shell = AssetAdministrationShell(id="urn:a", asset_information=information)
    assert parts(shell).chunks == ()
    assert len(parts(shell).head) > WHOLE_LIMIT_BYTES


@pytest.mark.parametrize("size", [1, 100_000])
def test_blobs_are_noticed_however_deep_they_lie(size: int) -> None:
    blob = SubmodelElementCollection(
        id_short="Outer",
        value=[SubmodelElementCollection(id_short="Inner", value=[Blob(id_short="Picture", value="AAAA")])],
    )
    assert parts(submodel(text("T", size), blob)).blobs
    assert not parts(submodel(text("T", size))).blobs


def test_a_text_about_blobs_is_no_blob() -> None:
    said = Property(id_short="Text", value_type="xs:string", value='{"modelType":"Blob","value":"AAAA"}')
    assert not has_blobs(json.encode(submodel(said)))


def test_one_branch_is_changed_without_the_others() -> None:
    names = ("A", "B", "C")
    chunk = Chunk(id_shorts=names, body=b",".join(json.encode(text(name, 3)) for name in names))
    other = json.encode(Capability(id_short="D"))
    replaced = replace_branch(chunk, 1, id_short="D", element=other)
    assert replaced.id_shorts == ("A", "D", "C")
    assert branches_of(replaced) == [branches_of(chunk)[0], other, branches_of(chunk)[2]]
    removed = remove_branch(chunk, 0)
    assert removed is not None
    assert (removed.id_shorts, branches_of(removed)) == (("B", "C"), branches_of(chunk)[1:])
    assert remove_branch(Chunk(id_shorts=("A",), body=other), 0) is None


def test_a_branch_is_appended_to_a_chunk_until_it_is_full() -> None:
    chunk = Chunk(id_shorts=("A",), body=json.encode(text("A", 3)))
    (longer,) = append_branch(chunk, id_short="B", element=json.encode(text("B", 3)))
    assert (longer.id_shorts, len(branches_of(longer))) == (("A", "B"), 2)
    assert append_branch(chunk, id_short="B", element=json.encode(text("B", CHUNK_BYTES)))[0] == chunk
