"""Views of documents and elements, over HTTP: which there are, what modifiers do to them, and how they are paged."""

from collections.abc import Callable

import httpx
import pytest

from support.asking import Plain, document, pages, path_of, prop, put, refused
from titan.metamodel.kinds import SUBMODEL

Names = Callable[[], str]

ELEMENTS: list[Plain] = [
    prop("Speed", "fast"),
    {
        "modelType": "SubmodelElementCollection",
        "idShort": "Motor",
        "value": [
            {"modelType": "Property", "idShort": "Count", "valueType": "xs:int", "value": "7"},
            {"modelType": "SubmodelElementCollection", "idShort": "Inner", "value": [prop("Leaf")]},
            {
                "modelType": "SubmodelElementList",
                "idShort": "Items",
                "typeValueListElement": "Property",
                "valueTypeListElement": "xs:double",
                "value": [{"modelType": "Property", "valueType": "xs:double", "value": "1.50"}],
            },
        ],
    },
    {"modelType": "Blob", "idShort": "Blob", "contentType": "text/plain", "value": "eHg="},
    {"modelType": "Capability", "idShort": "Can"},
    {"modelType": "Operation", "idShort": "Run"},
]


class Shown:
    """A submodel with elements of several types."""

    def __init__(self, client: httpx.Client, names: Names) -> None:
        self.client = client
        self.id = names()
        self.base = path_of(SUBMODEL, self.id)
        put(client, SUBMODEL, document(SUBMODEL, self.id, idShort=f"S{len(self.id)}", submodelElements=ELEMENTS))

    def get(self, path: str, **params: str | int) -> httpx.Response:
        return self.client.get(f"{self.base}{path}", params=params)


@pytest.fixture
def shown(client: httpx.Client, names: Names) -> Shown:
    return Shown(client, names)


VALUES = {
    "Speed": "fast",
    "Motor": {"Count": 7, "Inner": {"Leaf": "1"}, "Items": [1.5]},
    "Blob": {"contentType": "text/plain"},
}


def test_a_submodel_has_every_view(shown: Shown) -> None:
    assert shown.get("/$metadata").json() == {"modelType": "Submodel", "id": shown.id, "idShort": f"S{len(shown.id)}"}
    assert shown.get("/$value").json() == VALUES
    assert b'"Items":[1.50]' in shown.get("/$value").content
    assert shown.get("/$value", extent="withBlobValue").json()["Blob"]["value"] == "eHg="
    assert shown.get("/$value", level="core").json() == VALUES | {"Motor": {}}
    key = {"type": "Submodel", "value": shown.id}
    assert shown.get("/$reference").json() == {"type": "ModelReference", "keys": [key]}
    deep = ["Speed", "Motor", "Motor.Count", "Motor.Inner", "Motor.Inner.Leaf", "Motor.Items", "Motor.Items[0]"]
    assert shown.get("/$path").json() == [*deep, "Blob", "Can", "Run"]
    assert shown.get("/$path", level="core").json() == ["Speed", "Motor", "Blob", "Can", "Run"]


def test_an_element_has_the_views_of_its_type(shown: Shown) -> None:
    at = "/submodel-elements/Motor"
    assert shown.get(at).json() == ELEMENTS[1]
    assert shown.get(f"{at}/$metadata").json() == {"modelType": "SubmodelElementCollection", "idShort": "Motor"}
    assert shown.get(f"{at}/$value").json() == VALUES["Motor"]
    assert shown.get(f"{at}.Items%5B0%5D/$value").content == b"1.50"
    reference = shown.get(f"{at}.Items%5B0%5D/$reference").json()
    assert [(key["type"], key["value"]) for key in reference["keys"]] == [
        ("Submodel", shown.id),
        ("SubmodelElementCollection", "Motor"),
        ("SubmodelElementList", "Items"),
        ("Property", "0"),
    ]
    assert shown.get(f"{at}.Inner/$path").json() == ["Motor.Inner", "Motor.Inner.Leaf"]
    core = shown.get(at, level="core").json()
    assert [set(element) & {"value", "valueType"} for element in core["value"]] == [
        {"value", "valueType"},
        set(),
        set(),
    ]
    assert "value" not in shown.get("/submodel-elements/Blob").json()
    assert shown.get("/submodel-elements/Blob", extent="withBlobValue").json() == ELEMENTS[2]


REFUSED = {
    "the value of a capability": ("/submodel-elements/Can/$value", {}, 400),
    "the value of an operation": ("/submodel-elements/Run/$value", {}, 400),
    "the metadata of a capability": ("/submodel-elements/Can/$metadata", {}, 400),
    "paths below a leaf": ("/submodel-elements/Speed/$path", {}, 400),
    "a level of metadata": ("/$metadata", {"level": "core"}, 400),
    "a level that is none": ("", {"level": "deeper"}, 400),
    "an extent that is none": ("/$value", {"extent": "all"}, 400),
    "an empty cursor": ("/submodel-elements", {"cursor": ""}, 400),
    "a cursor of ours that is another's": ("/submodel-elements", {"cursor": "kgED"}, 400),
    "no limit": ("/submodel-elements", {"limit": 0}, 400),
    "an element that is not there": ("/submodel-elements/Missing", {}, 404),
    "an index beyond the list": ("/submodel-elements/Motor.Items%5B1%5D", {}, 404),
    "an index of a collection": ("/submodel-elements/Motor%5B0%5D", {}, 404),
    "a way through a leaf": ("/submodel-elements/Speed.Leaf", {}, 404),
    "no path": ("/submodel-elements/Motor..Count", {}, 400),
    "a view that is none": ("/$values", {}, 404),
}


@pytest.mark.parametrize(("path", "params", "status"), REFUSED.values(), ids=REFUSED)
def test_what_there_is_not_is_refused_with_a_sentence(
    shown: Shown, path: str, params: dict[str, str | int], status: int
) -> None:
    refused(shown.get(path, **params), status)


def test_elements_are_listed_by_page_in_every_view(shown: Shown) -> None:
    at = f"{shown.base}/submodel-elements"
    for limit in (1, 2, 5):
        whole = [one for page in pages(shown.client, at, limit=limit, extent="withBlobValue") for one in page]
        assert whole == ELEMENTS
        names = [
            one["keys"][-1]["value"] for page in pages(shown.client, f"{at}/$reference", limit=limit) for one in page
        ]
        assert names == [element["idShort"] for element in ELEMENTS]
        metadata = [one for page in pages(shown.client, f"{at}/$metadata", limit=limit) for one in page]
        assert [one["idShort"] for one in metadata] == names
    assert shown.client.get(f"{at}/$value").json()["result"] == VALUES


def test_a_page_goes_on_where_it_ended_though_elements_come_and_go(shown: Shown) -> None:
    at = f"{shown.base}/submodel-elements"
    first = shown.client.get(at, params={"limit": 2}).json()
    shown.client.delete(f"{at}/Speed")
    shown.client.post(at, json=prop("New"))
    rest = shown.client.get(at, params={"limit": 9, "cursor": first["paging_metadata"]["cursor"]}).json()
    assert [one["idShort"] for one in rest["result"]] == ["Blob", "Can", "Run", "New"]


def test_paths_of_submodels_are_limited_by_path(shown: Shown, client: httpx.Client) -> None:
    params = {"idShort": f"S{len(shown.id)}"}
    limits = [
        [one for page in pages(client, "/submodels/$path", limit=limit, **params) for one in page] for limit in (3, 500)
    ]
    assert limits[0] == limits[1]
    one = client.get("/submodels/$path", params=params | {"limit": "1"}).json()
    assert len(one["result"]) == 1


def padding(count: int) -> list[Plain]:
    """Enough elements for a submodel to be kept in chunks, where there are 80."""
    return [prop(f"Padding{number}", "x" * 1200) for number in range(count)]


@pytest.mark.parametrize("count", [0, 80], ids=["small", "large"])
@pytest.mark.parametrize("level", ["deep", "core"])
def test_paths_of_elements_are_limited_by_path(client: httpx.Client, names: Names, count: int, level: str) -> None:
    id = names()
    nameless: Plain = {"modelType": "Capability"}
    plain = document(
        SUBMODEL, id, submodelElements=[nameless, *ELEMENTS, *padding(count), ELEMENTS[1] | {"idShort": "Z"}]
    )
    lenient = {"titan-validation": "lenient"}
    assert client.put(path_of(SUBMODEL, id), json=plain, headers=lenient).status_code == 201
    whole = client.get(f"{path_of(SUBMODEL, id)}/$path", params={"level": level}).json()
    at = f"{path_of(SUBMODEL, id)}/submodel-elements/$path"
    for limit in (1, 3, 4, 7, len(whole), 500):
        shown = list(pages(client, at, limit=limit, level=level))
        assert [one for page in shown for one in page] == whole
        assert all(len(page) <= limit for page in shown)


def test_a_page_of_paths_goes_on_within_an_element_though_elements_come_and_go(shown: Shown) -> None:
    elements = f"{shown.base}/submodel-elements"
    first = shown.get("/submodel-elements/$path", limit=4).json()
    assert first["result"] == ["Speed", "Motor", "Motor.Count", "Motor.Inner"]
    shown.client.delete(f"{elements}/Speed")
    shown.client.post(elements, json=prop("New"))
    cursor = first["paging_metadata"]["cursor"]
    rest = shown.get("/submodel-elements/$path", limit=9, cursor=cursor).json()
    assert rest["result"] == ["Motor.Inner.Leaf", "Motor.Items", "Motor.Items[0]", "Blob", "Can", "Run", "New"]
    shown.client.delete(f"{elements}/Motor")
    rest = shown.get("/submodel-elements/$path", limit=9, cursor=cursor).json()
    assert rest["result"] == ["Blob", "Can", "Run", "New"]


def test_what_is_known_is_not_sent_again(shown: Shown) -> None:
    for path in ("", "/$value", "/submodel-elements", "/submodel-elements/Motor", "/submodel-elements/Motor/$value"):
        tag = shown.get(path).headers["etag"]
        again = shown.client.get(f"{shown.base}{path}", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
    tags = {shown.get(path).headers["etag"] for path in ("", "/$value", "/$metadata", "/$path")}
    assert len(tags) == 4
