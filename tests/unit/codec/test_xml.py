"""XML says what JSON says, in the form of the official schema."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from support.documents import environments, expected, model_of, needs_corpus, needs_environments
from support.made_up import submodels
from support.xml_corpus import infoset, schema, xml_expected
from titan.codec import json, xml
from titan.codec.parts import join, parts
from titan.metamodel.elements import Property
from titan.metamodel.identifiables import Environment, Submodel
from titan.metamodel.kinds import KINDS, SUBMODEL

NAMESPACES = {"aas": xml.NAMESPACE}


def text_of(element: Property) -> str | None:
    return etree.fromstring(xml.encode(element)).findtext("aas:value", namespaces=NAMESPACES)


@needs_corpus
def test_every_instance_of_the_corpus_is_written_as_its_twin_in_xml() -> None:
    twins = xml_expected()
    assert len(twins) == 2441
    for instance in expected():
        document, _ = json.read_part(model_of(instance.model), instance.body)
        assert infoset(xml.encode(document)) == infoset(twins[instance.name].body), instance.name


@needs_corpus
def test_what_is_written_keeps_to_the_official_schema() -> None:
    official = schema()
    assert not official.validate(etree.fromstring(b'<property xmlns="%b"/>' % xml.NAMESPACE.encode()))
    for instance in expected():
        document, _ = json.read_part(model_of(instance.model), instance.body)
        official.assertValid(etree.fromstring(xml.encode(document)))


@needs_environments
@pytest.mark.parametrize("file", environments(), ids=lambda file: file.stem)
def test_an_environment_written_document_by_document_is_the_environment(file: object) -> None:
    plain = msgspec.json.decode(file.read_bytes())  # pyright: ignore[reportAttributeAccessIssue]
    envelope = xml.XmlEnvelope()
    written: list[bytes] = []
    for kind in KINDS.values():
        for each in plain.get(kind.environment_field, []):
            document, _ = json.read(kind, msgspec.json.encode(each), lenient=True)
            kept = parts(document)
            written += envelope.add(kind, join(kept.head, [chunk.body for chunk in kept.chunks]))
    written.append(envelope.end())
    whole, _ = json.read_part(Environment, msgspec.json.encode(plain), lenient=True)
    assert b"".join(written).strip() == xml.encode(whole)


def test_an_environment_of_nothing_is_valid() -> None:
    assert infoset(xml.XmlEnvelope().end()) == infoset(b'<environment xmlns="%b"/>' % xml.NAMESPACE.encode())


def test_kinds_without_documents_are_left_out() -> None:
    envelope = xml.XmlEnvelope()
    body = b'{"modelType":"Submodel","id":"a"}'
    written = etree.fromstring(b"".join([*envelope.add(SUBMODEL, (body,)), envelope.end()]))
    assert [etree.QName(child).localname for child in written] == [SUBMODEL.environment_field]


@pytest.mark.parametrize(
    "text",
    [
        "a & b < c > d ]]> \"e\" 'f'",
        " kept\tas\nit is ",
        "a\r\nb\rc",
        "\U0001f600 \ud7ff\ue000\ufffd",
        "&amp;",
        "<![CDATA[",
    ],
    ids=["marks", "white space", "carriage returns", "far characters", "an escape", "a section"],
)
def test_any_text_comes_through(text: str) -> None:
    assert text_of(Property(value_type="xs:string", value=text)) == text


def test_an_empty_value_is_there_and_a_missing_one_is_not() -> None:
    assert text_of(Property(value_type="xs:string", value="")) == ""
    assert text_of(Property(value_type="xs:string")) is None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(submodels())
def test_any_submodel_is_written_as_xml_that_can_be_read(document: dict[str, object]) -> None:
    submodel = json.decode(Submodel, msgspec.json.encode(document))
    written = etree.fromstring(xml.encode(submodel))
    assert written.findtext("aas:id", namespaces=NAMESPACES) == document["id"]
