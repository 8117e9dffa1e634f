"""Arguments and results of operations: what fits the declared variables, and every way in which it does not."""

from typing import Any

import msgspec
import pytest

from titan.codec import invocation
from titan.codec.invocation import Result, duration_s, read_answer, read_request, target_of, value_only
from titan.codec.json import encode, stored_element
from titan.errors import Invalid
from titan.metamodel.elements import Operation

Plain = dict[str, Any]


def prop(id_short: str, value: str | None = None, value_type: str = "xs:int") -> Plain:
    plain = {"modelType": "Property", "idShort": id_short, "valueType": value_type}
    return plain if value is None else plain | {"value": value}


def of(*elements: Plain) -> list[Plain]:
    return [{"value": element} for element in elements]


def operation(**more: object) -> Operation:
    settings = {
        "modelType": "SubmodelElementCollection",
        "idShort": "settings",
        "value": [prop("speed", value_type="xs:double")],
    }
    plain = {
        "modelType": "Operation",
        "idShort": "drill",
        "inputVariables": of(prop("depth"), settings),
        "outputVariables": of(prop("took", value_type="xs:double"), prop("note", value_type="xs:string")),
        "inoutputVariables": of(prop("wear")),
    }
    element = stored_element(msgspec.json.encode(plain | more))
    assert isinstance(element, Operation)
    return element


SETTINGS = {"modelType": "SubmodelElementCollection", "idShort": "settings"}
INPUT = of(prop("depth", "5"), SETTINGS | {"value": [prop("speed", "1.50", "xs:double")]})
INOUTPUT = of(prop("wear", "7"))


def request(**more: object) -> bytes:
    return msgspec.json.encode({"inputArguments": INPUT, "inoutputArguments": INOUTPUT} | more)


def faults(body: bytes, *, values: bool = False) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refusal:
        read_request(operation(), body, values=values)
    return [(fault.path, fault.text) for fault in refusal.value.faults]


def test_arguments_reach_the_target_as_one_array_as_they_were_sent() -> None:
    read = read_request(operation(), request(), values=False)
    sent = msgspec.json.decode(invocation.request_to_target(read))
    assert sent == [*INPUT, *INOUTPUT]


def test_arguments_are_passed_on_in_the_order_of_the_declaration() -> None:
    read = read_request(operation(), request(inputArguments=INPUT[::-1]), values=False)
    assert msgspec.json.decode(invocation.request_to_target(read)) == [*INPUT, *INOUTPUT]


def test_values_become_elements_by_the_variables_of_the_operation() -> None:
    body = b'{"inputArguments":{"depth":5,"settings":{"speed":1.50}},"inoutputArguments":{"wear":7}}'
    read = read_request(operation(), body, values=True)
    assert msgspec.json.decode(invocation.request_to_target(read)) == [*INPUT, *INOUTPUT]


def test_an_operation_without_variables_is_asked_with_nothing() -> None:
    bare = stored_element(b'{"modelType":"Operation","idShort":"reset"}')
    assert isinstance(bare, Operation)
    read = read_request(bare, b"{}", values=False)
    assert invocation.request_to_target(read) == b"[]"
    assert read.timeout_s is None


@pytest.mark.parametrize(
    ("given", "path", "word"),
    [
        pytest.param({"inputArguments": INPUT[:1]}, "$.inputArguments", "missing", id="missing"),
        pytest.param({"inputArguments": None}, "$.inputArguments", "array", id="null"),
        pytest.param({"inputArguments": {"depth": 5}}, "$.inputArguments", "array", id="values-as-elements"),
        pytest.param(
            {"inputArguments": [*INPUT, *of(prop("dept", "1"))]}, "$.inputArguments[2].value", "dept", id="unknown"
        ),
        pytest.param({"inputArguments": [*INPUT, INPUT[0]]}, "$.inputArguments[2]", "more than one", id="twice"),
        pytest.param(
            {"inoutputArguments": of(prop("wear", "7", "xs:long"))},
            "$.inoutputArguments[0].value.valueType",
            "xs:int",
            id="another-value-type",
        ),
        pytest.param(
            {"inoutputArguments": of({"modelType": "Capability", "idShort": "wear"})},
            "$.inoutputArguments[0].value",
            "Property",
            id="another-type",
        ),
        pytest.param(
            {"inoutputArguments": of(prop("wear", "seven"))},
            "$.inoutputArguments[0].value",
            "xs:int",
            id="a-value-outside-its-type",
        ),
        pytest.param(
            {"inputArguments": [INPUT[0], *of(SETTINGS | {"value": [prop("speed", "1", "xs:int")]})]},
            "$.inputArguments[1].value.value[0].valueType",
            "xs:double",
            id="another-value-type-below",
        ),
        pytest.param({"clientTimeoutDuration": "10 s"}, "$.clientTimeoutDuration", "PT30S", id="no-duration"),
        pytest.param({"clientTimeoutDuration": "-PT1S"}, "$.clientTimeoutDuration", "above zero", id="negative"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(given: Plain, path: str, word: str) -> None:
    [(where, text)] = faults(request(**given))
    assert where.startswith(path)
    assert word in text


def test_every_fault_is_told_at_once() -> None:
    given = of(prop("depth", "x"), prop("other", "1"))
    told = faults(msgspec.json.encode({"inputArguments": given, "clientTimeoutDuration": "soon"}))
    assert [where for where, _ in told] == [
        "$.inputArguments[0].value.value",
        "$.inputArguments[1].value",
        "$.inputArguments",
        "$.inoutputArguments",
        "$.clientTimeoutDuration",
    ]


def test_values_that_do_not_fit_are_told_with_their_place() -> None:
    told = faults(b'{"inputArguments":{"depth":"x","other":1,"settings":{}},"inoutputArguments":{}}', values=True)
    assert [where for where, _ in told] == ["$.inputArguments.depth", "$.inputArguments.other", "$.inoutputArguments"]


@pytest.mark.parametrize("body", [b"[]", b"7", b"{", b'"x"', b'{"inputArguments":[7]}', b"\xff"])
def test_a_request_that_is_none_is_refused(body: bytes) -> None:
    assert faults(body)


def test_an_answer_is_told_apart_by_names_into_outputs_and_inoutputs() -> None:
    sent = read_request(operation(), request(), values=False).inoutput
    answer = of(prop("note", "ok", "xs:string"), prop("wear", "8"), prop("took", "0.10", "xs:double"))
    outputs, inoutputs = read_answer(operation(), msgspec.json.encode(answer), sent)
    assert [variable.value.id_short for variable in outputs] == ["took", "note"]
    assert msgspec.json.decode(encode(inoutputs)) == of(prop("wear", "8"))


def test_an_inoutput_argument_that_is_not_answered_is_as_it_was_sent() -> None:
    sent = read_request(operation(), request(), values=False).inoutput
    answer = of(prop("note", "ok", "xs:string"), prop("took", "0.10", "xs:double"))
    _, inoutputs = read_answer(operation(), msgspec.json.encode(answer), sent)
    assert inoutputs == sent


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"<html>",
        b"[1]",
        b"[]",
        msgspec.json.encode(of(prop("took", "x", "xs:double"), prop("note", "ok", "xs:string"))),
        msgspec.json.encode(of(prop("took", "1", "xs:double"), prop("note", "ok", "xs:string"), prop("depth", "5"))),
    ],
)
def test_an_answer_that_does_not_fit_the_operation_is_none(answer: bytes) -> None:
    with pytest.raises(Invalid):
        read_answer(operation(), answer, ())


def test_the_value_form_of_a_result_has_values_by_name_and_leaves_out_what_has_none() -> None:
    outputs, _ = read_answer(
        operation(),
        msgspec.json.encode(of(prop("took", "0.10", "xs:double"), prop("note", None, "xs:string"))),
        read_request(operation(), request(), values=False).inoutput,
    )
    result = Result(execution_state="Completed", success=True, output_arguments=outputs)
    assert value_only(encode(result)) == (
        b'{"executionState":"Completed","success":true,"outputArguments":{"took":0.10}}'
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT60S", 60.0),
        ("PT0.5S", 0.5),
        ("P1DT2H3M4S", 93_784.0),
        ("P1Y1M", 34_128_000.0),
        ("PT" + "9" * 400 + "S", float("inf")),
        ("PT0S", None),
        ("P", None),
        ("60", None),
        ("-PT1S", None),
        ("PT1S ", None),
    ],
)
def test_a_duration_is_so_many_seconds(text: str, seconds: float | None) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("qualifiers", "target"),
    [
        ([], None),
        ([("invocationDelegation", "http://a/b")], "http://a/b"),
        ([("other", "http://a"), ("invocationDelegation", " http://b ")], "http://b"),
        ([("invocationDelegation", None)], None),
    ],
)
def test_the_target_stands_in_the_qualifier_of_basyx(
    qualifiers: list[tuple[str, str | None]], target: str | None
) -> None:
    plain = [
        {"type": name, "valueType": "xs:string"} | ({} if value is None else {"value": value})
        for name, value in qualifiers
    ]
    assert target_of(operation(**({"qualifiers": plain} if plain else {}))) == target
