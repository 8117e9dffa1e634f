"""What the server promises of elements that are created, replaced, patched and removed, over HTTP."""

from collections.abc import Callable
from urllib.parse import quote

import httpx
import msgspec
import pytest

from support.asking import JSON, Plain, document, path_of, prop, put, refused
from titan.metamodel.kinds import SUBMODEL

Names = Callable[[], str]

BRANCHES = 80


def collection(id_short: str, *below: Plain) -> Plain:
    return {"modelType": "SubmodelElementCollection", "idShort": id_short} | ({"value": [*below]} if below else {})


def listed(id_short: str, *values: str) -> Plain:
    items = [{"modelType": "Property", "valueType": "xs:int", "value": value} for value in values]
    plain = {"modelType": "SubmodelElementList", "idShort": id_short, "typeValueListElement": "Property"}
    return plain | {"valueTypeListElement": "xs:int"} | ({"value": items} if items else {})


class Elements:
    """One submodel, small or large, and the same document as a plain one, changed beside it."""

    def __init__(self, client: httpx.Client, id: str, *, large: bool) -> None:
        filling = [prop(f"Filling{number:03d}", "x" * 1200) for number in range(BRANCHES if large else 2)]
        self.client = client
        self.plain = document(SUBMODEL, id, submodelElements=filling)
        self.base = path_of(SUBMODEL, id)
        put(client, SUBMODEL, self.plain)

    @property
    def top(self) -> list[Plain]:
        return self.plain.setdefault("submodelElements", [])

    def at(self, path: str = "") -> str:
        return f"{self.base}/submodel-elements" + (f"/{quote(path)}" if path else "")

    def post(self, plain: Plain, path: str = "") -> httpx.Response:
        return self.client.post(self.at(path), json=plain)

    def stands(self) -> None:
        """The whole is what was changed beside it, and so is each element by itself."""
        if not self.top:
            del self.plain["submodelElements"]
        assert self.client.get(self.base).json() == self.plain
        for element in self.plain.get("submodelElements", [])[-4:]:
            assert self.client.get(self.at(element["idShort"])).json() == element


@pytest.fixture(params=["small", "large"])
def elements(request: pytest.FixtureRequest, client: httpx.Client, names: Names) -> Elements:
    return Elements(client, names(), large=request.param == "large")


def test_an_element_that_is_created_comes_last_and_says_where_it_is(elements: Elements) -> None:
    for name in ("New1", "New2"):
        answer = elements.post(prop(name))
        assert answer.status_code == 201
        assert answer.json() == prop(name)
        assert answer.headers["location"] == elements.at(name)
        elements.top.append(prop(name))
        elements.stands()


def test_elements_are_created_below_elements(elements: Elements) -> None:
    elements.post(collection("Outer"))
    assert elements.post(listed("Items"), "Outer").headers["location"] == elements.at("Outer.Items")
    item = {"modelType": "Property", "valueType": "xs:int", "value": "7"}
    for index in range(2):
        answer = elements.post(item, "Outer.Items")
        assert answer.headers["location"] == elements.at(f"Outer.Items[{index}]")
        assert elements.client.get(answer.headers["location"]).json() == item
    elements.top.append(collection("Outer", listed("Items", "7", "7")))
    elements.stands()


def test_an_element_is_put_where_its_path_says(elements: Elements) -> None:
    elements.post(collection("Outer"))
    created = elements.client.put(elements.at("Outer.Inner"), json=prop("Inner"))
    assert (created.status_code, created.json()) == (201, prop("Inner"))
    replaced = elements.client.put(elements.at("Outer.Inner"), json=prop("Inner", "2"))
    assert (replaced.status_code, replaced.content) == (204, b"")
    nameless = prop("Nameless")
    del nameless["idShort"]
    assert elements.client.put(elements.at("Nameless"), json=nameless).status_code == 201
    elements.top.extend([collection("Outer", prop("Inner", "2")), prop("Nameless")])
    elements.stands()


def test_an_element_of_another_type_may_take_the_place_of_one(elements: Elements) -> None:
    name = elements.top[1]["idShort"]
    assert elements.client.put(elements.at(name), json=collection(name, prop("Inner"))).status_code == 204
    elements.top[1] = collection(name, prop("Inner"))
    elements.stands()


def test_a_list_is_put_into_by_index_up_to_its_end(elements: Elements) -> None:
    elements.post(listed("Items", "0", "1"))
    item = {"modelType": "Property", "valueType": "xs:int", "value": "9"}
    assert elements.client.put(elements.at("Items[1]"), json=item).status_code == 204
    assert elements.client.put(elements.at("Items[2]"), json=item).status_code == 201
    refused(elements.client.put(elements.at("Items[4]"), json=item), 404)
    elements.top.append(listed("Items", "0", "9", "9"))
    elements.stands()


def test_what_is_removed_is_gone_and_those_behind_it_in_a_list_move_up(elements: Elements) -> None:
    elements.post(listed("Items", "0", "1", "2"))
    assert elements.client.delete(elements.at("Items[1]")).status_code == 204
    gone = elements.top.pop(0)["idShort"]
    assert elements.client.delete(elements.at(gone)).status_code == 204
    refused(elements.client.get(elements.at(gone)), 404)
    elements.top.append(listed("Items", "0", "2"))
    elements.stands()


def test_what_was_the_last_below_an_element_leaves_no_empty_array(elements: Elements) -> None:
    elements.post(collection("Outer", prop("Inner")))
    assert elements.client.delete(elements.at("Outer.Inner")).status_code == 204
    elements.top.append(collection("Outer"))
    elements.stands()


def test_a_submodel_loses_all_its_elements_one_by_one_and_gains_others(elements: Elements) -> None:
    while elements.top:
        assert elements.client.delete(elements.at(elements.top.pop(0)["idShort"])).status_code == 204
    elements.stands()
    elements.post(prop("Again"))
    elements.top.append(prop("Again"))
    elements.stands()


def test_a_submodel_grows_from_small_to_large_by_its_elements(client: httpx.Client, names: Names) -> None:
    elements = Elements(client, names(), large=False)
    for number in range(90):
        grown = prop(f"Grown{number}", "y" * 1500)
        assert elements.post(grown).status_code == 201
        elements.top.append(grown)
    elements.stands()


def test_an_element_is_patched_with_what_it_has_and_nothing_else_changes(elements: Elements) -> None:
    elements.post(collection("Outer", prop("Aa"), prop("Bb")) | {"category": "old"})
    sent = collection("Outer", prop("Bb", "2")) | {"category": "new"}
    assert elements.client.patch(elements.at("Outer"), json=sent).status_code == 204
    elements.top.append(collection("Outer", prop("Aa"), prop("Bb", "2")) | {"category": "new"})
    elements.stands()


def test_metadata_is_patched_without_values(elements: Elements) -> None:
    name = elements.top[0]["idShort"]
    path = f"{elements.at(name)}/$metadata"
    assert elements.client.patch(path, json={"modelType": "Property", "category": "new"}).status_code == 204
    elements.top[0]["category"] = "new"
    elements.stands()
    refused(elements.client.patch(path, json={"modelType": "Property", "value": "new"}), 400)
    elements.stands()


def test_the_value_of_one_element_is_patched(elements: Elements) -> None:
    name = elements.top[1]["idShort"]
    assert elements.client.patch(f"{elements.at(name)}/$value", json="new").status_code == 204
    elements.top[1]["value"] = "new"
    elements.stands()


def test_a_number_or_a_truth_value_may_be_sent_as_a_text_that_is_one(elements: Elements) -> None:
    number: Plain = {"modelType": "Property", "idShort": "Number", "valueType": "xs:int", "value": "1"}
    truth: Plain = {"modelType": "Property", "idShort": "Truth", "valueType": "xs:boolean", "value": "true"}
    for plain, sent, shown, wrong in ((number, "43", 43, "4.3"), (truth, "false", False, "no")):
        elements.post(plain)
        elements.top.append(plain)
        at = f"{elements.at(plain['idShort'])}/$value"
        refused(elements.client.patch(at, json=wrong), 400)
        assert elements.client.patch(at, json=sent).status_code == 204
        plain["value"] = sent
        assert elements.client.get(at).json() == shown
        assert elements.client.patch(at, json=shown).status_code == 204
    elements.stands()


def test_a_submodel_is_patched_in_its_metadata_and_in_its_values(elements: Elements) -> None:
    metadata = {"modelType": "Submodel", "id": elements.plain["id"], "idShort": "Renamed", "kind": "Instance"}
    assert elements.client.patch(f"{elements.base}/$metadata", json=metadata).status_code == 204
    elements.plain |= metadata
    elements.stands()
    listing = elements.client.get("/submodels", params={"idShort": "Renamed", "limit": 1000}).json()["result"]
    assert elements.plain["id"] in [one["id"] for one in listing]
    first, last = elements.top[0], elements.top[-1]
    values = {first["idShort"]: "first", last["idShort"]: "last"}
    assert elements.client.patch(f"{elements.base}/$value", json=values).status_code == 204
    first["value"], last["value"] = "first", "last"
    elements.stands()
    assert elements.client.patch(elements.base, json=elements.plain | {"category": "patched"}).status_code == 204
    elements.plain["category"] = "patched"
    elements.stands()


WRONG: dict[str, tuple[str, str, object, int]] = {
    "a name that is taken": ("POST", "", prop("Filling000"), 409),
    "a name that is taken below": ("POST", "Outer", prop("Aa"), 409),
    "no name": ("POST", "", {"modelType": "Property", "valueType": "xs:int"}, 400),
    "below a leaf": ("POST", "Filling000", prop("Bb"), 400),
    "below nothing": ("POST", "Missing", prop("Bb"), 404),
    "below an index that is none": ("POST", "Items[7]", prop("Bb"), 404),
    "another name than the path's": ("PUT", "Outer.Bb", prop("Cc"), 400),
    "a name in a list": ("PUT", "Items.Bb", prop("Bb"), 404),
    "an index of a collection": ("PUT", "Outer[0]", prop("Bb"), 404),
    "another type than the list's": ("POST", "Items", collection("Bb"), 400),
    "another value type than the list's": ("POST", "Items", {"modelType": "Property", "valueType": "xs:string"}, 400),
    "a value outside its type": (
        "PUT",
        "Outer.Aa",
        {"modelType": "Property", "valueType": "xs:int", "value": "x"},
        400,
    ),
    "no element at all": ("PUT", "Outer.Aa", {"modelType": "Key"}, 400),
    "no path": ("PUT", "Outer..Aa", prop("Aa"), 400),
    "a patch of nothing": ("PATCH", "Missing", prop("Missing"), 404),
    "a patch to another type": ("PATCH", "Outer.Aa", collection("Aa"), 400),
    "a patch to another name": ("PATCH", "Outer.Aa", prop("Bb"), 400),
    "a patch that adds": ("PATCH", "Outer", collection("Outer", prop("New")), 400),
    "a patch of a list longer than it is": ("PATCH", "Items", listed("Items", "1", "2", "3"), 400),
    "a value of the wrong type": ("PATCH", "Items[0]/$value", "text", 400),
    "a value of null": ("PATCH", "Items[0]/$value", None, 400),
    "values longer than the list": ("PATCH", "Items/$value", [1, 2, 3], 400),
    "a value of nothing": ("PATCH", "Outer/$value", {"New": "x"}, 400),
    "a value of an operation": ("PATCH", "Run/$value", {}, 400),
    "an unknown suffix": ("PATCH", "Outer/$other", {}, 404),
    "a suffix that is only read": ("PATCH", "Outer/$path", {}, 405),
    "a patch of an array to nothing": ("PATCH", "Items", listed("Items") | {"value": []}, 400),
    "a member twice": ("PATCH", "Outer.Aa", b'{"modelType":"Property","category":"a","category":"b"}', 400),
    "a patch to null": ("PATCH", "Outer.Aa", {"modelType": "Property", "category": None}, 400),
    "a patch of a list to another type": (
        "PATCH",
        "Items/$metadata",
        {"modelType": "SubmodelElementList", "typeValueListElement": "Range"},
        400,
    ),
    "removing nothing": ("DELETE", "Outer.Missing", None, 404),
    "removing beyond a list": ("DELETE", "Items[2]", None, 404),
    "a template's qualifier in an instance": (
        "PUT",
        "Outer.Aa",
        prop("Aa") | {"qualifiers": [{"type": "q", "valueType": "xs:int", "kind": "TemplateQualifier"}]},
        400,
    ),
}


@pytest.mark.parametrize(("method", "path", "sent", "status"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused_with_a_sentence_and_changes_nothing(
    elements: Elements, method: str, path: str, sent: object, status: int
) -> None:
    own = [collection("Outer", prop("Aa")), listed("Items", "0", "1"), {"modelType": "Operation", "idShort": "Run"}]
    for plain in own:
        assert elements.post(plain).status_code == 201
        elements.top.append(plain)
    way, _, suffix = path.partition("/")
    url = elements.at(way) + (f"/{suffix}" if suffix else "")
    before = elements.client.get(elements.base).headers["etag"]
    body = sent if isinstance(sent, bytes) else b"" if method == "DELETE" else msgspec.json.encode(sent)
    answer = elements.client.request(method, url, content=body, headers=JSON)
    refused(answer, status)
    assert elements.client.get(elements.base).headers["etag"] == before
    elements.stands()


def test_if_match_holds_for_elements(elements: Elements) -> None:
    etag = elements.client.get(elements.base).headers["etag"]
    url = elements.at(elements.top[0]["idShort"])
    assert elements.client.patch(f"{url}/$value", json="1", headers={"if-match": etag}).status_code == 204
    refused(elements.client.patch(f"{url}/$value", json="2", headers={"if-match": etag}), 412)
    refused(elements.client.delete(url, headers={"if-match": etag}), 412)
    elements.top[0]["value"] = "1"
    elements.stands()


def test_a_write_of_an_element_may_ask_that_it_is_not_there(elements: Elements) -> None:
    nothing, new = {"if-none-match": "*"}, elements.at("New")
    assert elements.client.put(new, json=prop("New"), headers=nothing).status_code == 201
    refused(elements.client.put(new, json=prop("New", "2"), headers=nothing), 412)
    refused(elements.client.patch(f"{new}/$value", json="2", headers=nothing), 412)
    refused(elements.client.delete(new, headers=nothing), 412)
    refused(elements.client.patch(f"{elements.base}/$value", json={"New": "2"}, headers=nothing), 412)
    etag = elements.client.get(new).headers["etag"]
    refused(elements.client.put(new, json=prop("New", "2"), headers={"if-none-match": etag}), 412)
    refused(elements.client.delete(elements.at("Missing"), headers=nothing), 404)
    assert elements.client.post(elements.at(), json=prop("Last"), headers=nothing).status_code == 201
    elements.top.extend([prop("New"), prop("Last")])
    elements.stands()


def test_elements_lie_in_each_other_to_the_depth_of_the_standard(elements: Elements) -> None:
    path = "Depth1"
    elements.post(collection(path))
    for depth in range(2, 33):
        assert elements.post(collection(f"Depth{depth}"), path).status_code == 201
        path = f"{path}.Depth{depth}"
    refused(elements.post(collection("Depth33"), path), 400)
    refused(elements.client.put(elements.at(f"{path}.Depth33"), json=collection("Depth33")), 400)


@pytest.mark.parametrize("name", ["with.dot", "with space", "with[0]", "with/slash", ""])
def test_a_name_that_no_path_can_hold_is_refused_however_leniently(elements: Elements, name: str) -> None:
    lenient = {"titan-validation": "lenient"}
    sent = prop(name) if name else {"modelType": "Property", "valueType": "xs:int"}
    refused(elements.client.post(elements.at(), json=sent, headers=lenient), 400)
    elements.stands()


def test_what_was_let_through_leniently_is_patched_without_its_old_faults_being_held_against_it(
    client: httpx.Client, names: Names
) -> None:
    id, lenient = names(), {"titan-validation": "lenient"}
    odd = [prop("with.dot"), {"modelType": "Property", "idShort": "Count", "valueType": "xs:int", "value": "many"}]
    plain = document(SUBMODEL, id, submodelElements=[*odd, prop("Good")])
    base = path_of(SUBMODEL, id)
    assert client.put(base, json=plain, headers=lenient).status_code == 201
    assert client.patch(base, json={"modelType": "Submodel", "id": id, "category": "new"}).status_code == 204
    assert client.patch(f"{base}/submodel-elements/Good/$value", json="new").status_code == 204
    good = f"{base}/submodel-elements/Count"
    assert client.patch(good, json={"modelType": "Property", "category": "new"}).status_code == 204
    refused(client.patch(good, json={"modelType": "Property", "value": "few"}), 400)
    assert client.get(f"{base}").json() == plain | {
        "category": "new",
        "submodelElements": [odd[0], odd[1] | {"category": "new"}, prop("Good", "new")],
    }


@pytest.mark.parametrize("odd", ["of one name", "without names"])
def test_a_patch_of_a_large_submodel_keeps_apart_what_no_name_tells_apart(
    client: httpx.Client, names: Names, odd: str
) -> None:
    id, lenient = names(), {"titan-validation": "lenient"}
    filling = [prop(f"Filling{number:03d}", "x" * 1200) for number in range(BRANCHES)]
    alike = [prop("Same", value) for value in ("first", "second", "third")]
    if odd == "without names":
        for one in alike:
            del one["idShort"]
    plain = document(SUBMODEL, id, submodelElements=[alike[0], *filling, *alike[1:]])
    base = path_of(SUBMODEL, id)
    assert client.put(base, json=plain, headers=lenient).status_code == 201

    assert client.patch(f"{base}/$value", json={"Filling000": "new"}).status_code == 204
    filling[0]["value"] = "new"
    assert client.get(base).json() == plain
    sent = {"modelType": "Submodel", "id": id, "category": "new", "submodelElements": [prop("Filling079", "new")]}
    assert client.patch(base, json=sent).status_code == 204
    plain["category"], filling[-1]["value"] = "new", "new"
    assert client.get(base).json() == plain
    if odd == "of one name":
        assert client.patch(f"{base}/$value", json={"Same": "changed"}).status_code == 204
        alike[0]["value"] = "changed"
        assert client.get(base).json() == plain
