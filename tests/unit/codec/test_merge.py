"""PATCH: what was sent, put over what stands."""

import msgspec
import pytest

from support.asking import Plain, prop
from titan.codec.json import encode, read_element
from titan.codec.merge import View, merged
from titan.errors import Invalid

OUTER: Plain = {
    "modelType": "SubmodelElementCollection",
    "idShort": "Outer",
    "value": [
        prop("First"),
        {
            "modelType": "SubmodelElementList",
            "idShort": "Items",
            "typeValueListElement": "Property",
            "valueTypeListElement": "xs:int",
            "value": [{"modelType": "Property", "valueType": "xs:int", "value": str(n)} for n in range(3)],
        },
    ],
}
STANDS = encode(read_element(encode(OUTER))[0])


def patched(sent: object, view: View = "") -> Plain:
    return msgspec.json.decode(merged(STANDS, encode(sent), view))


def test_what_is_left_out_stays() -> None:
    assert patched({}) == OUTER
    assert patched({"category": "new"}) == OUTER | {"category": "new"}


def test_what_is_sent_below_is_put_over_what_has_its_name_or_its_place() -> None:
    items = [{}, {"value": "7"}]
    found = patched({"value": [{"idShort": "Items", "value": items}]})
    assert [item["value"] for item in found["value"][1]["value"]] == ["0", "7", "2"]
    assert found["value"][0] == prop("First")


REFUSED: dict[str, tuple[object, View, str]] = {
    "another name": ({"idShort": "Other"}, "", "which a PATCH does not change"),
    "another type": ({"modelType": "Property"}, "", "which a PATCH does not change"),
    "something new": ({"value": [prop("New")]}, "", "a PATCH adds none"),
    "a longer list": ({"value": [{"idShort": "Items", "value": [{}] * 4}]}, "", "The list has 3 elements"),
    "an empty array": ({"value": []}, "", "An array is not empty"),
    "values as metadata": ({"value": [prop("First")]}, "metadata", "This is no metadata"),
    "no object": ([], "", "An object was expected"),
    "no objects below": ({"value": [1]}, "", "An object was expected"),
    "no array below": ({"value": {}}, "", "An array of elements was expected"),
}


@pytest.mark.parametrize(("sent", "view", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_have_the_structure_of_what_stands_is_refused(sent: object, view: View, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        patched(sent, view)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Invalid) as raised:
        patched({"idShort": "Other", "value": [prop("New"), {"idShort": "First", "modelType": "Range"}]})
    assert [fault.path for fault in raised.value.faults] == ["$.idShort", "$.value[0]", "$.value[1].modelType"]
