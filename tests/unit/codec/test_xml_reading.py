"""What XML says is read as what JSON says, and whatever is no XML of the metamodel is refused with a sentence."""

import zipfile

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.documents import MATERIAL, expected, model_of, needs_corpus
from support.made_up import submodels
from support.xml_corpus import xml_expected, xml_unexpected
from titan.codec import json, xml
from titan.codec.environment import documents, validate
from titan.codec.xml_reading import is_xml, to_json
from titan.errors import Fault, Invalid
from titan.metamodel.elements import Blob, Property
from titan.metamodel.identifiables import Submodel

PACKAGES = sorted((MATERIAL / "data" / "aasx").glob("*.aasx"))
AAS = xml.NAMESPACE


def submodel(inside: str, *, namespace: str = AAS) -> bytes:
    return f'<submodel xmlns="{namespace}"><id>urn:s</id>{inside}</submodel>'.encode()


def elements(inside: str) -> bytes:
    return submodel(f"<submodelElements>{inside}</submodelElements>")


def value_of(text: str) -> object:
    body = f'<property xmlns="{AAS}"><valueType>xs:string</valueType>{text}</property>'
    return msgspec.json.decode(to_json(body.encode()).body).get("value")


def refused(body: bytes) -> tuple[Fault, ...]:
    with pytest.raises(Invalid) as refusal:
        json.read_part(Submodel, to_json(body).body)
    assert all(fault.text for fault in refusal.value.faults)
    return refusal.value.faults


@needs_corpus
def test_every_instance_of_the_corpus_is_read_as_its_twin_in_json() -> None:
    twins = {instance.name: instance for instance in expected()}
    for name, instance in xml_expected().items():
        read = to_json(instance.body)
        assert read.model is model_of(instance.model)
        document, _ = json.read_part(read.model, read.body)
        assert document == json.read_part(read.model, twins[name].body)[0], name


@needs_corpus
def test_every_broken_instance_of_the_corpus_is_refused() -> None:
    broken = xml_unexpected()
    assert len(broken) == 1456
    for instance in broken:
        with pytest.raises(Invalid):
            json.read_part(model_of(instance.model), to_json(instance.body).body)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(submodels())
def test_what_is_written_is_read_again(document: dict[str, object]) -> None:
    made = json.decode(Submodel, msgspec.json.encode(document))
    assert json.decode(Submodel, to_json(xml.encode(made)).body) == made


@pytest.mark.skipif(not PACKAGES, reason="no packages beside the project")
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.stem)
def test_the_environments_of_real_packages_are_read_and_written_again(package: str) -> None:
    with zipfile.ZipFile(package) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".aas.xml")]
        body = archive.read(name)
    read = to_json(body)
    environment, _ = json.read_part(read.model, read.body, lenient=True)
    assert json.stored(read.model, to_json(xml.encode(environment)).body) == environment
    assert validate(body).is_readable


def test_a_document_of_3_0_is_read() -> None:
    assert json.decode(Submodel, to_json(submodel("", namespace="https://admin-shell.io/aas/3/0")).body).id == "urn:s"


def test_a_prefix_an_order_and_a_layout_of_its_own_change_nothing() -> None:
    body = f"""<?xml version="1.0"?>
    <!-- made by hand --><a:submodel xmlns:a="{AAS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
      xsi:schemaLocation="{AAS} AAS.xsd">
      <a:kind>Instance</a:kind> <?tool x?> <a:id>urn:<!-- -->s</a:id>
    </a:submodel>"""
    assert json.decode(Submodel, to_json(body.strip().encode()).body) == Submodel(id="urn:s", kind="Instance")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_any_encoding_is_read(encoding: str) -> None:
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = submodel("<category>ä</category>").decode()
    body = f'<?xml version="1.0" encoding="{declared}"?>{text}'.encode(encoding)
    assert is_xml(body)
    assert json.decode(Submodel, to_json(body).body).category == "ä"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<value> a\n b </value>", " a\n b "),
        ("<value>a&#13;b</value>", "a\rb"),
        ("<value>a<![CDATA[<b>]]>&amp;c</value>", "a<b>&c"),
        ("<value/>", ""),
        ("<value></value>", ""),
        ("", None),
    ],
    ids=["white space", "a carriage return", "a section", "empty", "empty too", "none"],
)
def test_texts_are_read_as_they_stand(text: str, value: object) -> None:
    assert value_of(text) == value


def test_lines_of_base64_are_joined() -> None:
    body = f'<blob xmlns="{AAS}"><value>TW\n  Fu\n</value></blob>'
    assert json.decode(Blob, to_json(body.encode()).body).value == "TWFu"


ENTITY = f'<!DOCTYPE p [<!ENTITY e "x">]><blob xmlns="{AAS}"><value>&e;</value></blob>'
OUTSIDE = ENTITY.replace('"x"', 'SYSTEM "file:///etc/hostname"')
LAUGHS = "<!DOCTYPE p [" + "".join(
    f'<!ENTITY e{n} "{"&e" + str(n - 1) + ";" if n else "ha"}{("&e" + str(n - 1) + ";") * 9 if n else ""}">'
    for n in range(9)
) + f']><property xmlns="{AAS}" id="&e8;"><value>&e8;</value></property>'  # fmt: skip


@pytest.mark.parametrize("body", [ENTITY, OUTSIDE, LAUGHS], ids=["inside", "outside", "many"])
def test_entities_are_neither_expanded_nor_fetched(body: str) -> None:
    with pytest.raises(Invalid):
        to_json(body.encode())


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"<submodel", "$"),
        (b"<submodel/>", "$"),
        (b'<submodel xmlns="urn:other"/>', "$"),
        (submodel("").replace(b"submodel ", b"gadget ").replace(b"/submodel", b"/gadget"), "$"),
        (submodel("<id>urn:t</id>"), "$.id"),
        (submodel("text"), "$"),
        (submodel("<gadget/>"), "$.gadget"),
        (submodel("<category><b/></category>"), "$.category"),
        (submodel('<category lang="en">a</category>'), "$.category"),
        (submodel('<b:category xmlns:b="urn:b">a</b:category>'), "$"),
        (elements(""), "$.submodelElements"),
        (elements("<gadget/>"), "$.submodelElements[0].modelType"),
        (elements("<key/>"), "$.submodelElements[0].modelType"),
        (elements("<property><valueType>xs:int</valueType><value>a</value></property>"), "$.submodelElements[0]"),
        (elements("<submodelElementList><orderRelevant>yes</orderRelevant></submodelElementList>"), ""),
        (submodel("<semanticId><type>ExternalReference</type><keys><gadget/></keys></semanticId>"), ""),
    ],
    ids=lambda value: value.decode()[:120] if isinstance(value, bytes) else "",
)
def test_whatever_is_wrong_is_told_where_it_is(body: bytes, path: str) -> None:
    assert any(fault.path.startswith(path) for fault in refused(body))


def test_everything_that_is_wrong_is_told_at_once() -> None:
    faults = refused(submodel("<id>a</id><category><b/></category><kind x='1'>Instance</kind>"))
    assert {fault.path for fault in faults} == {"$.id", "$.category", "$.kind"}


@given(st.binary(max_size=300) | st.text(max_size=300).map(submodel))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        to_json(body)
    except Invalid as refusal:
        assert refusal.faults  # noqa: PT017 - it may also be read


def test_deep_nesting_is_refused() -> None:
    body = "<submodelElementCollection><value>" * 5000 + "</value></submodelElementCollection>" * 5000
    refused(elements(body))


def test_documents_of_an_environment_in_xml_are_those_of_one_in_json() -> None:
    body = (
        f'\ufeff<environment xmlns="{AAS}"><submodels><submodel><id>urn:a</id></submodel>'
        "<submodel><id>urn:b</id></submodel></submodels></environment>"
    )
    found = list(documents(body.encode()))
    assert [(one.kind.name, one.path) for one in found] == [
        ("submodel", "$.submodels[0]"),
        ("submodel", "$.submodels[1]"),
    ]
    assert [json.decode(Submodel, one.body).id for one in found] == ["urn:a", "urn:b"]
    (alone,) = documents(submodel(""))
    assert (alone.path, json.decode(Submodel, alone.body).id) == ("$", "urn:s")


def test_json_is_not_taken_for_xml() -> None:
    for body in (b"{}", b" \n[]", b'"<"', b"", json.encode(Property(value_type="xs:string", value="<"))):
        assert not is_xml(body)
