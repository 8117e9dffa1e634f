"""Large values of Blobs, over HTTP: kept outside the document, and given back byte for byte."""

from base64 import b64encode
from collections.abc import Callable

import httpx
import pytest

from support.asking import Plain, document, path_of, prop, put, refused
from titan.metamodel.kinds import SUBMODEL

Names = Callable[[], str]

WITH = {"extent": "withBlobValue"}
LARGE = b64encode(bytes(range(256)) * 1000).decode()
OTHER = b64encode(b"another" * 30_000).decode()


def blob(id_short: str, value: str) -> Plain:
    return {"modelType": "Blob", "idShort": id_short, "contentType": "application/octet-stream", "value": value}


@pytest.fixture
def base(client: httpx.Client, names: Names) -> str:
    id = names()
    put(client, SUBMODEL, document(SUBMODEL, id, submodelElements=[prop("First"), blob("Whole", LARGE)]))
    return path_of(SUBMODEL, id)


def test_a_document_comes_back_with_its_large_values(client: httpx.Client, base: str) -> None:
    whole = client.get(base, params=WITH).json()
    assert whole["submodelElements"] == [prop("First"), blob("Whole", LARGE)]
    without = client.get(base)
    assert "value" not in without.json()["submodelElements"][1]
    assert b"titan:sha256" not in without.content
    assert client.get(f"{base}/$value", params=WITH).json()["Whole"]["value"] == LARGE


def test_elements_are_created_replaced_and_patched_with_large_values(client: httpx.Client, base: str) -> None:
    elements = f"{base}/submodel-elements"
    created = client.post(elements, json=blob("Posted", LARGE))
    assert (created.status_code, created.json()) == (201, blob("Posted", LARGE))
    put_ = client.put(f"{elements}/Put", json=blob("Put", OTHER))
    assert (put_.status_code, put_.json()) == (201, blob("Put", OTHER))
    sent = {"contentType": "application/octet-stream", "value": OTHER}
    assert client.patch(f"{elements}/Posted/$value", json=sent).status_code == 204
    assert client.patch(f"{elements}/Put", json=blob("Put", LARGE)).status_code == 204
    assert client.patch(f"{base}/$value", json={"Whole": sent}).status_code == 204
    for name, value in (("Posted", OTHER), ("Put", LARGE), ("Whole", OTHER)):
        assert client.get(f"{elements}/{name}", params=WITH).json() == blob(name, value)
        assert client.get(f"{elements}/{name}/$value", params=WITH).json()["value"] == value
    assert client.patch(f"{elements}/Whole/$metadata", json={"modelType": "Blob", "category": "new"}).status_code == 204
    assert client.get(f"{elements}/Whole", params=WITH).json() == blob("Whole", OTHER) | {"category": "new"}


def test_what_is_got_and_sent_back_changes_nothing(client: httpx.Client, base: str) -> None:
    whole = client.get(base, params=WITH).content
    sent = client.put(base, content=whole, headers={"content-type": "application/json"})
    assert sent.status_code == 204
    assert client.get(base, params=WITH).content == whole


@pytest.mark.parametrize("lenient", [False, True])
def test_nobody_sends_what_stands_for_a_large_value(client: httpx.Client, base: str, lenient: bool) -> None:  # noqa: FBT001
    headers = {"titan-validation": "lenient"} if lenient else {}
    marker = f"titan:sha256:{'0' * 64}"
    elements = f"{base}/submodel-elements"
    before = client.get(base, params=WITH).content
    refused(client.post(elements, json=blob("Forged", marker), headers=headers), 400)
    refused(client.put(f"{elements}/Whole", json=blob("Whole", marker), headers=headers), 400)
    refused(client.patch(f"{elements}/Whole", json=blob("Whole", marker), headers=headers), 400)
    refused(client.post(elements, json=prop("Forged", marker), headers=headers), 400)
    assert client.get(base, params=WITH).content == before
