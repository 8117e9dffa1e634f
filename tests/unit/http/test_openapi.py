"""The OpenAPI document is whole, and its schemas let pass what the server does."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec
import pytest

from titan.http.openapi import document
from titan.http.operations import OPERATIONS
from titan.http.schemas import schemas

Plain = dict[str, Any]


@pytest.fixture(scope="module")
def described() -> Plain:
    return msgspec.json.decode(document("/api/v3"))


def operations(described: Plain) -> Iterator[Plain]:
    for path in described["paths"].values():
        yield from path.values()


def test_every_operation_of_the_standard_is_described(described: Plain) -> None:
    ways = {(method.upper(), path) for path, found in described["paths"].items() for method in found}
    assert ways == {(row.method, row.path) for row in OPERATIONS if row.profiles}


def test_identifiers_of_operations_are_unique(described: Plain) -> None:
    counted = Counter(operation["operationId"] for operation in operations(described))
    assert set(counted.values()) == {1}


def test_every_parameter_of_a_path_is_described(described: Plain) -> None:
    for path, found in described["paths"].items():
        for operation in found.values():
            inside = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
            assert inside == re.findall(r"\{(\w+)\}", path)


def test_what_is_referred_to_is_there(described: Plain) -> None:
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', msgspec.json.encode(described).decode()))
    assert referred - described["components"]["schemas"].keys() == set()


@pytest.mark.parametrize("name", schemas())
def test_every_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas()[name])


def validator(name: str) -> jsonschema.Draft202012Validator:
    whole = msgspec.json.decode(msgspec.json.encode(schemas()))
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": whole}})


PROPERTY = {"modelType": "Property", "idShort": "Speed", "valueType": "xs:int", "value": "5"}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("SubmodelElement", PROPERTY),
        ("SubmodelElementMetadata", {key: value for key, value in PROPERTY.items() if key != "value"}),
        ("Submodel", {"modelType": "Submodel", "id": "urn:x", "submodelElements": [PROPERTY]}),
        ("SubmodelMetadata", {"modelType": "Submodel", "id": "urn:x"}),
        ("SubmodelValue", {"Speed": 5, "Motor": {"Speeds": [1, 2]}}),
        ("GetPathItemsResult", {"paging_metadata": {}, "result": ["Motor.Speeds[1]"]}),
        ("OperationRequest", {"inputArguments": [{"value": PROPERTY}], "clientTimeoutDuration": "PT5S"}),
    ],
)
def test_a_schema_takes_what_the_standard_has(name: str, plain: Plain) -> None:
    assert [error.message for error in validator(name).iter_errors(plain)] == []


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("SubmodelElement", PROPERTY | {"idShort": "5"}),
        ("SubmodelElement", PROPERTY | {"colour": "green"}),
        ("SubmodelElementMetadata", PROPERTY),
        ("SubmodelMetadata", {"modelType": "Submodel", "id": "urn:x", "submodelElements": [PROPERTY]}),
        ("Submodel", {"modelType": "Submodel"}),
    ],
)
def test_a_schema_refuses_what_is_none(name: str, plain: Plain) -> None:
    assert list(validator(name).iter_errors(plain))


def test_patterns_are_such_as_every_reader_of_the_document_knows() -> None:
    patterns = re.findall(r'"pattern":"((?:[^"\\]|\\.)*)"', msgspec.json.encode(schemas()).decode())
    assert len(patterns) > 20
    for pattern in patterns:
        outside = re.sub(r"\[(?:\\.|[^\]\\])*\]", "x", msgspec.json.decode(f'"{pattern}"'))
        assert not re.search(r"\\Z|[*+?}]\+", outside)
