"""The data types of XML Schema that values of properties have: which texts they allow.

Nothing is converted that need not be: integers have no limit, years neither, and what is valid stays as it was sent.

Spec: IDTA-01001, "DataTypeDefXsd"; XML Schema Part 2: Datatypes Second Edition (XSD 1.0).
"""

import math
import re
import struct
from collections.abc import Callable

from titan.metamodel.values import CLOCK, DATE, DURATION, YEAR, DataTypeDefXsd

_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))?"
_MONTH = r"(0[1-9]|1[0-2])"
_DAY = r"(0[1-9]|[12][0-9]|3[01])"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LONGEST_BOUNDED = 20

_IS_DATE = re.compile(rf"{DATE}{_ZONE}").fullmatch
_IS_DATE_TIME = re.compile(rf"{DATE}T{CLOCK}{_ZONE}").fullmatch
_DATE_PARTS = re.compile(r"(-?)[0-9]*([0-9]{4})-([0-9]{2})-([0-9]{2})").match
_IS_INTEGER = re.compile(r"[-+]?[0-9]+").fullmatch
_IS_FLOAT = re.compile(r"[+-]?([0-9]++(\.[0-9]*+)?|\.[0-9]++)([Ee][+-]?[0-9]++)?").fullmatch
_IS_MONTH_DAY = re.compile(rf"--{_MONTH}-{_DAY}{_ZONE}").fullmatch
_IS_BASE_64 = re.compile(r"[A-Za-z0-9+/]*+={0,2}").fullmatch
_IS_HEX = re.compile(r"[0-9a-fA-F]*+").fullmatch

# RFC 2396 as amended by RFC 2732: addresses of IPv6 as hosts, brackets in queries and fragments. Folded together as
# in `titan.metamodel.values`, and for the same reason.
_ESCAPED = r"%[0-9a-fA-F]{2}"
_PLAIN = r"a-zA-Z0-9\-_.!~*'()"
_PATH = rf"(?:[{_PLAIN}:@&=+$,;/]|{_ESCAPED})*+"
_QUERY = rf"(?:[{_PLAIN};/?:@&=+$,\[\]]|{_ESCAPED})*+"
_GROUPS = r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*"
_IPV6 = rf"(?:{_GROUPS}(?:::(?:{_GROUPS})?)?|::(?:{_GROUPS})?)(?::(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}})?"
_IPV6_HOST = rf"//(?:(?:[{_PLAIN};:&=+$,]|{_ESCAPED})*+@)?\[{_IPV6}\](?::[0-9]*)?(?:/{_PATH})?"
_LOCAL = rf"(?:{_IPV6_HOST}|/{_PATH})(?:\?{_QUERY})?"
_OPAQUE = rf"(?:[{_PLAIN};?:@&=+$,]|{_ESCAPED}){_QUERY}"
_SEGMENT = rf"(?:[{_PLAIN};@&=+$,]|{_ESCAPED})++"
_RELATIVE = rf"(?:{_LOCAL}|{_SEGMENT}(?:/{_PATH})?(?:\?{_QUERY})?)"
_ANY_URI = rf"(?:[a-zA-Z][a-zA-Z0-9+\-.]*+:(?:{_LOCAL}|{_OPAQUE})|{_RELATIVE})?(?:#{_QUERY})?"


def is_valid(value: str, value_type: DataTypeDefXsd) -> bool:
    """Say whether the text is in the lexical space of the type, and what it stands for in its range."""
    return LEXICAL_SPACES[value_type](value)


def is_date(value: str) -> bool:
    """Say whether the text is a date that there is, or the date in front of a dateTime is."""
    parts = _DATE_PARTS(value)
    if parts is None:
        return False
    era, year, month, day = parts[1], int(parts[2]), int(parts[3]), int(parts[4])
    if year == 0 and not value.lstrip("-").partition("-")[0].strip("0"):
        return False
    if month == 2 and day == 29:
        # 1 BCE is written -0001 and was a leap year. Ten thousand years are a whole number of leap cycles.
        return _is_leap(year - 1 if era else year)
    return day <= _DAYS[month - 1]


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _date(value: str) -> bool:
    return _IS_DATE(value) is not None and is_date(value)


def _date_time(value: str) -> bool:
    return _IS_DATE_TIME(value) is not None and is_date(value)


def _month_day(value: str) -> bool:
    return _IS_MONTH_DAY(value) is not None and int(value[5:7]) <= _DAYS[int(value[2:4]) - 1]


def _double(value: str) -> bool:
    if _IS_FLOAT(value) is None:
        return value in {"INF", "-INF", "NaN"}
    return not math.isinf(float(value))


def _float(value: str) -> bool:
    if _IS_FLOAT(value) is None:
        return value in {"INF", "-INF", "NaN"}
    try:
        struct.pack(">f", float(value))
    except OverflowError:
        return False
    return not math.isinf(float(value))


def _base_64(value: str) -> bool:
    if "  " in value or value[:1] == " " or value[-1:] == " ":
        return False
    digits = value.replace(" ", "")
    if len(digits) % 4 or _IS_BASE_64(digits) is None:
        return False
    if digits.endswith("=="):
        return digits[-3] in "AQgw"
    return not digits.endswith("=") or digits[-2] in "AEIMQUYcgkosw048"


def _hex(value: str) -> bool:
    return len(value) % 2 == 0 and _IS_HEX(value) is not None


def _string(value: str) -> bool:
    # That it has no character that XML cannot carry is asked of the whole body.
    del value
    return True


def _pattern(pattern: str) -> Callable[[str], bool]:
    match = re.compile(pattern).fullmatch

    def fits(value: str) -> bool:
        return match(value) is not None

    return fits


def _integer(lowest: int, highest: int) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        # The conversion is quadratic in the number of digits, and refused beyond 4300 of them.
        if _IS_INTEGER(value) is None or len(value.lstrip("+-0")) > _LONGEST_BOUNDED:
            return False
        return lowest <= int(value) <= highest if len(value) <= _LONGEST_BOUNDED else _long_form(value, lowest, highest)

    return fits


def _long_form(value: str, lowest: int, highest: int) -> bool:
    magnitude = int(value.lstrip("+-0") or "0")
    return lowest <= (-magnitude if value[0] == "-" else magnitude) <= highest


LEXICAL_SPACES: dict[DataTypeDefXsd, Callable[[str], bool]] = {
    "xs:anyURI": _pattern(_ANY_URI),
    "xs:base64Binary": _base_64,
    "xs:boolean": _pattern("true|false|1|0"),
    "xs:byte": _integer(-(2**7), 2**7 - 1),
    "xs:date": _date,
    "xs:dateTime": _date_time,
    "xs:decimal": _pattern(r"[+-]?([0-9]++(\.[0-9]++)?|\.[0-9]++)"),
    "xs:double": _double,
    "xs:duration": _pattern(DURATION),
    "xs:float": _float,
    "xs:gDay": _pattern(rf"---{_DAY}{_ZONE}"),
    "xs:gMonth": _pattern(rf"--{_MONTH}{_ZONE}"),
    "xs:gMonthDay": _month_day,
    "xs:gYear": _pattern(rf"{YEAR}{_ZONE}"),
    "xs:gYearMonth": _pattern(rf"{YEAR}-{_MONTH}{_ZONE}"),
    "xs:hexBinary": _hex,
    "xs:int": _integer(-(2**31), 2**31 - 1),
    "xs:integer": _pattern(r"[-+]?[0-9]+"),
    "xs:long": _integer(-(2**63), 2**63 - 1),
    "xs:negativeInteger": _pattern(r"-0*[1-9][0-9]*"),
    "xs:nonNegativeInteger": _pattern(r"\+?[0-9]+|-0+"),
    "xs:nonPositiveInteger": _pattern(r"-[0-9]+|\+?0+"),
    "xs:positiveInteger": _pattern(r"\+?0*[1-9][0-9]*"),
    "xs:short": _integer(-(2**15), 2**15 - 1),
    "xs:string": _string,
    "xs:time": _pattern(rf"{CLOCK}{_ZONE}"),
    "xs:unsignedByte": _integer(0, 2**8 - 1),
    "xs:unsignedInt": _integer(0, 2**32 - 1),
    "xs:unsignedLong": _integer(0, 2**64 - 1),
    "xs:unsignedShort": _integer(0, 2**16 - 1),
}
"""Each type's test of a text."""
