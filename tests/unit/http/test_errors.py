"""Every refusal is the standard's `Result`, whatever went wrong."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan import errors
from titan.errors import Fault, Invalid, NotFound, Overloaded, TitanError, Unavailable
from titan.http.errors import STATUS, answer


def body_of(error: BaseException, *, extended: bool = False) -> dict:
    _, _, body = answer(error, extended=extended, correlation_id="c-1")
    return msgspec.json.decode(body)


def texts_of(error: BaseException) -> list[str]:
    return [message["text"] for message in body_of(error)["messages"]]


def kinds_of_error(base: type[TitanError]) -> list[type[TitanError]]:
    return [kind for kind in base.__subclasses__() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", kinds_of_error(TitanError))
def test_every_error_has_a_row(kind: type[TitanError]) -> None:
    assert kind in STATUS


def test_the_body_is_what_the_standard_says() -> None:
    status, headers, body = answer(NotFound("There is no shell 'a'."), extended=False, correlation_id="c-1")
    result = msgspec.json.decode(body)
    assert status == 404
    assert (b"content-type", b"application/json") in headers
    assert list(result) == ["messages"]
    (message,) = result["messages"]
    assert set(message) == {"messageType", "text", "code", "correlationId", "timestamp"}
    assert message["messageType"] == "Error"
    assert message["text"] == "There is no shell 'a'."
    assert message["code"] == "404"
    assert message["correlationId"] == "c-1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", message["timestamp"])


def test_extended_bodies_have_status_and_message_besides() -> None:
    result = body_of(NotFound("There is no shell 'a'."), extended=True)
    assert result["status"] == 404
    assert result["message"] == "There is no shell 'a'."
    assert len(result["messages"]) == 1


def test_each_fault_is_a_message_with_its_path_and_rule() -> None:
    error = Invalid(
        faults=(
            Fault(text="The value is no xs:int.", path="$.submodelElements[3].value", rule="AASd-020"),
            Fault(text="It is missing.", path="$.a.b", id_short_path="Motor.Readings[3]"),
            Fault(text="AASd-117 wants an idShort.", rule="AASd-117"),
        )
    )
    assert texts_of(error) == [
        "$.submodelElements[3].value: The value is no xs:int. (AASd-020)",
        "$.a.b (Motor.Readings[3]): It is missing.",
        "AASd-117 wants an idShort.",
    ]


def test_more_than_a_hundred_faults_are_counted() -> None:
    texts = texts_of(Invalid(faults=tuple(Fault(text=f"Fault {n}.") for n in range(150))))
    assert len(texts) == 101
    assert texts[-1] == "And 50 more."


def test_what_was_counted_before_is_not_counted_again() -> None:
    faults = (*(Fault(text=f"Fault {n}.") for n in range(100)), Fault(text="And 7 more."))
    assert texts_of(Invalid(faults=faults))[-1] == "And 7 more."


def test_what_passes_says_when_to_try_again() -> None:
    assert (b"retry-after", b"7") in answer(Unavailable("Away.", retry_after_s=7), extended=False, correlation_id="")[1]
    assert (b"retry-after", b"1") in answer(Overloaded("Full."), extended=False, correlation_id="")[1]
    assert b"retry-after" not in dict(answer(NotFound("No."), extended=False, correlation_id="")[1])


def test_a_defect_shows_nothing_of_itself() -> None:
    status, _, body = answer(KeyError("password=hunter2"), extended=False, correlation_id="c-1")
    assert status == 500
    assert b"hunter2" not in body
    assert b"c-1" in body


class Rarer(NotFound):
    """A kind of error that somebody adds one day."""


def test_a_special_case_has_the_status_of_what_it_is_a_case_of() -> None:
    assert answer(Rarer("No."), extended=False, correlation_id="")[0] == 404


def test_an_error_without_a_sentence_still_says_something() -> None:
    assert texts_of(NotFound()) == ["Not Found"]


@given(st.text(st.characters()), st.text(st.characters()), st.booleans())
def test_odd_characters_break_no_answer(text: str, path: str, extended: bool) -> None:  # noqa: FBT001
    for error in (Invalid(text, path=path, rule=path), NotFound(text), Unavailable(text)):
        _, _, body = answer(error, extended=extended, correlation_id=text)
        result = msgspec.json.decode(body)
        assert "\0" not in result["messages"][0]["text"]
