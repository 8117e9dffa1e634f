"""What the server promises of one document, whatever its kind, over HTTP."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from support.asking import JSON, KIND_NAMES, document, path_of, prop, put, refused, unpacked
from titan.codec.ids import encode_id
from titan.http.operations import BASE_PATHS
from titan.metamodel.kinds import KINDS, SUBMODEL, Kind

Names = Callable[[], str]


@pytest.fixture(params=KIND_NAMES)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def test_a_created_document_is_answered_with_itself_and_where_it_is(
    client: httpx.Client, kind: Kind, names: Names
) -> None:
    plain = document(kind, names())
    answer = client.post(f"/{kind.collection}", json=plain)
    assert answer.status_code == 201
    assert answer.json() == plain
    assert client.get(answer.headers["location"]).json() == plain
    assert answer.headers["location"] == path_of(kind, plain["id"])
    assert answer.headers["etag"] == client.get(answer.headers["location"]).headers["etag"]


def test_location_keeps_the_base_path_that_was_asked(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    answer = client.post(f"/api/v3/{kind.collection}", json=plain)
    assert answer.headers["location"] == f"/api/v3{path_of(kind, plain['id'])}"
    assert client.get(answer.headers["location"]).json() == plain


def test_an_identifier_is_taken_once(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    assert client.post(f"/{kind.collection}", json=plain).status_code == 201
    refused(client.post(f"/{kind.collection}", json=plain | {"idShort": "another"}), 409)
    assert client.get(path_of(kind, plain["id"])).json() == plain


def test_of_many_who_create_one_document_one_succeeds(client: httpx.Client, kind: Kind, names: Names) -> None:
    id = names()

    def create(number: int) -> int:
        return client.post(f"/{kind.collection}", json=document(kind, id, idShort=f"of{number}")).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [201] + [409] * 7


def test_kinds_share_no_identifiers(client: httpx.Client, names: Names) -> None:
    id = names()
    for kind in KINDS.values():
        assert client.post(f"/{kind.collection}", json=document(kind, id)).status_code == 201
    for kind in KINDS.values():
        assert client.get(path_of(kind, id)).json() == document(kind, id)


def test_put_creates_what_is_not_there(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    path = path_of(kind, plain["id"])
    answer = client.put(path, json=plain)
    assert (answer.status_code, answer.json(), answer.headers["location"]) == (201, plain, path)
    assert client.get(path).json() == plain


def test_put_replaces_what_is_there(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names(), idShort="before")
    put(client, kind, plain)
    answer = client.put(path_of(kind, plain["id"]), json=document(kind, plain["id"], category="after"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(path_of(kind, plain["id"])).json() == document(kind, plain["id"], category="after")


def test_put_refuses_a_document_with_another_identifier(client: httpx.Client, kind: Kind, names: Names) -> None:
    path, other = path_of(kind, names()), names()
    refused(client.put(path, json=document(kind, other)), 400)
    refused(client.get(path), 404)
    refused(client.get(path_of(kind, other)), 404)


def test_a_removed_document_is_gone(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    put(client, kind, plain)
    path = path_of(kind, plain["id"])
    assert client.get(path).status_code == 200
    answer = client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    refused(client.get(path), 404)
    refused(client.delete(path), 404)
    assert client.head(path).status_code == 404


def test_a_removed_identifier_is_free_again(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names(), idShort="first")
    put(client, kind, plain)
    before = client.get(path_of(kind, plain["id"])).headers["etag"]
    client.delete(path_of(kind, plain["id"]))
    again = document(kind, plain["id"], idShort="second")
    assert client.post(f"/{kind.collection}", json=again).status_code == 201
    answer = client.get(path_of(kind, plain["id"]), headers={"if-none-match": before})
    assert (answer.status_code, answer.json()) == (200, again), "the old ETag must not hold for the new document"


def test_an_unknown_document_is_not_found(client: httpx.Client, kind: Kind, names: Names) -> None:
    path = path_of(kind, names())
    refused(client.get(path), 404)
    refused(client.delete(path), 404)
    refused(client.put(path, json=document(kind, names())), 400)


def test_what_a_client_has_already_is_not_sent_again(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    path = path_of(kind, plain["id"])
    put(client, kind, plain)
    etag = client.get(path).headers["etag"]
    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = client.get(path, headers={"if-none-match": condition})
        assert (answer.status_code, answer.content) == (304, b""), condition
        assert answer.headers["etag"] == etag
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200
    put(client, kind, plain | {"idShort": "changed"})
    answer = client.get(path, headers={"if-none-match": etag})
    assert (answer.status_code, answer.json()["idShort"]) == (200, "changed")


def test_a_change_is_made_of_the_revision_that_it_names_or_not_at_all(
    client: httpx.Client, kind: Kind, names: Names
) -> None:
    plain = document(kind, names(), idShort="first")
    path = path_of(kind, plain["id"])
    put(client, kind, plain)
    first = client.get(path).headers["etag"]
    second = client.put(path, json=plain | {"idShort": "second"}, headers={"if-match": first})
    assert second.status_code == 204
    refused(client.put(path, json=plain | {"idShort": "third"}, headers={"if-match": first}), 412)
    refused(client.delete(path, headers={"if-match": first}), 412)
    refused(client.delete(path, headers={"if-match": '"never-given"'}), 412)
    assert client.get(path).json()["idShort"] == "second"
    assert client.delete(path, headers={"if-match": second.headers["etag"]}).status_code == 204


def test_a_change_may_ask_that_there_is_anything_at_all(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    path = path_of(kind, plain["id"])
    refused(client.put(path, json=plain, headers={"if-match": "*"}), 412)
    refused(client.get(path), 404)
    put(client, kind, plain)
    assert client.put(path, json=plain, headers={"if-match": "*"}).status_code == 204


def test_a_change_may_ask_that_there_is_nothing_yet(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain, nothing = document(kind, names()), {"if-none-match": "*"}
    path = path_of(kind, plain["id"])
    assert client.put(path, json=plain, headers=nothing).status_code == 201
    refused(client.put(path, json=plain | {"idShort": "second"}, headers=nothing), 412)
    refused(client.delete(path, headers=nothing), 412)
    assert client.get(path).json() == plain
    client.delete(path)
    assert client.put(path, json=plain, headers=nothing).status_code == 201


def test_a_change_may_ask_that_no_such_revision_stands(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    path = path_of(kind, plain["id"])
    put(client, kind, plain)
    etag = client.get(path).headers["etag"]
    for tags in (etag, f"W/{etag}", f'"other", {etag}'):
        refused(client.put(path, json=plain | {"idShort": "second"}, headers={"if-none-match": tags}), 412)
        refused(client.delete(path, headers={"if-none-match": tags}), 412)
    assert client.get(path).json() == plain
    assert client.put(path, json=plain, headers={"if-none-match": '"other"'}).status_code == 204
    assert client.delete(path, headers={"if-none-match": etag}).status_code == 204


def test_of_many_who_put_where_nothing_must_be_one_succeeds(client: httpx.Client, kind: Kind, names: Names) -> None:
    id = names()

    def create(number: int) -> int:
        plain = document(kind, id, idShort=f"of{number}")
        return client.put(path_of(kind, id), json=plain, headers={"if-none-match": "*"}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, range(8)))
    assert sorted(statuses) == [201] + [412] * 7
    assert client.get(path_of(kind, id)).json()["idShort"] == f"of{statuses.index(201)}"


def test_of_many_changes_of_one_revision_one_succeeds(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    path = path_of(kind, plain["id"])
    put(client, kind, plain)
    etag = client.get(path).headers["etag"]

    def change(number: int) -> int:
        changed = plain | {"idShort": f"of{number}"}
        return client.put(path, json=changed, headers={"if-match": etag}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(change, range(8)))
    assert sorted(statuses) == [204] + [412] * 7
    assert client.get(path).json()["idShort"] == f"of{statuses.index(204)}"


def test_head_is_get_without_the_body(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names(), description=[{"language": "en", "text": "long " * 200}])
    path = path_of(kind, plain["id"])
    put(client, kind, plain)
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length", "vary"):
        assert head.headers[name] == whole.headers[name], name


def test_compressed_answers_hold_the_same_and_have_etags_of_their_own(
    client: httpx.Client, kind: Kind, names: Names
) -> None:
    plain = document(kind, names(), description=[{"language": "en", "text": "word " * 200}])
    path = path_of(kind, plain["id"])
    put(client, kind, plain)
    bare = client.get(path)
    etags = {bare.headers["etag"]}
    for encoding in ("gzip", "zstd"):
        body, headers = unpacked(client, path, encoding)
        assert body == bare.content
        assert int(headers["content-length"]) < len(bare.content)
        assert "accept-encoding" in headers["vary"].lower()
        etags.add(headers["etag"])
        same = {"accept-encoding": encoding, "if-none-match": headers["etag"]}
        assert client.get(path, headers=same).status_code == 304
        changed = plain | {"idShort": f"after{encoding}"}
        assert client.put(path, json=changed, headers={"if-match": headers["etag"]}).status_code == 204
        put(client, kind, plain)
        etags.discard(headers["etag"])
        etags.add(encoding)
    assert len(etags) == 3


def test_encodings_that_the_client_refuses_are_not_used(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names(), description=[{"language": "en", "text": "word " * 200}])
    put(client, kind, plain)
    for accepted in ("identity", "gzip;q=0, zstd;q=0", "br", ""):
        answer = client.get(path_of(kind, plain["id"]), headers={"accept-encoding": accepted})
        assert "content-encoding" not in answer.headers, accepted
        assert answer.json() == plain


def test_every_base_path_shows_the_same(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    put(client, kind, plain)
    for base in BASE_PATHS:
        changed = plain | {"idShort": f"by{BASE_PATHS.index(base)}x"}
        assert client.put(f"{base}{path_of(kind, plain['id'])}", json=changed).status_code == 204
        for other in BASE_PATHS:
            assert client.get(f"{other}{path_of(kind, plain['id'])}").json() == changed


def test_an_identifier_has_one_spelling_and_padding_is_forgiven(client: httpx.Client, kind: Kind, names: Names) -> None:
    id = names()
    id += "x" * (-(len(id) + 2) % 3)
    plain = document(kind, id)
    put(client, kind, plain)
    segment = encode_id(id)
    assert len(segment) % 4
    padded = segment + "=" * (-len(segment) % 4)
    assert client.get(f"/{kind.collection}/{padded}").json() == plain
    changed = plain | {"idShort": "changed"}
    assert client.put(f"/{kind.collection}/{padded}", json=changed).status_code == 204
    assert client.get(f"/{kind.collection}/{segment}").json() == changed
    assert client.get(f"/{kind.collection}/{padded}").json() == changed


def test_a_document_comes_back_in_the_order_and_the_words_in_which_it_was_sent(
    client: httpx.Client, names: Names
) -> None:
    values = {"xs:double": "1.0E3", "xs:dateTime": "2024-02-29T24:00:00+14:00", "xs:duration": "PT10S"}
    plain = document(
        SUBMODEL,
        names(),
        submodelElements=[
            {"modelType": "Property", "idShort": f"z{9 - number}", "valueType": type_, "value": value}
            for number, (type_, value) in enumerate(values.items())
        ],
    )
    put(client, SUBMODEL, plain)
    assert client.get(path_of(SUBMODEL, plain["id"])).json() == plain


def test_the_value_of_a_blob_is_shown_where_it_is_asked_for(client: httpx.Client, names: Names) -> None:
    blob = {"modelType": "Blob", "idShort": "blob", "contentType": "text/plain"}
    inner = {"modelType": "SubmodelElementCollection", "idShort": "inner", "value": [blob]}
    with_value = inner | {"value": [blob | {"value": "QUJD"}]}
    plain = document(SUBMODEL, names(), submodelElements=[blob | {"value": "QQ==", "idShort": "outer"}, with_value])
    without = plain | {"submodelElements": [blob | {"idShort": "outer"}, inner]}
    answer = client.post("/submodels", json=plain)
    assert answer.status_code == 201
    path = path_of(SUBMODEL, plain["id"])
    assert client.get(path).json() == without
    assert client.get(path, params={"extent": "withoutBlobValue"}).json() == without
    shown = client.get(path, params={"extent": "withBlobValue"})
    assert shown.json() == plain
    assert shown.headers["etag"] != client.get(path).headers["etag"]


def test_core_leaves_out_what_is_below_the_first_elements(client: httpx.Client, names: Names) -> None:
    leaf, inner = prop("leaf"), {"modelType": "SubmodelElementCollection", "idShort": "inner"}
    entity = {"modelType": "Entity", "idShort": "entity", "entityType": "CoManagedEntity"}
    plain = document(
        SUBMODEL,
        names(),
        submodelElements=[leaf, inner | {"value": [prop("below")]}, entity | {"statements": [prop("below")]}],
    )
    put(client, SUBMODEL, plain)
    path = path_of(SUBMODEL, plain["id"])
    core = client.get(path, params={"level": "core"})
    assert core.json() == plain | {"submodelElements": [leaf, inner, entity]}
    assert client.get(path, params={"level": "deep"}).json() == plain
    assert core.headers["etag"] != client.get(path).headers["etag"]
    refused(client.get(path, params={"level": "shallow"}), 400)
    refused(client.get(path, params={"extent": "WithBlobValue"}), 400)


def test_a_document_is_referred_to_by_its_identifier(client: httpx.Client, kind: Kind, names: Names) -> None:
    if kind.collection == "concept-descriptions":
        pytest.skip("the standard has no references of concept descriptions")
    plain = document(kind, names())
    put(client, kind, plain)
    answer = client.get(f"{path_of(kind, plain['id'])}/$reference")
    assert answer.json() == {
        "type": "ModelReference",
        "keys": [{"type": plain["modelType"], "value": plain["id"]}],
    }
    client.delete(path_of(kind, plain["id"]))
    refused(client.get(f"{path_of(kind, plain['id'])}/$reference"), 404)


def test_a_write_says_where_it_stands_and_a_read_may_ask_for_it(client: httpx.Client, kind: Kind, names: Names) -> None:
    plain = document(kind, names())
    first = int(put(client, kind, plain).headers["titan-position"])
    second = int(put(client, kind, plain).headers["titan-position"])
    assert second > first
    for position in (str(first), str(second)):
        answer = client.get(path_of(kind, plain["id"]), headers={"titan-min-position": position})
        assert answer.json() == plain
    for position in ("soon", "9" * 19, "9" * 5000):
        refused(client.get(path_of(kind, plain["id"]), headers={"titan-min-position": position}), 400)


def test_an_unknown_path_is_not_found(client: httpx.Client, kind: Kind) -> None:
    for path in ("/nowhere", f"/{kind.collection}/dXJu/nowhere", f"/api/v4/{kind.collection}", f"//{kind.collection}"):
        refused(client.get(path), 404)
        refused(client.post(path, content=b"{}", headers=JSON), 404)


def test_an_unknown_method_is_told_the_known_ones(client: httpx.Client, kind: Kind, names: Names) -> None:
    many, one = client.patch(f"/{kind.collection}"), client.post(path_of(kind, names()))
    refused(many, 405)
    refused(one, 405)
    assert set(many.headers["allow"].split(", ")) >= {"GET", "HEAD", "POST"}
    assert set(one.headers["allow"].split(", ")) >= {"GET", "HEAD", "PUT", "DELETE"}


def test_a_request_keeps_the_name_that_it_came_with(client: httpx.Client, kind: Kind, names: Names) -> None:
    given = {"x-request-id": "test-4711"}
    path = path_of(kind, names())
    answer = client.get(path, headers=given)
    assert answer.headers["x-request-id"] == "test-4711"
    assert refused(answer, 404)[0]["correlationId"] == "test-4711"
    assert client.put(path, content=b"{", headers=given | JSON).headers["x-request-id"] == "test-4711"
    assert (
        client.get(path, headers={"x-request-id": "no name\twith that"}).headers["x-request-id"] != "no name\twith that"
    )
    assert client.get(path).headers["x-request-id"] != client.get(path).headers["x-request-id"]
