"""What the server promises of lists, over HTTP: their pages, their filters, and how soon they show a change."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import msgspec
import pytest

from support.asking import KIND_NAMES, Param, Plain, document, identifiers, pages, path_of, put, reference, refused
from titan.codec.ids import encode_id
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL, Kind

Names = Callable[[], str]


@pytest.fixture(params=KIND_NAMES)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def mark(names: Names) -> str:
    """An idShort that the documents of one test have."""
    return "m" + names().rpartition(":")[2] + names().split(":")[3] + "x"


def encoded(plain: object) -> str:
    """JSON as a parameter carries it."""
    return encode_id(msgspec.json.encode(plain).decode())


def several(client: httpx.Client, kind: Kind, names: Names, count: int, **more: object) -> list[str]:
    """Store documents one after the other; gives their identifiers in that order."""
    plains = [document(kind, names(), **more) for _ in range(count)]
    for plain in plains:
        put(client, kind, plain)
    return [plain["id"] for plain in plains]


def test_pages_together_show_everything_once_and_in_the_order_of_creation(
    client: httpx.Client, kind: Kind, names: Names, mark: str
) -> None:
    made = several(client, kind, names, 7, idShort=mark)
    for limit in (1, 2, 3, 7, 100):
        sizes = [len(page) for page in pages(client, f"/{kind.collection}", idShort=mark, limit=limit)]
        assert sizes[:-1] == [limit] * (len(sizes) - 1)
        assert sum(sizes) == 7
        assert identifiers(client, f"/{kind.collection}", idShort=mark, limit=limit) == made


def test_a_walk_sees_everything_once_while_others_create_and_remove(
    client: httpx.Client, kind: Kind, names: Names, mark: str
) -> None:
    steady = several(client, kind, names, 30, idShort=mark)
    is_over = Event()

    def disturb() -> None:
        while not is_over.is_set():
            passing = document(kind, names(), idShort=mark)
            put(client, kind, passing)
            assert client.delete(path_of(kind, passing["id"])).status_code == 204

    with ThreadPoolExecutor(2) as pool:
        disturbing = [pool.submit(disturb), pool.submit(disturb)]
        try:
            for _ in range(5):
                # It could follow those who create for ever: the steady ones are in front of them all.
                seen: list[str] = []
                for page in pages(client, f"/{kind.collection}", idShort=mark, limit=4):
                    seen += [entry["id"] for entry in page]
                    if steady[-1] in seen:
                        break
                assert [id for id in seen if id in set(steady)] == steady
                assert len(seen) == len(set(seen))
        finally:
            is_over.set()
        for one in disturbing:
            one.result()


def test_a_cursor_outlives_the_documents_around_it(client: httpx.Client, kind: Kind, names: Names, mark: str) -> None:
    made = several(client, kind, names, 6, idShort=mark)
    asked = {"idShort": mark, "limit": "2"}
    cursor = client.get(f"/{kind.collection}", params=asked).json()["paging_metadata"]["cursor"]
    for id in made[1:3]:
        client.delete(path_of(kind, id))
    following = client.get(f"/{kind.collection}", params=asked | {"cursor": cursor})
    assert [entry["id"] for entry in following.json()["result"]] == made[3:5]
    for id in made:
        client.delete(path_of(kind, id))
    assert client.get(f"/{kind.collection}", params=asked | {"cursor": cursor}).json() == {
        "paging_metadata": {},
        "result": [],
    }


def test_a_change_moves_no_document_in_the_list(client: httpx.Client, kind: Kind, names: Names, mark: str) -> None:
    made = several(client, kind, names, 4, idShort=mark)
    for id in reversed(made):
        put(client, kind, document(kind, id, idShort=mark, category="changed"))
        assert identifiers(client, f"/{kind.collection}", idShort=mark) == made


def test_a_list_shows_a_change_as_soon_as_it_is_answered(
    client: httpx.Client, kind: Kind, names: Names, mark: str
) -> None:
    def listed(**params: Param) -> list[Plain]:
        return [entry for page in pages(client, f"/{kind.collection}", **params) for entry in page]

    for _ in range(5):
        plain = document(kind, names(), idShort=mark)
        assert listed(idShort=mark) == []
        client.post(f"/{kind.collection}", json=plain)
        assert listed(idShort=mark) == [plain]
        put(client, kind, plain | {"category": "changed"})
        assert listed(idShort=mark) == [plain | {"category": "changed"}]
        put(client, kind, plain | {"idShort": f"{mark}other"})
        assert listed(idShort=mark) == []
        assert listed(idShort=f"{mark}other") == [plain | {"idShort": f"{mark}other"}]
        client.delete(path_of(kind, plain["id"]))
        assert listed(idShort=f"{mark}other") == []


def test_an_empty_list_has_a_result_and_no_cursor(client: httpx.Client, kind: Kind) -> None:
    answer = client.get(f"/{kind.collection}", params={"idShort": "nobodyIsCalledThat"})
    assert answer.json() == {"paging_metadata": {}, "result": []}
    assert b"null" not in answer.content


def test_the_last_page_has_no_cursor(client: httpx.Client, kind: Kind, names: Names, mark: str) -> None:
    several(client, kind, names, 2, idShort=mark)
    for limit in (2, 3):
        answer = client.get(f"/{kind.collection}", params={"idShort": mark, "limit": limit})
        assert answer.json()["paging_metadata"] == {}, "all of it is on this page"


def test_a_page_holds_a_hundred_unless_asked_otherwise(
    client: httpx.Client, kind: Kind, names: Names, mark: str
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda id: put(client, kind, document(kind, id, idShort=mark)), [names() for _ in range(103)]))
    sizes = [len(page) for page in pages(client, f"/{kind.collection}", idShort=mark)]
    assert sizes == [100, 3]
    assert [len(page) for page in pages(client, f"/{kind.collection}", idShort=mark, limit="99999999999")] == [103]


def test_an_idshort_is_matched_as_a_whole_and_in_its_case(
    client: httpx.Client, kind: Kind, names: Names, mark: str
) -> None:
    made = several(client, kind, names, 1, idShort=mark)
    several(client, kind, names, 1, idShort=f"{mark}Longer")
    assert identifiers(client, f"/{kind.collection}", idShort=mark) == made
    assert identifiers(client, f"/{kind.collection}", idShort=mark.upper()) == []
    assert identifiers(client, f"/{kind.collection}", idShort=mark[:-1]) == []


def test_references_are_listed_as_the_documents_are(client: httpx.Client, names: Names, mark: str) -> None:
    for kind in (SHELL, SUBMODEL):
        made = several(client, kind, names, 3, idShort=mark)
        type_ = document(kind, "any")["modelType"]
        referred = [
            entry for page in pages(client, f"/{kind.collection}/$reference", idShort=mark, limit=2) for entry in page
        ]
        assert referred == [{"type": "ModelReference", "keys": [{"type": type_, "value": id}]} for id in made]
        client.delete(path_of(kind, made[0]))
        assert len(client.get(f"/{kind.collection}/$reference", params={"idShort": mark}).json()["result"]) == 2


def test_submodels_are_found_by_what_they_mean(client: httpx.Client, names: Names) -> None:
    meaning, other = names(), names()
    main = document(SUBMODEL, names(), semanticId=reference(meaning))
    beside = document(SUBMODEL, names(), semanticId=reference(other), supplementalSemanticIds=[reference(meaning)])
    longer = document(SUBMODEL, names(), semanticId=reference(meaning, other))
    for plain in (main, beside, longer):
        put(client, SUBMODEL, plain)

    def found(*values: str, **params: Param) -> list[str]:
        return identifiers(client, "/submodels", semanticId=encoded(reference(*values)), **params)

    assert found(meaning) == [main["id"], beside["id"]]
    assert found(meaning, limit=1) == [main["id"], beside["id"]]
    assert found(other) == [beside["id"]]
    assert found(meaning, other) == [longer["id"]]
    assert found(names()) == []
    of_another_type = {"type": "ModelReference", "keys": [{"type": "ConceptDescription", "value": meaning}]}
    assert identifiers(client, "/submodels", semanticId=encoded(of_another_type)) == [main["id"], beside["id"]]
    spaced = encode_id(msgspec.json.format(msgspec.json.encode(reference(meaning)), indent=2).decode())
    assert identifiers(client, "/submodels", semanticId=spaced) == [main["id"], beside["id"]]
    put(client, SUBMODEL, document(SUBMODEL, main["id"]))
    assert found(meaning) == [beside["id"]]


def test_filters_hold_together(client: httpx.Client, names: Names, mark: str) -> None:
    meaning = names()
    both = several(client, SUBMODEL, names, 3, idShort=mark, semanticId=reference(meaning))
    several(client, SUBMODEL, names, 2, idShort=mark)
    several(client, SUBMODEL, names, 2, semanticId=reference(meaning))
    asked = {"idShort": mark, "semanticId": encoded(reference(meaning))}
    for limit in (1, 2, 100):
        assert identifiers(client, "/submodels", limit=limit, **asked) == both


def test_concept_descriptions_are_found_by_their_cases_and_their_specification(
    client: httpx.Client, names: Names, mark: str
) -> None:
    case, specification, other = names(), names(), names()
    content = {
        "modelType": "DataSpecificationIec61360",
        "preferredName": [{"language": "en", "text": "a name"}],
        "definition": [{"language": "en", "text": "what it is"}],
        "dataType": "STRING",
    }
    embedded = [{"dataSpecification": reference(specification), "dataSpecificationContent": content}]
    of_case = several(client, CONCEPT_DESCRIPTION, names, 2, isCaseOf=[reference(other), reference(case)])
    specified = several(client, CONCEPT_DESCRIPTION, names, 2, embeddedDataSpecifications=embedded)
    both = several(
        client,
        CONCEPT_DESCRIPTION,
        names,
        1,
        idShort=mark,
        isCaseOf=[reference(case)],
        embeddedDataSpecifications=embedded,
    )
    by_case, by_specification = encoded(reference(case)), encoded(reference(specification))

    def found(**params: Param) -> list[str]:
        return identifiers(client, "/concept-descriptions", limit=2, **params)

    assert found(isCaseOf=by_case) == of_case + both
    assert found(isCaseOf=encoded(reference(other))) == of_case
    assert found(dataSpecificationRef=by_specification) == specified + both
    assert found(isCaseOf=by_case, dataSpecificationRef=by_specification) == both
    assert found(isCaseOf=by_case, idShort=mark) == both
    assert found(isCaseOf=by_specification) == []


def with_assets(id: str, global_id: str, *specific: tuple[str, str], **more: object) -> Plain:
    assets: Plain = {"assetKind": "Instance", "globalAssetId": global_id}
    if specific:
        assets["specificAssetIds"] = [{"name": name, "value": value} for name, value in specific]
    return document(SHELL, id, **more) | {"assetInformation": assets}


def test_shells_are_found_by_their_assets(client: httpx.Client, names: Names, mark: str) -> None:
    asset, serial, other = names(), names(), names()
    first = with_assets(names(), asset, ("serial", serial), ("site", "A, B"), idShort=mark)
    second = with_assets(names(), asset, ("serial", other))
    third = with_assets(names(), other, ("serial", serial))
    for plain in (first, second, third):
        put(client, SHELL, plain)
    of_asset, of_serial = ({"name": "globalAssetId", "value": asset}, {"name": "serial", "value": serial})

    def found(*values: str, **params: Param) -> list[str]:
        return identifiers(client, "/shells", assetIds=list(values), limit=1, **params)

    assert found(encoded(of_asset)) == [first["id"], second["id"]]
    assert found(encoded(of_asset | {"name": "GLOBALASSETID"})) == [first["id"], second["id"]]
    assert found(encoded(of_serial)) == [first["id"], third["id"]]
    for both in ((encoded(of_asset), encoded(of_serial)), (encoded(of_serial), encoded(of_asset))):
        assert found(*both) == [first["id"]]
        assert found(",".join(both)) == [first["id"]]
    assert found(encoded([of_asset, of_serial])) == [first["id"]]
    assert found(encoded([of_asset]), encoded(of_serial)) == [first["id"]]
    assert found(encoded({"name": "site", "value": "A, B"}), encoded(of_asset)) == [first["id"]]
    assert found(encoded(of_serial), idShort=mark) == [first["id"]]
    assert found(encoded({"name": "serial", "value": asset})) == [], "a value counts under its own name alone"
    assert found(encoded({"name": "globalAssetId", "value": serial})) == []


def test_level_and_extent_shape_every_submodel_of_a_list(client: httpx.Client, names: Names, mark: str) -> None:
    blob = {"modelType": "Blob", "idShort": "blob", "contentType": "text/plain"}
    several(client, SUBMODEL, names, 2, idShort=mark, submodelElements=[blob | {"value": "QQ=="}])
    for extent, elements in {"withBlobValue": [blob | {"value": "QQ=="}], "withoutBlobValue": [blob]}.items():
        listed = client.get("/submodels", params={"idShort": mark, "extent": extent}).json()["result"]
        assert [entry["submodelElements"] for entry in listed] == [elements] * 2
    collection = {"modelType": "SubmodelElementCollection", "idShort": "inner"}
    several(client, SUBMODEL, names, 1, idShort=f"{mark}c", submodelElements=[collection | {"value": [blob]}])
    core = client.get("/submodels", params={"idShort": f"{mark}c", "level": "core"}).json()["result"]
    assert core[0]["submodelElements"] == [collection]


def test_parameters_that_nobody_knows_change_nothing(client: httpx.Client, kind: Kind, names: Names, mark: str) -> None:
    made = several(client, kind, names, 1, idShort=mark)
    assert identifiers(client, f"/{kind.collection}", idShort=mark, colour="green") == made


def test_a_long_page_is_whole_and_compressed_alike(client: httpx.Client, names: Names, mark: str) -> None:
    """Pages above a few megabytes are sent in pieces."""
    text = [{"modelType": "Property", "idShort": "text", "valueType": "xs:string", "value": "x" * 1_000_000}]
    made = several(client, SUBMODEL, names, 6, idShort=mark, submodelElements=text)
    assert identifiers(client, "/submodels", idShort=mark) == made
    answer = client.get("/submodels", params={"idShort": mark}, headers={"accept-encoding": "gzip"})
    assert [entry["id"] for entry in answer.json()["result"]] == made
    head = client.head("/submodels", params={"idShort": mark})
    assert (head.status_code, head.content) == (200, b"")


def test_a_filter_that_says_nothing_is_refused(client: httpx.Client) -> None:
    for path, name in (
        ("/shells", "assetIds"),
        ("/submodels", "semanticId"),
        ("/concept-descriptions", "isCaseOf"),
        ("/concept-descriptions", "dataSpecificationRef"),
    ):
        for value in ("", "x", "!!!!", encoded(5), encoded("text"), encoded(None), encoded({}), encoded({"keys": 5})):
            refused(client.get(path, params={name: value}), 400)
        refused(client.get(path, params={name: encoded(reference("x" * 3000))}), 400)
