"""The format Value shows what the standard says, element by element, and numbers as they are kept."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.documents import ENVIRONMENTS, needs_environments
from titan.codec import json
from titan.codec.value import has_value_form, value, values
from titan.metamodel.elements import (
    AnnotatedRelationshipElement,
    BasicEventElement,
    Blob,
    Capability,
    Entity,
    File,
    MultiLanguageProperty,
    Operation,
    Property,
    Range,
    ReferenceElement,
    RelationshipElement,
    SubmodelElement,
    SubmodelElementCollection,
    SubmodelElementList,
)
from titan.metamodel.identifiables import Environment, Submodel
from titan.metamodel.references import Key, LangStringTextType, Reference, SpecificAssetId
from titan.metamodel.values import DataTypeDefXsd

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "value-of-aas-full.json"

MEANING = Reference(type="ExternalReference", keys=[Key(type="GlobalReference", value="urn:m")])
MOTOR = Reference(type="ModelReference", keys=[Key(type="Submodel", value="urn:a")], referred_semantic_id=MEANING)
SHOWN_MEANING = '{"type":"ExternalReference","keys":[{"type":"GlobalReference","value":"urn:m"}]}'
SHOWN_MOTOR = (
    f'{{"type":"ModelReference","referredSemanticId":{SHOWN_MEANING},"keys":[{{"type":"Submodel","value":"urn:a"}}]}}'
)
SPEED = Property(id_short="Speed", value_type="xs:int", value="5")
UNKNOWN = Property(id_short="Unknown", value_type="xs:int")
CAN = Capability(id_short="Can")
GO = Operation(id_short="Go")
PICTURE = Blob(id_short="Picture", content_type="image/png", value="AAAA")
NAME = MultiLanguageProperty(
    id_short="Name",
    value=[LangStringTextType(language="de", text="rot"), LangStringTextType(language="en", text="red")],
)
FOLDER = SubmodelElementCollection(id_short="Folder", value=[SPEED, UNKNOWN, CAN])


def row(*elements: SubmodelElement, of: str = "SubmodelElement") -> SubmodelElementList:
    return SubmodelElementList(id_short="Row", type_value_list_element=of, value=list(elements) or None)  # pyright: ignore[reportArgumentType] - a name of a type


SHOWN: dict[str, tuple[SubmodelElement, str]] = {
    "property": (SPEED, "5"),
    "boolean": (Property(value_type="xs:boolean", value="1"), "true"),
    "text": (Property(value_type="xs:string", value="1"), '"1"'),
    "date": (Property(value_type="xs:date", value="2026-11-24Z"), '"2026-11-24Z"'),
    "gYear": (Property(value_type="xs:gYear", value="2026"), '"2026"'),
    "empty text": (Property(value_type="xs:string", value=""), '""'),
    "texts": (NAME, '[{"de":"rot"},{"en":"red"}]'),
    "range": (Range(value_type="xs:double", min="-INF", max="1.50"), '{"min":"-INF","max":1.50}'),
    "range without minimum": (Range(value_type="xs:int", max="3"), '{"max":3}'),
    "file": (File(content_type="a/b", value="/c"), '{"contentType":"a/b","value":"/c"}'),
    "file without value": (File(content_type="a/b"), '{"contentType":"a/b"}'),
    "blob": (PICTURE, '{"contentType":"image/png"}'),
    "reference": (ReferenceElement(value=MOTOR), SHOWN_MOTOR),
    "relationship": (
        RelationshipElement(first=MOTOR, second=MEANING),
        f'{{"first":{SHOWN_MOTOR},"second":{SHOWN_MEANING}}}',
    ),
    "annotated relationship": (
        AnnotatedRelationshipElement(first=MEANING, annotations=[SPEED, UNKNOWN]),
        f'{{"first":{SHOWN_MEANING},"annotations":{{"Speed":5}}}}',
    ),
    "event": (BasicEventElement(observed=MOTOR, direction="output", state="on"), f'{{"observed":{SHOWN_MOTOR}}}'),
    "entity": (
        Entity(
            entity_type="SelfManagedEntity",
            global_asset_id="urn:g",
            specific_asset_ids=[SpecificAssetId(name="serial", value="7", semantic_id=MEANING)],
            statements=[SPEED, GO],
        ),
        (
            '{"statements":{"Speed":5},"entityType":"SelfManagedEntity","globalAssetId":"urn:g",'
            '"specificAssetIds":[{"serial":"7"}]}'
        ),
    ),
    "collection": (FOLDER, '{"Speed":5}'),
    "empty collection": (SubmodelElementCollection(), "{}"),
    "list": (row(SPEED, SPEED), "[5,5]"),
    "empty list": (row(), "[]"),
    "list of lists": (row(row(SPEED), row()), "[[5],[]]"),
}
WITHOUT_VALUE: dict[str, SubmodelElement] = {
    "property": UNKNOWN,
    "texts": MultiLanguageProperty(),
    "range": Range(value_type="xs:int"),
    "file": File(),
    "blob": Blob(),
    "reference": ReferenceElement(),
    "relationship": RelationshipElement(),
    "annotated relationship": AnnotatedRelationshipElement(),
    "entity": Entity(),
    "capability": CAN,
    "operation": GO,
    "list of capabilities": row(of="Capability"),
    "list of only such": row(CAN, GO),
    "list of lists of only such": row(row(CAN), row(GO)),
}


@pytest.mark.parametrize(("element", "shown"), SHOWN.values(), ids=SHOWN.keys())
def test_an_element_shows_its_value_alone(element: SubmodelElement, shown: str) -> None:
    assert value(element) == shown.encode()
    assert has_value_form(element)


@pytest.mark.parametrize("element", WITHOUT_VALUE.values(), ids=WITHOUT_VALUE.keys())
def test_an_element_without_a_value_is_left_out(element: SubmodelElement) -> None:
    named = msgspec.structs.replace(element, id_short="It")
    assert value(element) is None
    assert value(SubmodelElementCollection(value=[named, SPEED])) == b'{"Speed":5}'
    assert values([named, SPEED]) == [("Speed", b"5")]


def test_capabilities_operations_and_lists_of_only_them_have_no_value_form() -> None:
    formless = [name for name, element in WITHOUT_VALUE.items() if not has_value_form(element)]
    assert formless == [
        "capability",
        "operation",
        "list of capabilities",
        "list of only such",
        "list of lists of only such",
    ]


def test_an_element_without_a_value_keeps_its_place_in_a_list() -> None:
    without = [element for name, element in WITHOUT_VALUE.items() if "list" not in name]
    shown = value(row(*without, SPEED, row(CAN)))
    assert shown == b"[{},[],{},{},{},{},{},{},{},{},{},5,[]]"


def test_a_collection_of_only_capabilities_is_an_empty_object() -> None:
    assert value(SubmodelElementCollection(value=[CAN, GO, row(CAN)])) == b"{}"


def test_core_shows_direct_children_without_theirs() -> None:
    entity = Entity(id_short="Part", entity_type="CoManagedEntity", statements=[SPEED])
    near = AnnotatedRelationshipElement(id_short="Near", first=MEANING, annotations=[SPEED])
    bare = Entity(id_short="Bare", statements=[SPEED])
    elements: list[SubmodelElement] = [SPEED, NAME, FOLDER, row(SPEED), entity, near, bare]
    shown = (
        '{"Speed":5,"Name":[{"de":"rot"},{"en":"red"}],"Folder":{},"Row":[],'
        f'"Part":{{"entityType":"CoManagedEntity"}},"Near":{{"first":{SHOWN_MEANING}}},"Bare":{{}}}}'
    ).encode()
    assert value(Submodel(id="urn:a", submodel_elements=elements), core=True) == shown
    assert value(SubmodelElementCollection(value=elements), core=True) == shown
    assert b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), one) for name, one in values(elements, core=True)) == shown
    assert value(row(FOLDER, SPEED), core=True) == b"[{},5]"
    assert value(entity, core=True) == b'{"statements":{"Speed":5},"entityType":"CoManagedEntity"}'


def test_values_of_blobs_are_shown_when_asked_for() -> None:
    assert value(PICTURE, blobs=True) == b'{"contentType":"image/png","value":"AAAA"}'
    assert value(Blob(value="AAAA")) == b"{}"
    assert value(row(PICTURE), blobs=True) == b'[{"contentType":"image/png","value":"AAAA"}]'


@pytest.mark.parametrize(
    ("text", "value_type", "shown"),
    [
        ("1.0", "xs:double", "1.0"),
        ("-0", "xs:double", "-0"),
        ("234.567e+8", "xs:float", "234.567e+8"),
        ("1E400", "xs:decimal", "1E400"),
        ("9" * 5000, "xs:integer", "9" * 5000),
        ("0." + "1" * 100, "xs:decimal", "0." + "1" * 100),
        ("+5", "xs:int", "5"),
        ("007", "xs:int", "7"),
        ("-007", "xs:int", "-7"),
        ("000", "xs:int", "0"),
        (".5", "xs:decimal", "0.5"),
        ("-.50", "xs:decimal", "-0.50"),
        ("1.", "xs:double", "1.0"),
        ("+01.e5", "xs:double", "1.0e5"),
        ("INF", "xs:double", '"INF"'),
        ("-INF", "xs:float", '"-INF"'),
        ("NaN", "xs:double", '"NaN"'),
        ("many", "xs:int", '"many"'),
        (".", "xs:double", '"."'),
        ("", "xs:int", '""'),
        ("yes", "xs:boolean", '"yes"'),
        ("0", "xs:boolean", "false"),
    ],
)
def test_a_number_is_shown_digit_by_digit(text: str, value_type: DataTypeDefXsd, shown: str) -> None:
    assert value(Property(value_type=value_type, value=text)) == shown.encode()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=30).map("{:f}".format))
def test_a_decimal_is_never_rounded(text: str) -> None:
    assert value(Property(value_type="xs:decimal", value=text)) == text.encode()


def test_the_first_of_two_elements_of_one_name_is_shown() -> None:
    other = Property(id_short="Speed", value_type="xs:int", value="6")
    assert (
        value(SubmodelElementCollection(value=[SPEED, other, Property(value_type="xs:int", value="7")]))
        == b'{"Speed":5}'
    )


@needs_environments
def test_the_values_of_real_submodels_are_those_of_the_standard() -> None:
    golden = msgspec.json.decode(GOLDEN.read_bytes(), type=dict[str, dict[str, dict[str, object]]])
    submodels = json.decode(Environment, (ENVIRONMENTS / "aas-full.json").read_bytes()).submodels or []
    assert {submodel.id for submodel in submodels} == golden["deep"].keys()
    for submodel in submodels:
        deep = golden["deep"][submodel.id]
        core = deep | golden["differs in core"].get(submodel.id, {})
        with_blobs = deep | golden["differs with values of Blobs"].get(submodel.id, {})
        assert value(submodel) == msgspec.json.encode(deep)
        assert value(submodel, core=True) == msgspec.json.encode(core)
        assert value(submodel, blobs=True) == msgspec.json.encode(with_blobs)
