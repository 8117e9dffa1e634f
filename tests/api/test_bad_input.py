"""Whatever a client sends, it is told what is wrong with it, nothing of it is stored, and the server goes on."""

import random
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import made_up
from support.asking import BODY_LIMIT, JSON, KIND_NAMES, Plain, document, identifiers, path_of, prop, put, refused
from support.documents import corpus, needs_corpus
from titan.codec.ids import encode_id
from titan.http.operations import OPERATIONS
from titan.http.operations.row import Operation
from titan.metamodel.kinds import KINDS, SHELL, SUBMODEL, Kind

Names = Callable[[], str]

DOCUMENTS = [row for row in OPERATIONS if row.path.count("/") <= 2 and row.handler.startswith("documents.")]
WITH_BODY = [row for row in DOCUMENTS if row.method in {"POST", "PUT"}]
WITH_IDENTIFIER = [row for row in DOCUMENTS if "{" in row.path]
LISTS = [row for row in OPERATIONS if row.handler == "documents.list" and row.view in {"", "reference"}]

DEEPEST = 30
"""Levels of nesting that DESIGN names, roughly; a legal document is not deeper by far."""
PATIENCE_S = 10.0
"""What costs more than it should takes minutes; what does not, less than a second on a machine with time for it."""


def by_id(row: Operation) -> str:
    return row.operation_id


def filled(row: Operation, segment: str) -> str:
    """The path of an operation, with something in place of the identifier."""
    return "/".join(segment if part.startswith("{") else part for part in row.path.split("/"))


def ask(client: httpx.Client, row: Operation, segment: str, body: bytes | None = None) -> httpx.Response:
    """Ask for an operation with a path that the client library may not put right."""
    url = client.base_url.copy_with(raw_path=filled(row, segment).encode())
    headers = {} if body is None else JSON
    return client.request(row.method, url, content=body, headers=headers)


def kind_of(row: Operation) -> Kind:
    return KINDS[row.kind or ""]


def nested(depth: int, *, model_type_last: bool = False, padding: str = "") -> bytes:
    """A submodel with collections in each other, written by hand: a library would stop before."""
    first, last = (b"", b',"modelType":"SubmodelElementCollection"')
    if not model_type_last:
        first, last = b'"modelType":"SubmodelElementCollection",', b""
    inner = msgspec.json.encode(prop("leaf", padding))
    whole = (b'{%b"idShort":"cc","value":[' % first) * depth + inner + (b"]%b}" % last) * depth
    return b'{"modelType":"Submodel","id":"urn:nested","submodelElements":[%b]}' % whole


def never_json() -> Iterator[tuple[str, bytes]]:
    yield from {
        "empty": b"",
        "white space": b"  \n",
        "cut off": b'{"modelType":"Submodel","id":"urn:cut',
        "a comma too many": b'{"modelType":"Submodel","id":"urn:comma",}',
        "something behind": b'{"modelType":"Submodel","id":"urn:behind"} x',
        "single quotes": b"{'modelType':'Submodel'}",
        "two documents": b"{}{}",
        "NaN": b'{"modelType":"Submodel","id":NaN}',
        "XML": b"<submodel/>",
        "a byte order mark": b'\xef\xbb\xbf{"modelType":"Submodel","id":"urn:bom"}',
        "UTF-16": '{"modelType":"Submodel","id":"urn:utf16"}'.encode("utf-16"),
        "not UTF-8": b'{"modelType":"Submodel","id":"urn:\xff\xfe"}',
        "an overlong encoding": b'{"modelType":"Submodel","id":"urn:\xc0\xaf"}',
        "a surrogate in UTF-8": b'{"modelType":"Submodel","id":"urn:\xed\xa0\x80"}',
        "NUL bytes": b"\0" * 64,
    }.items()


def never_documents(kind: Kind) -> Iterator[tuple[str, bytes]]:
    yield from ((str(plain), msgspec.json.encode(plain)) for plain in (None, True, 5, "text", [], [{}], {}))
    good = document(kind, "urn:titan:never")
    changes: dict[str, Plain] = {
        "no identifier": {"id": None},
        "a number": {"id": 5},
        "an object": {"id": {}},
        "an empty identifier": {"id": ""},
        "an unknown member": {"colour": "green"},
        "another model": {"modelType": "Property"},
        "an unknown model": {"modelType": "Colour"},
        "no text": {"description": "text"},
        "an empty list": {"description": []},
        "null": {"category": None},
        "an idShort that is none": {"idShort": "5 with spaces"},
        "NUL": {"category": "a\0b"},
        "a control character": {"category": "a\x01b"},
        "a character that is none": {"category": "a\ufffeb"},
        "NUL in the identifier": {"id": "urn:\0"},
        "a long identifier": {"id": "x" * 2049},
        "a long idShort": {"idShort": "x" * 129},
    }
    for name, change in changes.items():
        yield name, msgspec.json.encode(good | change)
    encoded = msgspec.json.encode(good)
    for name in ("id", "modelType"):
        without = {key: value for key, value in good.items() if key != name}
        yield f"without {name}", msgspec.json.encode(without)
        yield f"{name} twice", encoded[:-1] + b',"%b":%b}' % (name.encode(), msgspec.json.encode(good[name]))
    yield "another id", encoded[:-1] + b',"id":"urn:titan:other"}'
    for escaped in (b"\\ud800", b"\\udc00", b"\\ud800x", b"\\u0000", b"\\u0001", b"\\ufffe"):
        yield f"escaped {escaped.decode()}", encoded[:-1] + b',"category":"%b"}' % escaped
        yield f"escaped {escaped.decode()} in the identifier", encoded.replace(b"urn:", b"urn:" + escaped)


@pytest.mark.parametrize("row", WITH_BODY, ids=by_id)
def test_a_body_that_is_no_document_is_refused(client: httpx.Client, row: Operation) -> None:
    kind = kind_of(row)
    before = identifiers(client, f"/{kind.collection}", limit=1000)
    for name, body in (*never_json(), *never_documents(kind)):
        answer = ask(client, row, encode_id("urn:titan:never"), body)
        assert answer.status_code == 400, f"{name}: {answer.status_code} {answer.text[:300]}"
        refused(answer, 400)
    assert identifiers(client, f"/{kind.collection}", limit=1000) == before


@pytest.mark.parametrize("row", WITH_BODY, ids=by_id)
def test_a_body_of_another_kind_is_refused(client: httpx.Client, row: Operation) -> None:
    for other in KINDS.values():
        if other is not kind_of(row):
            refused(ask(client, row, encode_id("urn:a"), msgspec.json.encode(document(other, "urn:a"))), 400)


@pytest.mark.parametrize("row", WITH_BODY, ids=by_id)
def test_a_body_over_the_limit_is_refused(client: httpx.Client, row: Operation) -> None:
    id = "urn:titan:long"
    body = msgspec.json.encode(document(kind_of(row), id, category="x" * BODY_LIMIT))
    refused(ask(client, row, encode_id(id), body), 413)

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 1 << 16):
            yield body[start : start + (1 << 16)]

    path = filled(row, encode_id(id))
    try:
        answer = client.request(row.method, path, content=chunks(), headers=JSON)
    except (httpx.WriteError, httpx.RemoteProtocolError):
        pass  # answered and closed before all of it was sent
    else:
        refused(answer, 413)
    refused(client.get(path_of(kind_of(row), id)), 404)


@pytest.mark.parametrize("row", WITH_BODY, ids=by_id)
def test_a_body_that_is_said_to_be_something_else_is_refused(client: httpx.Client, row: Operation) -> None:
    id = "urn:titan:typed"
    body = msgspec.json.encode(document(kind_of(row), id))
    path = filled(row, encode_id(id))
    for type_ in (
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ):
        refused(client.request(row.method, path, content=body, headers={"content-type": type_}), 415)
    compressed = {**JSON, "content-encoding": "gzip"}
    refused(client.request(row.method, path, content=body, headers=compressed), 415)
    refused(client.get(path_of(kind_of(row), id)), 404)


@pytest.mark.parametrize("row", [row for row in WITH_BODY if row.kind == SUBMODEL.name], ids=by_id)
def test_a_body_that_nests_too_deep_is_refused_in_time(client: httpx.Client, row: Operation) -> None:
    segment = encode_id("urn:nested")
    bodies = [nested(depth) for depth in (2 * DEEPEST + 30, 500, 20_000, 60_000)]
    bodies += [nested(100, model_type_last=True, padding="x" * 1_000_000), nested(10_000, model_type_last=True)]
    bodies += [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'{"modelType":"Submodel","id":"urn:nested","category":' + b"[" * 99,
    ]
    for body in bodies:
        began = time.monotonic()
        answer = ask(client, row, segment, body)
        assert time.monotonic() - began < PATIENCE_S
        refused(answer, 400)
    refused(client.get(path_of(SUBMODEL, "urn:nested")), 404)


def test_what_nests_as_deep_as_a_document_may_is_stored_in_time(client: httpx.Client) -> None:
    """Members in the worst order, a megabyte at the bottom: each level could decode all that is below it anew."""
    for depth in (1, DEEPEST // 2 - 2):
        body = nested(depth, model_type_last=True, padding="x" * 1_000_000)
        began = time.monotonic()
        answer = client.put(path_of(SUBMODEL, "urn:nested"), content=body, headers=JSON)
        assert answer.status_code in {201, 204}, f"{depth}: {answer.text[:300]}"
        assert time.monotonic() - began < PATIENCE_S
        assert client.get(path_of(SUBMODEL, "urn:nested")).json() == msgspec.json.decode(body)
    client.delete(path_of(SUBMODEL, "urn:nested"))


BAD_SEGMENTS = [
    *(
        "!!!!",
        "a",
        "YQ=",
        "YQ===",
        "YR",
        "YQ==YQ==",
        "=",
        "YQ%3D%3D%3D",
        "YW Jj",
        "YW%0AJj",
        "YWJj%00",
        "%00",
        "%2F",
        "%",
    ),
    *(
        "%zz",
        "%ff",
        "%C3%28",
        "\u00e4".encode().hex(),
        "YWJj+",
        "YWJj/x"[:5],
        "YWJj%2B",
        "_-",
        "gICA",
        "AA",
        "AQ",
        "wK8",
    ),
    *(
        "7aCA",
        encode_id("urn:\x0bx"),
        encode_id("urn:\ufffex"),
        encode_id("x" * 2049),
        "A" * 12_000,
        "invalid-base64url=====",
    ),
]


@pytest.mark.parametrize("row", WITH_IDENTIFIER, ids=by_id)
def test_an_identifier_that_is_not_base64url_is_refused(client: httpx.Client, row: Operation) -> None:
    body = msgspec.json.encode(document(kind_of(row), "urn:a")) if row in WITH_BODY else None
    for segment in BAD_SEGMENTS:
        answer = ask(client, row, segment, body)
        assert answer.status_code in {400, 404}, f"{segment}: {answer.status_code} {answer.text[:300]}"
        refused(answer)


@pytest.mark.parametrize("row", LISTS, ids=by_id)
def test_a_page_that_cannot_be_is_refused(client: httpx.Client, row: Operation) -> None:
    for limit in ("0", "-1", "abc", "1.5", "", " ", "1e3", "0x10", "\u0665", "1\0", "+1", "00", "1,2"):
        refused(client.get(row.path, params={"limit": limit}), 400)
    forged = encode_id("\x92\x01\x02"), "kgEC" * 40, "kgH_", "wA", "gAE"
    for cursor in ("", "a", "!!!!", "AA", "\0", "null", "0", "-1", "x" * 5000, *forged):
        refused(client.get(row.path, params={"cursor": cursor}), 400)
    for huge in ("99999999999999999999999", "9" * 4000):
        assert client.get(row.path, params={"limit": huge, "idShort": "nobody"}).status_code == 200


@pytest.mark.parametrize("row", LISTS, ids=by_id)
def test_a_query_that_cannot_be_understood_is_refused(client: httpx.Client, row: Operation) -> None:
    names = ["assetIds"] if row.kind == SHELL.name else ["semanticId"] if row.kind == SUBMODEL.name else []
    names += ["isCaseOf", "dataSpecificationRef"] if not names else []
    bad = [quote(value, safe="") for value in ("\0", "a", "!", "x" * 4000, "e30\0")]
    bad += ["%ff", "%C3%28", encode_id("[" * 5000), encode_id('{"keys":' * 500), encode_id('{"keys":[{"value":null}]}')]
    for name in names:
        for value in bad:
            refused(client.get(f"{row.path}?{name}={value}"), 400)
    for value in ("%00", "a%00b", "%01", quote("x" * 5000), "%F0%9F%98%80"):
        answer = client.get(f"{row.path}?idShort={value}")
        assert answer.status_code == 200 or refused(answer, 400), value
    refused(client.get(f"{row.path}?idShort=%ff"), 400)


def test_identifiers_of_the_longest_length_work(client: httpx.Client, names: Names) -> None:
    for kind in KINDS.values():
        for character in ("x", "\u00e4", "\U0001f600", "\u4e16", "/", "?", "#", "%", '"', "\\", " "):
            head = names()
            id = head + character * (2048 - len(head))
            plain = document(kind, id)
            if kind is SHELL:
                plain["assetInformation"] = {"assetKind": "Instance", "globalAssetId": head}
            path = path_of(kind, id)
            answer = client.post(f"/{kind.collection}", json=plain)
            assert answer.status_code == 201, answer.text[:300]
            assert client.get(answer.headers["location"]).json() == plain
            assert client.put(path, json=plain).status_code == 204
            assert client.delete(path).status_code == 204


def test_a_refusal_names_every_fault_and_where_it_is(client: httpx.Client) -> None:
    wrong_number = {"modelType": "Property", "idShort": "number", "valueType": "xs:int", "value": "five"}
    of_constraints = [prop("ok"), prop("twice"), prop("5no"), prop("twice"), wrong_number]
    of_shape = [prop("ok"), prop("ok"), {"modelType": "Range", "idShort": "rr"}, {"modelType": "Colour"}]
    for elements, at in ((of_constraints, (2, 3, 4)), (of_shape, (1, 2, 3))):
        plain = document(SUBMODEL, "urn:faults", submodelElements=elements)
        messages = refused(client.post("/submodels", json=plain), 400)
        texts = [message["text"] for message in messages]
        for index in at:
            assert any(f"submodelElements[{index}]" in text for text in texts), texts
    many = document(SUBMODEL, "urn:faults", submodelElements=[prop(f"{number}no") for number in range(400)])
    assert len(refused(client.post("/submodels", json=many), 400)) <= 101


@pytest.mark.parametrize("kind", KIND_NAMES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_fuzzed_bytes_are_refused(client: httpx.Client, kind: str, body: bytes) -> None:
    refused(client.post(f"/{KINDS[kind].collection}", content=body, headers=JSON), 400)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(plain=made_up.changed(made_up.submodels()))
def test_a_changed_document_is_stored_as_it_is_or_refused(client: httpx.Client, plain: Plain) -> None:
    answer = client.post("/submodels", json=plain)
    if answer.status_code == 201:
        path = answer.headers["location"]
        assert client.get(path, params={"extent": "withBlobValue"}).json() == plain
        client.delete(path)
    else:
        refused(answer, 400, 409)


@needs_corpus
def test_mutated_files_of_the_corpus_never_break_the_server(client: httpx.Client) -> None:
    chance = random.Random(20261124)
    whole = [one for one in corpus() if one.model in {"Submodel", "AssetAdministrationShell", "ConceptDescription"}]
    collections = {
        "Submodel": "submodels",
        "AssetAdministrationShell": "shells",
        "ConceptDescription": "concept-descriptions",
    }
    for instance in chance.sample(whole, min(400, len(whole))):
        body = bytearray(instance.body)
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(body))
            change = chance.randrange(3)
            if change == 0:
                body[at] = chance.randrange(256)
            elif change == 1:
                del body[at : at + chance.randrange(1, 20)]
            else:
                body[at:at] = body[: chance.randrange(1, 40)]
        answer = client.post(f"/{collections[instance.model]}", content=bytes(body), headers=JSON)
        if answer.status_code == 201:
            client.delete(answer.headers["location"])
        else:
            refused(answer, 400, 409)


def test_the_server_serves_on(client: httpx.Client, names: Names) -> None:
    plain = document(SUBMODEL, names())
    put(client, SUBMODEL, plain)
    assert client.get(path_of(SUBMODEL, plain["id"])).json() == plain
