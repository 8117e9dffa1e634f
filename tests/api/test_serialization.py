"""What the server promises of documents that are asked for together, over HTTP."""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import msgspec
import pytest
from lxml import etree

from support.asking import Plain, document, path_of, prop, put, reference, refused
from support.documents import environments, needs_environments
from support.processes import Titan
from support.xml_corpus import infoset
from titan.codec import json, xml
from titan.codec.aasx import CONTENT
from titan.codec.ids import encode_id
from titan.metamodel.identifiables import Environment
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL

Names = Callable[[], str]
Start = Callable[..., AbstractContextManager[Titan]]

XML_TYPES = ("application/xml", "text/xml")
AASX_TYPES = (
    "application/asset-administration-shell-package",
    "application/asset-administration-shell-package+xml",
    "application/aasx+xml",
    "application/aas+zip",
)


def model(*values: str, type: str = "ConceptDescription") -> Plain:
    return {"type": "ModelReference", "keys": [{"type": type, "value": value} for value in values]}


def submodel_reference(id: str) -> Plain:
    return model(id, type="Submodel")


def specified(**content: object) -> list[Plain]:
    """A data specification of a concept."""
    names = [{"language": "en", "text": "concept"}]
    texts = {"modelType": "DataSpecificationIec61360", "preferredName": names, "definition": names}
    return [{"dataSpecification": reference("urn:iec61360"), "dataSpecificationContent": texts | content}]


def serialized(client: httpx.Client, **params: str | list[str]) -> Plain:
    answer = client.get("/serialization", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def ids_in(environment: Plain) -> dict[str, list[str]]:
    return {name: [one["id"] for one in several] for name, several in environment.items()}


@pytest.fixture
def shell(client: httpx.Client, names: Names) -> Plain:
    plain = document(SHELL, names())
    put(client, SHELL, plain)
    return plain


@pytest.fixture
def submodel(client: httpx.Client, names: Names) -> Plain:
    plain = document(SUBMODEL, names(), submodelElements=[prop("Speed")])
    put(client, SUBMODEL, plain)
    return plain


def test_documents_that_are_asked_for_come_as_they_are_stored(
    client: httpx.Client, shell: Plain, submodel: Plain
) -> None:
    environment = serialized(client, aasIds=encode_id(shell["id"]), submodelIds=encode_id(submodel["id"]))
    assert environment == {
        "assetAdministrationShells": [client.get(path_of(SHELL, shell["id"])).json()],
        "submodels": [client.get(path_of(SUBMODEL, submodel["id"])).json()],
    }


def test_kinds_without_documents_are_left_out(client: httpx.Client, shell: Plain) -> None:
    assert list(serialized(client, aasIds=encode_id(shell["id"]))) == ["assetAdministrationShells"]


def test_several_identifiers_are_repeated_or_joined_by_commas_and_each_counts_once(
    client: httpx.Client, names: Names
) -> None:
    ids = [names() for _ in range(3)]
    for id in ids:
        put(client, SUBMODEL, document(SUBMODEL, id))
    encoded = [encode_id(id) for id in ids]
    for given in (encoded, ",".join(encoded), [",".join(encoded[:2]), encoded[2], encoded[0]]):
        assert ids_in(serialized(client, submodelIds=given)) == {"submodels": ids}


def test_an_unknown_identifier_is_named(client: httpx.Client, submodel: Plain, names: Names) -> None:
    absent, other = names(), names()
    params = {"submodelIds": [encode_id(submodel["id"]), encode_id(absent)], "aasIds": encode_id(other)}
    (message,) = refused(client.get("/serialization", params=params), 404)
    assert absent in message["text"]
    assert other in message["text"]
    assert submodel["id"] not in message["text"]


def test_a_removed_document_is_unknown(client: httpx.Client, submodel: Plain) -> None:
    client.delete(path_of(SUBMODEL, submodel["id"])).raise_for_status()
    refused(client.get("/serialization", params={"submodelIds": encode_id(submodel["id"])}), 404)


@pytest.mark.parametrize(
    "params",
    [
        {"aasIds": "invalid-base64url====="},
        {"submodelIds": ""},
        {"submodelIds": "YQ,,YQ"},
        {"includeConceptDescriptions": "yes"},
        {"includeConceptDescriptions": ""},
        {"includeConceptDescriptions": "1"},
    ],
    ids=lambda params: "&".join(f"{name}={value}" for name, value in params.items()),
)
def test_a_parameter_that_is_none_is_refused_by_its_name(client: httpx.Client, params: dict[str, str]) -> None:
    (message,) = refused(client.get("/serialization", params=params), 400)
    assert next(iter(params)) in message["text"]


@pytest.fixture
def concepts(client: httpx.Client, names: Names) -> list[str]:
    """Concepts of which each but the last refers to the next; and one that nothing refers to."""
    ids = [names() for _ in range(4)]
    chain: list[Plain] = [
        {"isCaseOf": [reference(ids[1])]},
        {"embeddedDataSpecifications": specified(valueList={"valueReferencePairs": [
            {"value": "red", "valueId": model(ids[2])}]})},
        {"embeddedDataSpecifications": specified(unit="m", unitId=reference(ids[3]))},
        {"isCaseOf": [reference(ids[0])]},
    ]  # fmt: skip
    for id, more in zip(ids, chain, strict=True):
        put(client, CONCEPT_DESCRIPTION, document(CONCEPT_DESCRIPTION, id, **more))
    put(client, CONCEPT_DESCRIPTION, document(CONCEPT_DESCRIPTION, names()))
    return ids


@pytest.mark.parametrize("how", ["semanticId", "supplementalSemanticIds", "of an element", "of a qualifier"])
def test_concepts_that_are_referred_to_come_too_directly_and_by_way_of_others(
    client: httpx.Client, names: Names, concepts: list[str], how: str
) -> None:
    refers = {"semanticId": reference(concepts[0])}
    qualifier = {"type": "q", "valueType": "xs:string", **refers}
    more: Plain = {
        "semanticId": refers,
        "supplementalSemanticIds": {
            "semanticId": reference("urn:elsewhere"),
            "supplementalSemanticIds": [model(concepts[0])],
        },
        "of an element": {"submodelElements": [prop("Speed") | refers]},
        "of a qualifier": {"submodelElements": [prop("Speed") | {"qualifiers": [qualifier]}]},
    }[how]
    id = names()
    put(client, SUBMODEL, document(SUBMODEL, id, **more))
    found = ids_in(serialized(client, submodelIds=encode_id(id)))
    assert found == {"submodels": [id], "conceptDescriptions": concepts}
    wanted = {"submodelIds": encode_id(id), "includeConceptDescriptions": "True"}
    assert ids_in(serialized(client, **wanted)) == found
    for unwanted in ("false", "False"):
        params = {"submodelIds": encode_id(id), "includeConceptDescriptions": unwanted}
        assert ids_in(serialized(client, **params)) == {"submodels": [id]}


def test_what_a_text_says_is_no_reference(client: httpx.Client, names: Names, concepts: list[str]) -> None:
    said = '"keys":[{"type":"GlobalReference","value":"' + concepts[0] + '"}]'
    id = names()
    put(client, SUBMODEL, document(SUBMODEL, id, submodelElements=[prop("Text", said)]))
    assert ids_in(serialized(client, submodelIds=encode_id(id))) == {"submodels": [id]}


@pytest.mark.parametrize("media_type", XML_TYPES)
def test_xml_says_the_same_as_json(client: httpx.Client, shell: Plain, submodel: Plain, media_type: str) -> None:
    params = {"aasIds": encode_id(shell["id"]), "submodelIds": encode_id(submodel["id"])}
    answer = client.get("/serialization", params=params, headers={"accept": media_type})
    assert answer.headers["content-type"] == media_type
    expected = json.decode(Environment, msgspec.json.encode(serialized(client, **params)))
    assert infoset(answer.content) == infoset(xml.encode(expected))


@pytest.mark.parametrize("media_type", AASX_TYPES)
def test_a_package_has_the_same_as_xml(client: httpx.Client, shell: Plain, submodel: Plain, media_type: str) -> None:
    params = {"aasIds": encode_id(shell["id"]), "submodelIds": encode_id(submodel["id"])}
    answer = client.get("/serialization", params=params, headers={"accept": media_type})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == 'attachment; filename="environment.aasx"'
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    plain = client.get("/serialization", params=params, headers={"accept": "text/xml"})
    assert infoset(archive.read(CONTENT[1:])) == infoset(plain.content)


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/xml"),
        ("application/xml;q=0.5, application/json;q=0.4", "application/xml"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/json;q=0, */*", "application/xml"),
        ("APPLICATION/XML", "application/xml"),
        ("application/json; charset=utf-8", "application/json"),
    ],
)
def test_the_most_welcome_form_is_given(client: httpx.Client, shell: Plain, accept: str, given: str) -> None:
    answer = client.get("/serialization", params={"aasIds": encode_id(shell["id"])}, headers={"accept": accept})
    assert answer.headers["content-type"] == given
    assert "accept" in answer.headers["vary"]


@pytest.mark.parametrize("accept", ["text/html", "image/png, text/plain", "application/json;q=0", "nonsense"])
def test_where_nothing_is_welcome_the_client_is_told_what_there_is(client: httpx.Client, accept: str) -> None:
    (message,) = refused(client.get("/serialization", headers={"accept": accept}), 406)
    assert "application/json" in message["text"]
    assert "application/xml" in message["text"]


def test_head_says_what_get_would(client: httpx.Client, shell: Plain, names: Names) -> None:
    params = {"aasIds": encode_id(shell["id"])}
    answer = client.head("/serialization", params=params, headers={"accept": "application/xml"})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "application/xml", b"")
    assert client.head("/serialization", params={"aasIds": encode_id(names())}).status_code == 404


def test_a_shell_by_itself_comes_with_the_submodels_that_it_refers_to(client: httpx.Client, names: Names) -> None:
    ours, absent, stranger = names(), names(), names()
    for id in (ours, stranger):
        put(client, SUBMODEL, document(SUBMODEL, id))
    shell = document(SHELL, names(), submodels=[submodel_reference(ours), submodel_reference(absent)])
    put(client, SHELL, shell)
    path = f"{path_of(SHELL, shell['id'])}/serialization"
    assert ids_in(client.get(path).json()) == {"assetAdministrationShells": [shell["id"]], "submodels": [ours]}
    assert ids_in(client.get(path, params={"submodelIds": encode_id(ours)}).json()) == {"submodels": [ours]}
    for id in (stranger, absent):
        (message,) = refused(client.get(path, params={"submodelIds": encode_id(id)}), 404)
        assert id in message["text"]
    refused(client.get(f"{path_of(SHELL, names())}/serialization"), 404)


def test_a_submodel_by_itself_is_all_that_there_is(client: httpx.Client, submodel: Plain, shell: Plain) -> None:
    path = f"{path_of(SUBMODEL, submodel['id'])}/serialization"
    assert ids_in(client.get(path).json()) == {"submodels": [submodel["id"]]}
    refused(client.get(path, params={"aasIds": encode_id(shell["id"])}), 404)


@pytest.fixture(scope="module")
def stocked(start: Start) -> Iterator[tuple[httpx.Client, Plain]]:
    """A repository of its own with real documents, and what was sent to it."""
    with start(TITAN_VALIDATION="lenient") as run, httpx.Client(base_url=run.url, timeout=60) as client:
        sent: dict[str, dict[str, Plain]] = {kind.environment_field: {} for kind in KINDS.values()}
        assert client.get("/serialization").json() == {}
        for file in environments():
            environment = msgspec.json.decode(file.read_bytes())
            for kind in KINDS.values():
                for plain in environment.get(kind.environment_field, []):
                    put(client, kind, plain)
                    sent[kind.environment_field][plain["id"]] = plain
        yield client, sent


@needs_environments
def test_without_identifiers_the_whole_repository_comes(stocked: tuple[httpx.Client, Plain]) -> None:
    client, sent = stocked
    whole = serialized(client, includeConceptDescriptions="True")
    assert {name: {one["id"]: one for one in several} for name, several in whole.items()} == sent
    without = serialized(client, includeConceptDescriptions="false")
    assert without == {name: several for name, several in whole.items() if name != "conceptDescriptions"}


@needs_environments
def test_the_whole_repository_comes_in_every_form(stocked: tuple[httpx.Client, Plain]) -> None:
    client, _ = stocked
    whole, _ = json.read_part(Environment, client.get("/serialization").content, lenient=True)
    expected = infoset(xml.encode(whole))
    assert infoset(client.get("/serialization", headers={"accept": "application/xml"}).content) == expected
    package = client.get("/serialization", headers={"accept": AASX_TYPES[0]})
    archive = zipfile.ZipFile(io.BytesIO(package.content))
    assert archive.testzip() is None
    assert infoset(archive.read(CONTENT[1:])) == expected
    assert etree.fromstring(archive.read("[Content_Types].xml")) is not None
