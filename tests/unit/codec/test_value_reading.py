"""What is sent as `$value` changes values of elements that are there, and nothing else; or is refused as a whole."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from support import made_up
from support.documents import environments, needs_environments
from titan.codec import json
from titan.codec.value import split_values, submodel_with_value, value, with_value
from titan.errors import Fault, Invalid
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
from titan.metamodel.kinds import SUBMODEL
from titan.metamodel.references import Key, LangStringTextType, Reference, SpecificAssetId
from titan.metamodel.values import DataTypeDefXsd

MEANING = Reference(type="ExternalReference", keys=[Key(type="GlobalReference", value="urn:m")])
OTHER = Reference(type="ExternalReference", keys=[Key(type="GlobalReference", value="urn:o")])
SENT_OTHER = '{"type":"ExternalReference","keys":[{"type":"GlobalReference","value":"urn:o"}]}'
SPEED = Property(id_short="Speed", value_type="xs:int", value="5", semantic_id=MEANING)
UNKNOWN = Property(id_short="Unknown", value_type="xs:double")
CAN = Capability(id_short="Can")
FOLDER = SubmodelElementCollection(id_short="Folder", value=[SPEED, UNKNOWN, CAN])
NAME = MultiLanguageProperty(id_short="Name", value=[LangStringTextType(language="de", text="rot")], value_id=MEANING)
RED = [LangStringTextType(language="en", text="red"), LangStringTextType(language="de", text="Rot")]
EVENT = BasicEventElement(observed=MEANING, direction="output", state="on", max_interval="PT1S")
SERIAL = SpecificAssetId(name="serial", value="1", semantic_id=MEANING)
BATCH = SpecificAssetId(name="batch", value="2", external_subject_id=MEANING)
PART = Entity(id_short="Part", global_asset_id="urn:g", specific_asset_ids=[SERIAL, BATCH], statements=[SPEED])
SIX = structs.replace(SPEED, value="6")


def row(*elements: SubmodelElement) -> SubmodelElementList:
    return SubmodelElementList(id_short="Row", type_value_list_element="SubmodelElement", value=list(elements))


def faults_of(element: SubmodelElement, sent: str | bytes, *, path: str = "") -> tuple[Fault, ...]:
    with pytest.raises(Invalid) as refused:
        with_value(element, sent.encode() if isinstance(sent, str) else sent, path=path)
    return refused.value.faults


CHANGES: dict[str, tuple[SubmodelElement, str, dict[str, object]]] = {
    "property": (SPEED, "6", {"value": "6"}),
    "property without a value": (UNKNOWN, "2.50", {"value": "2.50"}),
    "property that was not of its type": (Property(value_type="xs:int", value="x"), "1", {"value": "1"}),
    "boolean": (Property(value_type="xs:boolean", value="0"), "true", {"value": "true"}),
    "number as a text": (SPEED, '"6"', {"value": "6"}),
    "number as a text that JSON has no number for": (SPEED, '"+06"', {"value": "+06"}),
    "boolean as a text": (Property(value_type="xs:boolean", value="true"), '"false"', {"value": "false"}),
    "bound as a text": (Range(value_type="xs:int", min="1", max="3"), '{"max":"4"}', {"max": "4"}),
    "infinite": (UNKNOWN, '"-INF"', {"value": "-INF"}),
    "text": (Property(value_type="xs:string", value="a"), '"\\u00e4\\n"', {"value": "ä\n"}),
    "texts": (NAME, '[{"en":"red"},{"de":"Rot"}]', {"value": RED}),
    "texts as an object": (NAME, '{"en":"red","de":"Rot"}', {"value": RED}),
    "one bound": (Range(value_type="xs:int", min="1", max="3"), '{"max":4}', {"max": "4"}),
    "file": (File(content_type="a/b", value="/c"), '{"value":"/d"}', {"value": "/d"}),
    "blob": (Blob(content_type="a/b", value="AAAA"), '{"value":"QUJD"}', {"value": "QUJD"}),
    "reference": (ReferenceElement(value=MEANING), SENT_OTHER, {"value": OTHER}),
    "relationship": (RelationshipElement(first=MEANING), f'{{"second":{SENT_OTHER}}}', {"second": OTHER}),
    "annotation": (
        AnnotatedRelationshipElement(first=MEANING, annotations=[SPEED]),
        f'{{"first":{SENT_OTHER},"annotations":{{"Speed":6}}}}',
        {"first": OTHER, "annotations": [SIX]},
    ),
    "annotations as an array": (
        AnnotatedRelationshipElement(annotations=[SPEED, UNKNOWN]),
        '{"annotations":[{"Speed":6},{"Unknown":0.5}]}',
        {"annotations": [SIX, structs.replace(UNKNOWN, value="0.5")]},
    ),
    "event": (EVENT, f'{{"observed":{SENT_OTHER}}}', {"observed": OTHER}),
    "statement": (PART, '{"statements":{"Speed":6}}', {"statements": [SIX]}),
    "entity": (
        PART,
        '{"entityType":"SelfManagedEntity","globalAssetId":"urn:h"}',
        {"entity_type": "SelfManagedEntity", "global_asset_id": "urn:h"},
    ),
    "collection": (FOLDER, '{"Unknown":1e3}', {"value": [SPEED, structs.replace(UNKNOWN, value="1e3"), CAN]}),
    "list": (row(SPEED, SPEED), "[5,6]", {"value": [SPEED, SIX]}),
    "shorter list": (row(SPEED, SPEED), "[6]", {"value": [SIX, SPEED]}),
    "list with a place that is empty": (row(CAN, UNKNOWN, SPEED), "[{},{},6]", {"value": [CAN, UNKNOWN, SIX]}),
}


@pytest.mark.parametrize(("element", "sent", "changes"), CHANGES.values(), ids=CHANGES.keys())
def test_a_value_changes_and_all_else_stays(element: SubmodelElement, sent: str, changes: dict[str, object]) -> None:
    assert with_value(element, sent.encode()) == structs.replace(element, **changes)
    assert with_value(element, msgspec.json.format(sent.encode(), indent=4)) == structs.replace(element, **changes)


def test_identifiers_of_an_asset_keep_what_else_they_say() -> None:
    def sent(text: str) -> list[SpecificAssetId] | None:
        return with_value(PART, f'{{"specificAssetIds":{text}}}'.encode()).specific_asset_ids

    new = SpecificAssetId(name="new", value="3")
    assert sent('[{"batch":"2"},{"serial":"9"}]') == [BATCH, structs.replace(SERIAL, value="9")]
    assert sent('[{"serial":"1"},{"new":"3"}]') == [SERIAL, new]
    assert sent('[{"name":"new","value":"3"},{"name":"serial","value":"1"}]') == [
        new,
        SpecificAssetId(name="serial", value="1"),
    ]
    twice = structs.replace(PART, specific_asset_ids=[SERIAL, structs.replace(SERIAL, value="2", semantic_id=OTHER)])
    changed = with_value(twice, b'{"specificAssetIds":[{"serial":"2"},{"serial":"3"}]}').specific_asset_ids
    assert changed == [
        structs.replace(SERIAL, value="2", semantic_id=OTHER),
        structs.replace(SERIAL, value="3"),
    ]


REFUSED: dict[str, tuple[SubmodelElement, str, str, str]] = {
    "a text that is no number": (SPEED, '"six"', "$", "'six' is no xs:int."),
    "an empty text for a number": (SPEED, '""', "$", "'' is no xs:int."),
    "a text that is no truth value": (Property(value_type="xs:boolean"), '"False"', "$", "'False' is no xs:boolean."),
    "a truth value for a number": (SPEED, "true", "$", "A value of xs:int is a number, not true or false."),
    "a number for a text": (
        Property(value_type="xs:date"),
        "2026",
        "$",
        "A value of xs:date is a string, not a number.",
    ),
    "a number for a truth value": (
        Property(value_type="xs:boolean", value="1"),
        "1",
        "$",
        "A value of xs:boolean is true or false, not a number.",
    ),
    "an object for a number": (SPEED, "{}", "$", "A value of xs:int is a number, not an object."),
    "null": (SPEED, "null", "$", "Null is no value; what is to stay as it is, is left out."),
    "a fraction for an integer": (SPEED, "6.0", "$", "'6.0' is no xs:int."),
    "out of range": (SPEED, "9999999999", "$", "'9999999999' is no xs:int."),
    "infinite integer": (SPEED, '"INF"', "$", "'INF' is no xs:int."),
    "no date": (Property(value_type="xs:date"), '"2026-02-30"', "$", "'2026-02-30' is no xs:date."),
    "a value of a capability": (
        CAN,
        "{}",
        "$",
        "There is no value of Capability: nothing can be sent for this element.",
    ),
    "a value of an operation": (
        Operation(),
        "1",
        "$",
        "There is no value of Operation: nothing can be sent for this element.",
    ),
    "null bound": (
        Range(value_type="xs:int", min="1"),
        '{"min":null}',
        "$.min",
        "Null is no value; what is to stay as it is, is left out.",
    ),
    "unknown bound": (Range(value_type="xs:int"), '{"mid":1}', "$.mid", "There is no 'mid' in the value of Range."),
    "text that is no string": (NAME, '[{"de":5}]', "$[0].de", "This is a string, not a number."),
    "language that is none": (
        NAME,
        '{"?":"x"}',
        "$.?",
        "'?' is not a language tag of BCP 47, such as en or de-AT.",
    ),
    "text of an object that is no string": (
        NAME,
        '{"en":"red","de":true}',
        "$.de",
        "This is a string, not true or false.",
    ),
    "no texts": (NAME, "[]", "$", "An array is not empty; leave it out."),
    "texts as a string": (NAME, '"rot"', "$", "This is an object, not a string."),
    "media type that is none": (
        File(),
        '{"contentType":"x"}',
        "$.contentType",
        "'x' is not a media type, such as application/json.",
    ),
    "idShort of a file": (File(), '{"idShort":"x"}', "$.idShort", "There is no 'idShort' in the value of File."),
    "no base64": (Blob(), '{"value":"?"}', "$.value", "The value of a Blob is base64, without white space."),
    "reference without keys": (ReferenceElement(), '{"type":"ExternalReference"}', "$", "`keys` is required here."),
    "kind of entity": (
        PART,
        '{"entityType":"x"}',
        "$.entityType",
        "'x' is none of CoManagedEntity, SelfManagedEntity.",
    ),
    "identifier of an asset": (
        PART,
        '{"specificAssetIds":["1"]}',
        "$.specificAssetIds[0]",
        "This is an object with one member: the name of an identifier of the asset, and its value.",
    ),
    "empty identifier of an asset": (
        PART,
        '{"specificAssetIds":[{"batch":"2"},{"serial":""}]}',
        "$.specificAssetIds[1].serial",
        "This must not be empty.",
    ),
    "key of a reference": (
        ReferenceElement(),
        '{"type":"ExternalReference","keys":[{"type":"x","value":"y"}]}',
        "$.keys[0].type",
        "'x' is none of",
    ),
    "element that is not there": (
        FOLDER,
        '{"Colour":1}',
        "$.Colour",
        "There is no element of the idShort 'Colour' here; a $value adds no elements.",
    ),
    "statement that is not there": (
        PART,
        '{"statements":{"Colour":1}}',
        "$.statements.Colour",
        "There is no element of the idShort 'Colour' here; a $value adds no elements.",
    ),
    "list that is longer": (
        row(SPEED),
        "[5,5]",
        "$",
        "The list has 1 elements, and these are 2 values; a $value adds no elements.",
    ),
    "list as an object": (row(SPEED), "{}", "$", "This is an array, not an object."),
    "empty place with a value": (row(SPEED), "[{}]", "$[0]", "A value of xs:int is a number, not an object."),
    "no JSON": (SPEED, "5 6", "$", "JSON is malformed: trailing characters (byte 3)."),
    "nothing": (SPEED, " ", "$", "Input data was truncated."),
    "a member twice": (FOLDER, '{"Speed":5,"Speed":6}', "$", "This object names a member twice."),
    "control character": (
        Property(value_type="xs:string"),
        '"\\u0000"',
        "$",
        "A string has a character that XML 1.0 cannot carry, such as a control character.",
    ),
    "too deep": (FOLDER, "[" * 200 + "]" * 200, "$", "The value nests too deep."),
}


@pytest.mark.parametrize(("element", "sent", "path", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused_with_a_sentence(
    element: SubmodelElement, sent: str, path: str, text: str
) -> None:
    (fault,) = faults_of(element, sent)
    assert fault.path == path
    assert fault.text.startswith(text)


def test_what_is_not_utf_8_is_refused() -> None:
    assert faults_of(Property(value_type="xs:string"), b'"\xff"') == (Fault(text="The body is not UTF-8.", path="$"),)


def test_all_faults_are_told_at_once_each_with_its_element() -> None:
    whole = structs.replace(FOLDER, value=[SPEED, row(SPEED, PART), File(id_short="Manual")])
    sent = '{"Speed":"x","Row":[1,{"statements":{"Speed":0.5}},3],"Manual":{"contentType":"x","value":"%"},"No":0}'
    told = [(fault.path, fault.id_short_path) for fault in faults_of(whole, sent, path="All.Folder")]
    assert told == [
        ("$.Speed", "All.Folder.Speed"),
        ("$.Row", "All.Folder.Row"),
        ("$.Row[1].statements.Speed", "All.Folder.Row[1].Speed"),
        ("$.Manual.contentType", "All.Folder.Manual"),
        ("$.Manual.value", "All.Folder.Manual"),
        ("$.No", "All.Folder.No"),
    ]


@pytest.mark.parametrize("text", ["+5", "007", "5"])
def test_a_value_as_it_was_shown_leaves_its_text_as_it_is(text: str) -> None:
    element = Property(value_type="xs:int", value=text)
    shown = value(element)
    assert shown is not None
    assert with_value(element, shown) is element
    assert with_value(element, b"8").value == "8"


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,80})(\.[0-9]{1,80})?", fullmatch=True))
def test_a_number_is_kept_as_it_is_sent(text: str) -> None:
    changed = with_value(Property(value_type="xs:decimal"), text.encode())
    assert changed.value == text
    assert value(changed) == text.encode()


def test_a_number_of_any_length_can_be_sent() -> None:
    large: DataTypeDefXsd = "xs:integer"
    element = SubmodelElementCollection(value=[Property(id_short="Large", value_type=large), SPEED])
    changed = with_value(element, b'{"Large":%b}' % (b"9" * 5000))
    assert value(changed) == b'{"Large":%b,"Speed":5}' % (b"9" * 5000)
    assert (
        faults_of(element, '{"Large":%s,"Large":1e999}' % ("9" * 5000))[0].text == "This object names a member twice."
    )


@pytest.mark.parametrize(
    "text", ["ä1234567890123456", "\\1234567890123456", "51234567890123456789", "-1234567890123456789"]
)
def test_a_text_may_have_many_digits(text: str) -> None:
    element = Property(value_type="xs:string")
    escaped = "".join(f"\\u{ord(character):04x}" for character in text[:1]) + text[1:].replace("\\", "\\\\")
    assert with_value(element, f'"{escaped}"'.encode()).value == text
    assert with_value(element, msgspec.json.encode(text)).value == text


@given(made_up.submodels(), st.booleans(), st.booleans())
def test_values_that_are_read_and_sent_back_change_nothing(
    document: made_up.Plain,
    core: bool,  # noqa: FBT001 - drawn
    blobs: bool,  # noqa: FBT001 - drawn
) -> None:
    submodel = json.decode(Submodel, msgspec.json.encode(document))
    shown = value(submodel, core=core, blobs=blobs)
    assert shown is not None
    assert submodel_with_value(submodel, shown) is submodel
    for element in submodel.submodel_elements or ():
        one = value(element, core=core, blobs=blobs)
        assert one is None or with_value(element, one) is element


@given(made_up.changed(made_up.submodels()))
def test_so_do_values_that_break_rules_and_were_let_through(document: made_up.Plain) -> None:
    try:
        submodel, _ = json.read(SUBMODEL, msgspec.json.encode(document), lenient=True)
    except Invalid:
        return
    assert isinstance(submodel, Submodel)
    shown = value(submodel, blobs=True)
    assert shown is not None
    assert submodel_with_value(submodel, shown) is submodel


@given(made_up.submodels(), made_up.submodels())
def test_values_of_another_submodel_change_values_or_are_refused(one: made_up.Plain, two: made_up.Plain) -> None:
    submodel = json.decode(Submodel, msgspec.json.encode(one))
    before = json.encode(submodel)
    sent = value(json.decode(Submodel, msgspec.json.encode(two)), blobs=True) or b"{}"
    try:
        changed = submodel_with_value(submodel, sent)
    except Invalid as refused:
        faults = refused.faults
    else:
        faults = ()
        again = value(changed, blobs=True)
        assert again is not None
        assert submodel_with_value(changed, again) is changed
        assert submodel_with_value(changed, sent) is changed
    assert all(fault.text.endswith(".") and fault.path.startswith("$") for fault in faults)
    assert json.encode(submodel) == before


def test_nothing_is_changed_where_anything_is_refused() -> None:
    before = json.encode(FOLDER)
    faults_of(FOLDER, '{"Speed":6,"Unknown":"many"}')
    assert json.encode(FOLDER) == before


def test_a_submodel_is_changed_branch_by_branch_as_it_is_as_a_whole() -> None:
    submodel = Submodel(id="urn:a", submodel_elements=[SPEED, FOLDER, row(SPEED)])
    sent = b'{"Folder": {"Speed": 6 }, "Row":[6]}'
    pieces = split_values(sent)
    assert pieces == {"Folder": b'{"Speed": 6 }', "Row": b"[6]"}
    changed = [
        with_value(element, pieces[element.id_short or ""]) if element.id_short in pieces else element
        for element in submodel.submodel_elements or ()
    ]
    assert submodel_with_value(submodel, sent).submodel_elements == changed


@pytest.mark.parametrize("body", [b"[]", b"1", b'{"a":1,"a":2}', b'{"a":\xff}', b'{"a":"\xff"}', b"{", b""])
def test_values_by_name_are_one_object(body: bytes) -> None:
    with pytest.raises(Invalid):
        split_values(body)


@needs_environments
def test_values_of_real_submodels_change_nothing_when_sent_back() -> None:
    for file in environments():
        for submodel in json.stored(Environment, file.read_bytes()).submodels or ():
            shown = value(submodel, blobs=True)
            assert shown is not None
            assert submodel_with_value(submodel, shown) is submodel
