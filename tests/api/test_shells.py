"""What the server promises of shells in parts, and of submodels by way of a shell, over HTTP."""

from collections.abc import Callable

import httpx
import msgspec
import pytest

from support.asking import JSON, Plain, document, path_of, prop, put, refused
from titan.codec.ids import encode_id
from titan.metamodel.kinds import SHELL, SUBMODEL

Names = Callable[[], str]


LENIENT = {"titan-validation": "lenient"}


def to(submodel_id: str) -> Plain:
    return {"type": "ModelReference", "keys": [{"type": "Submodel", "value": submodel_id}]}


class Shell:
    """A shell and the identifier of a submodel that it may refer to."""

    def __init__(self, client: httpx.Client, names: Names) -> None:
        self.client = client
        self.plain = document(SHELL, names())
        self.submodel = document(SUBMODEL, names(), submodelElements=[prop("Speed")])
        self.path = path_of(SHELL, self.plain["id"])
        self.way = f"{self.path}/submodels/{encode_id(self.submodel['id'])}"
        put(client, SHELL, self.plain)

    def refer(self) -> httpx.Response:
        return self.client.post(f"{self.path}/submodel-refs", json=to(self.submodel["id"]))

    def references(self) -> list[Plain]:
        return self.client.get(f"{self.path}/submodel-refs").json()["result"]


@pytest.fixture
def shell(client: httpx.Client, names: Names) -> Shell:
    return Shell(client, names)


def test_asset_information_is_replaced_by_itself(shell: Shell) -> None:
    information = {"assetKind": "Type", "globalAssetId": "urn:another"}
    answer = shell.client.put(f"{shell.path}/asset-information", json=information)
    assert (answer.status_code, answer.content) == (204, b"")
    assert shell.client.get(f"{shell.path}/asset-information").json() == information
    assert shell.client.get(shell.path).json() == shell.plain | {"assetInformation": information}
    found = shell.client.get(
        "/shells", params={"assetIds": encode_id('{"name":"globalAssetId","value":"urn:another"}')}
    )
    assert shell.plain["id"] in [one["id"] for one in found.json()["result"]]


def test_asset_information_that_breaks_a_rule_changes_nothing(shell: Shell) -> None:
    refused(shell.client.put(f"{shell.path}/asset-information", json={"assetKind": "Type"}), 400)
    assert shell.client.get(shell.path).json() == shell.plain


def test_a_reference_is_created_once_and_says_where_it_is(shell: Shell) -> None:
    answer = shell.refer()
    assert (answer.status_code, answer.json()) == (201, to(shell.submodel["id"]))
    assert answer.headers["location"] == f"{shell.path}/submodel-refs/{encode_id(shell.submodel['id'])}"
    refused(shell.refer(), 409)
    assert shell.references() == [to(shell.submodel["id"])]


def test_a_reference_to_something_else_is_refused(shell: Shell) -> None:
    wrong = {"type": "ModelReference", "keys": [{"type": "ConceptDescription", "value": "urn:a"}]}
    refused(shell.client.post(f"{shell.path}/submodel-refs", json=wrong), 400)
    assert shell.references() == []


def test_a_reference_that_is_removed_leaves_the_submodel(shell: Shell) -> None:
    put(shell.client, SUBMODEL, shell.submodel)
    shell.refer()
    at = f"{shell.path}/submodel-refs/{encode_id(shell.submodel['id'])}"
    assert shell.client.delete(at).status_code == 204
    refused(shell.client.delete(at), 404)
    assert shell.client.get(shell.path).json() == shell.plain
    assert shell.client.get(path_of(SUBMODEL, shell.submodel["id"])).json() == shell.submodel


def test_a_submodel_that_is_put_by_way_of_a_shell_is_referred_to(shell: Shell) -> None:
    answer = shell.client.put(shell.way, json=shell.submodel)
    assert (answer.status_code, answer.json()) == (201, to(shell.submodel["id"]))
    assert answer.headers["location"] == shell.way
    assert shell.client.get(shell.way).json() == shell.submodel
    assert shell.references() == [to(shell.submodel["id"])]
    again = shell.client.put(shell.way, json=shell.submodel | {"idShort": "Again"})
    assert (again.status_code, again.content) == (204, b"")
    assert shell.references() == [to(shell.submodel["id"])]
    assert shell.client.get(shell.way).json()["idShort"] == "Again"


def test_a_submodel_goes_by_way_of_a_shell_with_the_reference_to_it(shell: Shell) -> None:
    shell.client.put(shell.way, json=shell.submodel)
    assert shell.client.delete(shell.way).status_code == 204
    assert shell.references() == []
    refused(shell.client.get(path_of(SUBMODEL, shell.submodel["id"])), 404)
    refused(shell.client.delete(shell.way), 404)


def test_a_shell_leads_to_nothing_that_it_does_not_refer_to(shell: Shell) -> None:
    put(shell.client, SUBMODEL, shell.submodel)
    speed = f"{shell.way}/submodel-elements/Speed"
    for method, url, sent in (
        ("GET", shell.way, None),
        ("GET", f"{shell.way}/$value", None),
        ("GET", speed, None),
        ("PATCH", f"{speed}/$value", "9"),
        ("PATCH", shell.way, shell.submodel),
        ("POST", f"{shell.way}/submodel-elements", prop("New")),
        ("DELETE", shell.way, None),
        ("DELETE", speed, None),
    ):
        body = None if sent is None else msgspec.json.encode(sent)
        refused(shell.client.request(method, url, content=body, headers=JSON), 404)
    assert shell.client.get(path_of(SUBMODEL, shell.submodel["id"])).json() == shell.submodel


def test_elements_are_changed_by_way_of_a_shell(shell: Shell) -> None:
    shell.client.put(shell.way, json=shell.submodel)
    assert shell.client.patch(f"{shell.way}/submodel-elements/Speed/$value", json="9").status_code == 204
    assert shell.client.get(f"{shell.way}/submodel-elements/Speed/$value").json() == "9"
    created = shell.client.post(f"{shell.way}/submodel-elements", json=prop("New"))
    assert created.headers["location"] == f"{shell.way}/submodel-elements/New"
    whole = shell.client.get(path_of(SUBMODEL, shell.submodel["id"])).json()
    assert whole["submodelElements"] == [prop("Speed", "9"), prop("New")]
    shell.client.delete(f"{shell.path}/submodel-refs/{encode_id(shell.submodel['id'])}")
    refused(shell.client.get(f"{shell.way}/submodel-elements/Speed/$value"), 404)


def test_nothing_goes_by_way_of_a_shell_that_is_not_there(client: httpx.Client, names: Names) -> None:
    nowhere = Shell(client, names)
    client.delete(nowhere.path)
    refused(client.put(nowhere.way, json=nowhere.submodel), 404)
    refused(client.get(path_of(SUBMODEL, nowhere.submodel["id"])), 404)
    refused(nowhere.refer(), 404)
    refused(client.put(f"{nowhere.path}/asset-information", json=nowhere.plain["assetInformation"]), 404)


@pytest.mark.parametrize("base", ["/aas", ""])
def test_a_shell_is_served_as_a_service_of_its_own(shell: Shell, base: str) -> None:
    assert shell.client.get(f"{shell.path}{base}").json() == shell.plain
    assert shell.client.get(f"{shell.path}{base}/asset-information").json() == shell.plain["assetInformation"]
    assert shell.client.get(f"{shell.path}{base}/submodel-refs").json()["result"] == []


def test_parts_of_a_shell_are_written_only_where_nothing_is_if_that_is_asked(shell: Shell) -> None:
    nothing = {"if-none-match": "*"}
    information = {"assetKind": "Type", "globalAssetId": "urn:another"}
    refused(shell.client.put(f"{shell.path}/asset-information", json=information, headers=nothing), 412)
    assert shell.client.get(shell.path).json() == shell.plain
    assert shell.client.put(shell.way, json=shell.submodel, headers=nothing).status_code == 201
    refused(shell.client.put(shell.way, json=shell.submodel | {"idShort": "Again"}, headers=nothing), 412)
    refused(shell.client.delete(shell.way, headers=nothing), 412)
    assert shell.client.get(shell.way).json() == shell.submodel
    another = shell.client.post(f"{shell.path}/submodel-refs", json=to("urn:another"), headers=nothing)
    assert another.status_code == 201


def test_a_submodel_that_is_gone_has_no_revision_that_could_match(shell: Shell) -> None:
    put(shell.client, SUBMODEL, shell.submodel)
    shell.refer()
    etag = shell.client.get(shell.way).headers["etag"]
    shell.client.delete(path_of(SUBMODEL, shell.submodel["id"]))
    for condition in (etag, "*"):
        refused(shell.client.delete(shell.way, headers={"if-match": condition}), 412)
    assert shell.references() == [to(shell.submodel["id"])]
    assert shell.client.delete(shell.way).status_code == 204
    assert shell.references() == []


# References that were let through leniently

NO_KEYS: Plain = {"type": "ModelReference", "keys": []}


def of_another_type(submodel_id: str) -> Plain:
    return {"type": "ModelReference", "keys": [{"type": "ConceptDescription", "value": submodel_id}]}


def stored_with(shell: Shell, *references: Plain) -> Shell:
    """The shell with these references, of which some are faulty."""
    answer = shell.client.put(shell.path, json=shell.plain | {"submodels": [*references]}, headers=LENIENT)
    assert answer.status_code == 204
    return shell


@pytest.mark.parametrize("keys", [[], [{"type": "Submodel", "value": ""}]], ids=["no key", "an empty one"])
def test_a_reference_that_names_nothing_is_refused_however_leniently(shell: Shell, keys: list[Plain]) -> None:
    sent = {"type": "ModelReference", "keys": keys}
    refused(shell.client.post(f"{shell.path}/submodel-refs", json=sent, headers=LENIENT), 400)
    assert shell.references() == []


def test_references_are_changed_beside_one_without_keys(shell: Shell) -> None:
    stored_with(shell, NO_KEYS)
    at = f"{shell.path}/submodel-refs/{encode_id(shell.submodel['id'])}"
    assert shell.refer().status_code == 201
    refused(shell.refer(), 409)
    assert shell.references() == [NO_KEYS, to(shell.submodel["id"])]
    assert shell.client.delete(at).status_code == 204
    refused(shell.client.delete(at), 404)
    assert shell.references() == [NO_KEYS]


def test_submodels_are_changed_by_way_of_a_shell_beside_a_reference_without_keys(shell: Shell) -> None:
    stored_with(shell, NO_KEYS)
    refused(shell.client.delete(shell.way), 404)
    assert shell.client.put(shell.way, json=shell.submodel).status_code == 201
    assert shell.references() == [NO_KEYS, to(shell.submodel["id"])]
    assert shell.client.delete(shell.way).status_code == 204
    assert shell.references() == [NO_KEYS]


def test_a_reference_is_removed_before_a_faulty_one(shell: Shell) -> None:
    faulty = of_another_type("urn:another")
    stored_with(shell, to(shell.submodel["id"]), faulty)
    at = f"{shell.path}/submodel-refs/{encode_id(shell.submodel['id'])}"
    assert shell.client.delete(at).status_code == 204
    assert shell.references() == [faulty]
    assert shell.client.delete(f"{shell.path}/submodel-refs/{encode_id('urn:another')}").status_code == 204
    assert shell.client.get(shell.path).json() == shell.plain


def test_a_faulty_reference_leads_to_nothing_and_is_no_hindrance_to_a_right_one(shell: Shell) -> None:
    faulty = of_another_type(shell.submodel["id"])
    stored_with(shell, faulty)
    put(shell.client, SUBMODEL, shell.submodel)
    for method in ("GET", "DELETE"):
        refused(shell.client.request(method, shell.way), 404)
    assert shell.client.put(shell.way, json=shell.submodel).status_code == 201
    assert shell.references() == [faulty, to(shell.submodel["id"])]
    refused(shell.refer(), 409)
    stored_with(shell, faulty)
    assert shell.refer().status_code == 201
    again = shell.client.post(f"{shell.path}/submodel-refs", json=faulty, headers=LENIENT)
    refused(again, 409)
