"""Identifiers and cursors in a URL have one spelling each."""

import re
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.codec.ids import decode_cursor, decode_id, decode_json, encode_cursor, encode_id
from titan.errors import Invalid

PLAIN = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
IDENTIFIERS = st.text(PLAIN | st.sampled_from("\t\n\r"), min_size=1, max_size=200)
KEYS = st.integers(min_value=0, max_value=2**63 - 1)


@given(IDENTIFIERS)
def test_an_identifier_comes_back_from_its_segment(identifier: str) -> None:
    assert decode_id(encode_id(identifier)) == identifier


@given(IDENTIFIERS)
def test_a_segment_needs_no_escaping_in_a_url(identifier: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", encode_id(identifier))


@given(IDENTIFIERS)
def test_right_padding_is_forgiven(identifier: str) -> None:
    assert decode_id(urlsafe_b64encode(identifier.encode()).decode()) == identifier


@given(st.text(max_size=60) | st.text("AZaz09-_=+/", max_size=12))
def test_whatever_is_read_has_one_spelling(segment: str) -> None:
    try:
        identifier = decode_id(segment)
    except Invalid:
        return
    assert encode_id(identifier) == segment.rstrip("=")


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param("", id="empty"),
        pytest.param("=", id="padding alone"),
        pytest.param("invalid-base64url=====", id="too much padding"),
        pytest.param("aHR0cA=", id="wrong padding"),
        pytest.param("YQ==YQ==", id="padding inside"),
        pytest.param("YR", id="stray bits"),
        pytest.param("A", id="impossible length"),
        pytest.param("YWJj!", id="foreign character"),
        pytest.param("YW Jj", id="white space"),
        pytest.param("ÄÖ", id="not ASCII"),
        pytest.param(b64encode(b"\xfb\xef\xbe>>>").decode(), id="the other alphabet"),
        pytest.param(urlsafe_b64encode(b"\xff\xfe\xfd").decode(), id="not UTF-8"),
        pytest.param(urlsafe_b64encode(b"\xed\xa0\x80").decode(), id="a surrogate"),
        pytest.param(encode_id("a\0b"), id="NUL"),
        pytest.param(encode_id("a\x1fb"), id="control character"),
        pytest.param(encode_id("a\uffff"), id="no character of XML"),
        pytest.param(encode_id("a" * 2049), id="too long"),
        pytest.param("YWFh" * 100_000, id="far too long"),
    ],
)
def test_what_stands_for_no_identifier_is_refused(segment: str) -> None:
    with pytest.raises(Invalid):
        decode_id(segment)


def test_the_longest_identifier_is_read() -> None:
    longest = "\U0001f600" * 2048
    assert decode_id(encode_id(longest)) == longest


def test_json_in_a_parameter_is_decoded_as_it_is() -> None:
    assert decode_json("eyAiYSI6IDEgfQ") == b'{ "a": 1 }'
    with pytest.raises(Invalid):
        decode_json("{}")


@given(KEYS)
def test_a_cursor_holds_its_sort_key(key: int) -> None:
    assert decode_cursor(encode_cursor(key)) == key


@given(st.text(max_size=40) | st.binary(max_size=20).map(lambda raw: urlsafe_b64encode(raw).decode().rstrip("=")))
def test_a_cursor_that_was_not_given_is_refused(cursor: str) -> None:
    try:
        key = decode_cursor(cursor)
    except Invalid:
        return
    assert encode_cursor(key) == cursor


@pytest.mark.parametrize("cursor", ["", "abc", "kgH_", "kgHQ_w", "kgHP__________", "kgIB", "kQE", "gA", "kgEB" * 3000])
def test_a_strange_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        decode_cursor(cursor)
