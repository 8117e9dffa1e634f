"""Every form of every element of real environments is what the standard's own JSON schemas say of it."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from support.asking import Plain
from support.documents import SCHEMA, environments, needs_environments
from support.official import OPENAPI, components
from titan.codec.json import encode, read, stored_element
from titan.codec.metadata import metadata
from titan.codec.value import value
from titan.codec.within import children, model
from titan.metamodel.identifiables import Submodel
from titan.metamodel.kinds import SUBMODEL

VALUES = SCHEMA.with_name("valueonly-schema-v3.1.json")

pytestmark = [
    needs_environments,
    pytest.mark.skipif(not VALUES.exists() or not OPENAPI.exists(), reason="the schemas of the standard are not here"),
    pytest.mark.parametrize(
        "environment", [path for path in environments() if path.stat().st_size < 1 << 20], ids=lambda path: path.stem
    ),
]

WITHOUT_VALUE = {"Capability", "Operation"}

UTF_16 = (
    r"([\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd]|\ud800[\udc00-\udfff]|[\ud801-\udbfe][\udc00-\udfff]|"
    r"\udbff[\udc00-\udfff])*"
)
CHARACTERS = "[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*"
"""What the official pattern says of characters, in code points: most regular expressions know no halves of them."""


def in_code_points(text: bytes) -> Plain:
    """A schema whose patterns are of characters."""
    return msgspec.json.decode(text.replace(msgspec.json.encode(UTF_16)[1:-1], msgspec.json.encode(CHARACTERS)[1:-1]))


@cache
def submodels(environment: Path) -> list[bytes]:
    """The submodels in canonical encoding; not every real one keeps to all constraints."""
    plains = msgspec.json.decode(environment.read_bytes()).get("submodels", [])
    return [encode(read(SUBMODEL, msgspec.json.encode(plain), lenient=True)[0]) for plain in plains]


def elements(thing: bytes) -> Iterator[bytes]:
    """All below a submodel or an element."""
    for child in children(thing):
        yield bytes(child)
        yield from elements(bytes(child))


@cache
def of_values() -> Plain:
    """The schema of the format Value, put right where it is no schema, or says less than the prose beside it."""
    text = VALUES.read_text()
    # Numbers as texts, and a reference to nothing.
    for wrong, right in (('"1"', "1"), ('"128"', "128"), ('"2048"', "2048"), ("FileBlobValue", "FileValue")):
        assert wrong in text, "This is in order by now."
        text = text.replace(wrong, right)
    schema = in_code_points(text.encode())
    # Format Normal is what the prose says of references.
    reference = schema["definitions"]["ReferenceValue"]["properties"]
    assert "referredSemanticId" not in reference, "This is in order by now."
    reference["referredSemanticId"] = {"$ref": "#/definitions/ReferenceValue"}
    # Languages are tags of BCP 47, in letters of either case.
    language = schema["definitions"]["LangString"]
    assert not any(re.fullmatch(pattern, "en-us") for pattern in language["patternProperties"]), (
        "This is in order by now."
    )
    language["patternProperties"] = {"^[A-Za-z]{2,}": {"type": "string"}}
    # Values of several types look alike: one of them fits, and others with it.
    one = schema["definitions"]["SubmodelElementValue"]
    one["anyOf"] = one.pop("oneOf")
    return schema


@cache
def validator_of_values(name: str) -> jsonschema_rs.Draft201909Validator:
    schema = of_values()
    return jsonschema_rs.Draft201909Validator({"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]})


@cache
def of_metadata() -> Plain:
    """The components of the OpenAPI, put right: a list may be one of elements of every type."""
    whole = in_code_points(msgspec.json.encode(components()))
    row = whole["schemas"]["SubmodelElementListMetadata"]["properties"]
    assert row["typeValueListElement"] == {"$ref": "#/components/schemas/ModelType"}, "This is in order by now."
    row["typeValueListElement"] = {"$ref": "#/components/schemas/AasSubmodelElements"}
    return whole


@cache
def validator_of_metadata(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": of_metadata()})


@cache
def validator(name: str) -> jsonschema_rs.Draft201909Validator:
    """Of the format Normal."""
    schema = in_code_points(SCHEMA.read_bytes())
    return jsonschema_rs.Draft201909Validator({"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]})


def faults(against: jsonschema_rs.Draft201909Validator | jsonschema_rs.Draft202012Validator, body: bytes) -> list[str]:
    plain = msgspec.json.decode(body)
    return [f"{error.instance_path}: {error.message[:200]}" for error in against.iter_errors(plain)]


def is_valid(thing: bytes) -> bool:
    """Whether it has the form that the standard gives it: not everything in real environments has."""
    return not faults(validator(model(thing)), thing)


def test_the_value_of_an_element_is_that_of_its_type(environment: Path) -> None:
    for submodel in submodels(environment):
        for element in elements(submodel):
            for blobs in (False, True):
                shown = value(stored_element(element), blobs=blobs)
                assert shown is None or model(element) not in WITHOUT_VALUE
                wrong = [] if shown is None else faults(validator_of_values(f"{model(element)}Value"), shown)
                assert wrong == [] or not is_valid(element)


def test_the_values_of_a_submodel_are_an_object_of_values(environment: Path) -> None:
    for submodel in submodels(environment):
        document, _ = read(SUBMODEL, submodel, lenient=True)
        assert isinstance(document, Submodel)
        assert faults(validator_of_values("ValueOnly"), value(document) or b"") == [] or not is_valid(submodel)


def test_the_metadata_of_an_element_are_those_of_its_type(environment: Path) -> None:
    for submodel in submodels(environment):
        for thing in (submodel, *elements(submodel)):
            wrong = faults(validator_of_metadata(f"{model(thing)}Metadata"), metadata(thing))
            assert wrong == [] or not is_valid(thing)


def test_a_document_is_as_valid_as_it_was_sent(environment: Path) -> None:
    sent = msgspec.json.decode(environment.read_bytes()).get("submodels", [])
    for plain, stored in zip(sent, submodels(environment), strict=True):
        assert faults(validator("Submodel"), stored) == faults(validator("Submodel"), msgspec.json.encode(plain))
