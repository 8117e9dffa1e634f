"""shellsmith, a client that others wrote, with everything that it does to shells, submodels and elements.

Left out are its health check and its uploads: they ask for paths of a server that is not the standard's.
"""

from collections.abc import Iterator

import pytest
from shellsmith import Client

from support.asking import Plain, document, prop
from titan.metamodel.kinds import SHELL, SUBMODEL

ID = "https://example.com/shellsmith/ä?b=c"


@pytest.fixture
def smith(url: str) -> Iterator[Client]:
    with Client(host=url) as smith:
        yield smith


def reference(id: str) -> Plain:
    return {"type": "ModelReference", "keys": [{"type": "Submodel", "value": id}]}


def test_shells_are_created_read_changed_and_removed(smith: Client) -> None:
    shell = document(SHELL, f"{ID}/shell")
    assert smith.create_shell(shell) == shell
    assert shell in smith.get_shells()["result"]
    smith.update_shell(shell["id"], shell | {"idShort": "Changed"})
    assert smith.get_shell(shell["id"])["idShort"] == "Changed"
    smith.create_submodel_ref(shell["id"], reference("urn:one"))
    assert smith.get_submodel_refs(shell["id"])["result"] == [reference("urn:one")]
    smith.delete_submodel_ref(shell["id"], "urn:one")
    assert smith.get_submodel_refs(shell["id"])["result"] == []
    smith.delete_shell(shell["id"])
    assert shell["id"] not in [one["id"] for one in smith.get_shells()["result"]]


def test_submodels_are_created_read_changed_and_removed(smith: Client) -> None:
    submodel = document(SUBMODEL, f"{ID}/submodel", submodelElements=[prop("Speed", "1")])
    assert smith.create_submodel(submodel) == submodel
    assert submodel in smith.get_submodels()["result"]
    assert smith.get_submodel_value(submodel["id"]) == {"Speed": "1"}
    smith.update_submodel_value(submodel["id"], {"Speed": "2"})  # pyright: ignore[reportArgumentType]  # theirs is a list
    assert smith.get_submodel_value(submodel["id"]) == {"Speed": "2"}
    assert smith.get_submodel_metadata(submodel["id"]) == document(SUBMODEL, submodel["id"])
    smith.update_submodel(submodel["id"], submodel | {"idShort": "Changed"})
    assert smith.get_submodel(submodel["id"]) == submodel | {"idShort": "Changed"}
    smith.delete_submodel(submodel["id"])
    assert submodel["id"] not in [one["id"] for one in smith.get_submodels()["result"]]


def test_elements_are_created_read_changed_and_removed(smith: Client) -> None:
    id = f"{ID}/elements"
    smith.create_submodel(document(SUBMODEL, id))
    smith.create_submodel_element(id, {"modelType": "SubmodelElementCollection", "idShort": "Motor"})
    readings = {"modelType": "SubmodelElementList", "idShort": "Readings", "typeValueListElement": "Property"}
    smith.create_submodel_element(id, readings | {"valueTypeListElement": "xs:int"}, "Motor")
    for value in ("1", "2"):
        item = {"modelType": "Property", "valueType": "xs:int", "value": value}
        smith.create_submodel_element(id, item, "Motor.Readings")
    assert smith.get_submodel_element_value(id, "Motor.Readings") == [1, 2]
    smith.update_submodel_element(id, "Motor.Speed", prop("Speed", "fast"))
    # It sends every value as a string, which only fits where the type is one.
    smith.update_submodel_element_value(id, "Motor.Speed", "faster")
    assert smith.get_submodel_element(id, "Motor.Speed") == prop("Speed", "faster")
    smith.delete_submodel_element(id, "Motor.Readings[0]")
    [motor] = smith.get_submodel_elements(id)["result"]
    assert [element["idShort"] for element in motor["value"]] == ["Readings", "Speed"]
    smith.delete_submodel(id)
