"""Which texts the types of XML Schema allow."""

import time
from typing import get_args

import msgspec
import pytest
from aas_core3_1 import types, verification
from hypothesis import given
from hypothesis import strategies as st

from support.documents import corpus, needs_corpus
from titan.metamodel.values import DataTypeDefXsd
from titan.metamodel.xs import LEXICAL_SPACES, is_date, is_valid

TYPES: tuple[DataTypeDefXsd, ...] = get_args(DataTypeDefXsd)
ORACLE = {kind.value: kind for kind in types.DataTypeDefXSD}

# XSD 1.0, nonNegativeInteger: "lexical forms denoting zero … may be preceded by '+' or '-'", with as many zeros as one
# likes; likewise nonPositiveInteger. aas-core3.1 allows one zero there.
ZEROS = {"xs:nonNegativeInteger", "xs:nonPositiveInteger"} | {name for name in TYPES if name.startswith("xs:unsigned")}


def agrees(value: str, value_type: DataTypeDefXsd) -> bool:
    theirs = verification.value_consistent_with_xsd_type(value, ORACLE[value_type])
    return is_valid(value, value_type) is theirs


def is_zero(value: str) -> bool:
    return bool(value) and not value.lstrip("+-").strip("0")


def texts() -> list[str]:
    """Every text of the corpus that is a value of something with a value type, whichever."""
    found: set[str] = set()

    def collect(plain: object) -> None:
        if isinstance(plain, dict):
            if "valueType" in plain:
                found.update(plain[name] for name in ("value", "min", "max") if isinstance(plain.get(name), str))
            for member in plain.values():
                collect(member)
        elif isinstance(plain, list):
            for item in plain:
                collect(item)

    for instance in corpus():
        collect(msgspec.json.decode(instance.body))
    return sorted(found)


def test_every_type_has_a_lexical_space() -> None:
    assert set(LEXICAL_SPACES) == set(TYPES)


@needs_corpus
@pytest.mark.parametrize("value_type", [name for name in TYPES if name != "xs:string"])
def test_the_oracle_agrees_on_every_text_of_the_corpus(value_type: DataTypeDefXsd) -> None:
    differences = [text for text in texts() if not agrees(text, value_type)]
    assert [text for text in differences if not (value_type in ZEROS and is_zero(text))] == []


@given(
    st.sampled_from(sorted(set(TYPES) - {"xs:string"})), st.text("0123456789+-.:TZPYMDHSEeINFaf=/ []%#?", max_size=24)
)
def test_the_oracle_agrees_on_made_up_texts(value_type: DataTypeDefXsd, text: str) -> None:
    assert agrees(text, value_type) or (value_type in ZEROS and is_zero(text))


NUMBERS = st.integers().map(str) | st.integers(-300, 300).map(str) | st.decimals(allow_nan=False).map(str)


@given(st.sampled_from(TYPES), NUMBERS)
def test_the_oracle_agrees_on_numbers(value_type: DataTypeDefXsd, text: str) -> None:
    assert agrees(text, value_type) or (value_type in ZEROS and is_zero(text))


@given(
    st.sampled_from(["xs:date", "xs:dateTime", "xs:gMonthDay", "xs:gYear", "xs:gYearMonth"]),
    st.integers(-20_000, 20_000),
    st.integers(1, 12),
    st.integers(1, 31),
    st.sampled_from(["", "Z", "+14:00", "-14:00", "+14:01", "-00:00", "+13:59", "z"]),
)
def test_the_oracle_agrees_on_days(value_type: DataTypeDefXsd, year: int, month: int, day: int, zone: str) -> None:
    date = f"{'-' * (year < 0)}{abs(year):04}-{month:02}-{day:02}"
    text = {
        "xs:date": date,
        "xs:dateTime": f"{date}T24:00:00",
        "xs:gMonthDay": f"--{date[-5:]}",
        "xs:gYear": date[:-6],
        "xs:gYearMonth": date[:-3],
    }[value_type]
    assert agrees(text + zone, value_type)


@pytest.mark.parametrize(
    ("value_type", "value", "is_there"),
    [
        ("xs:date", "2024-02-29", True),
        ("xs:date", "2023-02-29", False),
        ("xs:date", "1900-02-29", False),
        ("xs:date", "-0001-02-29", True),
        ("xs:date", "-0005-02-29", True),
        ("xs:date", "0000-01-01", False),
        ("xs:date", "1" + "0" * 6000 + "-02-29", True),
        ("xs:date", "1" + "0" * 6000 + "1-02-29", False),
        ("xs:date", "2024-04-31", False),
        ("xs:date", "2024-04-30\n", False),
        ("xs:dateTime", "2024-02-29T24:00:00+14:00", True),
        ("xs:dateTime", "2024-02-29T24:00:01", False),
        ("xs:dateTime", "2024-02-29T23:59:59.999999999999Z", True),
        ("xs:integer", "9" * 100_000, True),
        ("xs:long", "9223372036854775807", True),
        ("xs:long", "9223372036854775808", False),
        ("xs:long", "-9223372036854775808", True),
        ("xs:long", "0" * 10_000 + "7", True),
        ("xs:long", "-" + "0" * 10_000 + "9223372036854775809", False),
        ("xs:unsignedLong", "18446744073709551616", False),
        ("xs:unsignedByte", "-0", True),
        ("xs:unsignedByte", "-1", False),
        ("xs:int", "\N{SUPERSCRIPT TWO}", False),
        ("xs:int", "1\n", False),
        ("xs:double", "INF", True),
        ("xs:double", "-INF", True),
        ("xs:double", "+INF", False),
        ("xs:double", "nan", False),
        ("xs:double", "1e400", False),
        ("xs:float", "1e39", False),
        ("xs:float", "1e-400", True),
        ("xs:base64Binary", "QUJD", True),
        ("xs:base64Binary", "Q U J D", True),
        ("xs:base64Binary", "QUJ", False),
        ("xs:base64Binary", "QR==", False),
        ("xs:base64Binary", "QQ==", True),
        ("xs:base64Binary", "", True),
        ("xs:hexBinary", "0aF", False),
        ("xs:anyURI", "http://[::1]:8080/a?b#c", True),
        ("xs:anyURI", "http://exa mple.org", False),
        ("xs:duration", "P1Y2M3DT4H5M6.7S", True),
        ("xs:duration", "P", False),
        ("xs:duration", "P1YT", False),
        ("xs:boolean", "TRUE", False),
        ("xs:string", "", True),
    ],
)
def test_a_value_is_what_its_type_allows(value_type: DataTypeDefXsd, value: str, is_there: bool) -> None:  # noqa: FBT001 - a row of the table
    assert is_valid(value, value_type) is is_there


def test_what_is_no_date_at_all_is_no_date() -> None:
    assert not is_date("soon")


@pytest.mark.parametrize("value_type", TYPES)
def test_no_text_takes_long(value_type: DataTypeDefXsd) -> None:
    """Patterns that backtrack would take for ever, conversions that are quadratic for minutes."""
    started = time.process_time()
    for piece in ("1", "a", "-", "%41", "0", ":", "/", "[", ".", "1Y", "=", "a:", "1 "):
        for end in ("", "!", "\n", "["):
            is_valid(piece * (300_000 // len(piece)) + end, value_type)
    assert time.process_time() - started < 10
