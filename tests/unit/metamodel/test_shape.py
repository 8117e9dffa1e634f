"""Every class of the metamodel has the shape that the standard gives it."""

import msgspec
import pytest

from support.documents import expected, model_of, needs_corpus, unexpected
from titan.codec import json
from titan.errors import Invalid
from titan.metamodel import elements, references
from titan.metamodel.identifiables import Submodel

STRUCTURAL = (
    "InvalidModelType",
    "MaxLengthViolation",
    "MinLengthViolation",
    "MissingModelType",
    "NullViolation",
    "PatternViolation",
    "RequiredViolation",
    "TypeViolation",
    "UnexpectedAdditionalProperty",
)


@needs_corpus
def test_what_the_standard_allows_comes_back_as_it_was_sent() -> None:
    assert len(expected()) == 2441
    for instance in expected():
        document = json.decode(model_of(instance.model), instance.body)
        written = json.encode(document)
        assert msgspec.json.decode(written) == msgspec.json.decode(instance.body), instance.name


@needs_corpus
def test_the_canonical_encoding_is_the_same_when_it_is_read_again() -> None:
    for instance in expected():
        written = json.encode(json.decode(model_of(instance.model), instance.body))
        assert json.encode(json.decode(model_of(instance.model), written)) == written, instance.name


@needs_corpus
@pytest.mark.parametrize("category", STRUCTURAL)
def test_what_has_the_wrong_shape_is_refused(category: str) -> None:
    instances = unexpected(category)
    assert instances
    for instance in instances:
        if instance.name.endswith("invalid_february_29th.json"):
            continue  # the pattern cannot count days; the check of values does
        with pytest.raises(Invalid) as refusal:
            json.decode(model_of(instance.model), instance.body)
        assert refusal.value.faults[0].text, instance.name


def containers() -> list[type[references.Part]]:
    return [
        Submodel,
        elements.SubmodelElementCollection,
        elements.SubmodelElementList,
        elements.Entity,
        elements.AnnotatedRelationshipElement,
    ]


@pytest.mark.parametrize("model", containers(), ids=lambda model: model.__name__)
def test_elements_below_come_last(model: type[references.Part]) -> None:
    last = model.__struct_encode_fields__[-1]
    assert last in {"submodelElements", "value", "statements", "annotations"}


def test_the_model_type_comes_first() -> None:
    body = b'{"idShort":"Motor","id":"urn:motor","submodelElements":[{"valueType":"xs:int","modelType":"Property",'
    body += b'"idShort":"Speed"}],"modelType":"Submodel"}'
    written = json.encode(json.decode(Submodel, body))
    assert written.startswith(b'{"modelType":"Submodel"')
    assert b'"submodelElements":[{"modelType":"Property"' in written


def test_characters_beyond_the_basic_plane_are_text() -> None:
    body = '{"modelType":"Submodel","id":"urn:\U0001f600"}'.encode()
    assert json.decode(Submodel, body).id == "urn:\U0001f600"


def test_an_id_short_does_not_end_with_a_line() -> None:
    with pytest.raises(Invalid):
        json.decode(Submodel, b'{"modelType":"Submodel","id":"urn:a","idShort":"Motor\\n"}')
