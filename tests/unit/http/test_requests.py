"""Requests are understood, or refused with one of our errors; nothing that a client sends raises anything else."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.types import HTTPScope, Receive

from titan.codec.ids import encode_cursor
from titan.errors import Invalid, TitanError, TooLarge, Unsupported
from titan.events.commands import Condition
from titan.events.project import asset_facet, facet
from titan.http import requests
from titan.http.requests import NEVER, Disconnected, Query
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL, Kind


def scope_of(raw_path: bytes = b"/", headers: Sequence[tuple[bytes, bytes]] = ()) -> HTTPScope:
    return {"type": "http", "method": "POST", "raw_path": raw_path, "headers": [*headers]}  # pyright: ignore[reportReturnType]


def packed(value: object, *, padded: bool = False) -> str:
    raw = urlsafe_b64encode(value if isinstance(value, bytes) else msgspec.json.encode(value))
    return (raw if padded else raw.rstrip(b"=")).decode()


def asked(**values: str | list[str]) -> Query:
    return Query({name: [value] if isinstance(value, str) else value for name, value in values.items()})


# Path and parameters


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        (b"/shells", ["shells"]),
        (b"/shells/", ["shells"]),
        (b"/shells/a%2Fb", ["shells", "a/b"]),
        (b"/shells/%24reference", ["shells", "$reference"]),
        (b"/shells//a", ["shells", "", "a"]),
        (b"/shells/%ff", ["shells", "\ufffd"]),
        (b"/shells/\xff", ["shells", "\ufffd"]),
        (b"/", []),
        (b"", []),
    ],
)
def test_a_path_is_split_before_it_is_decoded(raw: bytes, segments: list[str]) -> None:
    assert requests.segments(scope_of(raw)) == segments


def test_parameters_keep_all_their_values() -> None:
    query = Query.parse(b"assetIds=a&limit=3&assetIds=b%2Cc&empty=")
    assert query.all("assetIds") == ["a", "b,c"]
    assert query.first("limit") == "3"
    assert query.first("empty") == ""
    assert query.first("cursor") is None
    assert query.all("cursor") == []


@pytest.mark.parametrize("raw", [b"idShort=%ff", b"\xff=1"])
def test_parameters_are_utf_8(raw: bytes) -> None:
    with pytest.raises(Invalid):
        Query.parse(raw)


# Pages


def test_a_page_begins_at_the_start_and_has_the_default_size() -> None:
    assert requests.page(asked(), default=100, most=1000) == (100, 0)


def test_a_page_is_never_larger_than_the_most() -> None:
    for limit in ("1001", "9" * 400):
        assert requests.page(asked(limit=limit), default=100, most=1000) == (1000, 0)


def test_a_page_goes_on_behind_its_cursor() -> None:
    assert requests.page(asked(limit="7", cursor=encode_cursor(42)), default=100, most=1000) == (7, 42)


@pytest.mark.parametrize("limit", ["0", "00", "-1", "abc", "", "1.5", "+1", " 1", "٣", "²"])
def test_a_limit_is_a_number_from_one_up(limit: str) -> None:
    with pytest.raises(Invalid):
        requests.page(asked(limit=limit), default=100, most=1000)


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "a" * 500])
def test_a_cursor_is_one_of_ours(cursor: str) -> None:
    with pytest.raises(Invalid):
        requests.page(asked(cursor=cursor), default=100, most=1000)


# Modifiers


def test_everything_but_blobs_is_given_unless_asked_otherwise() -> None:
    assert requests.level_and_extent(asked()) == (False, False)
    assert requests.level_and_extent(asked(level="deep", extent="withoutBlobValue")) == (False, False)
    assert requests.level_and_extent(asked(level="core", extent="withBlobValue")) == (True, True)


@pytest.mark.parametrize("query", [asked(level="Core"), asked(level=""), asked(extent="all"), asked(extent="")])
def test_a_modifier_that_nobody_knows_is_refused(query: Query) -> None:
    with pytest.raises(Invalid):
        requests.level_and_extent(query)


# Filters

REFERENCE = {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": "urn:a"}]}
SERIAL = {"name": "serial", "value": "7"}
GLOBAL = {"name": "GLOBALASSETID", "value": "urn:asset"}


def test_no_filter_gives_no_facet() -> None:
    assert requests.facets(SHELL, asked()) == ()
    assert requests.facets(SHELL, asked(unheard="of")) == ()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_all_kinds_are_found_by_id_short(kind: Kind) -> None:
    assert requests.facets(kind, asked(idShort="Pump")) == (facet(kind.name, "idShort", "Pump"),)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(SUBMODEL, "semanticId"), (CONCEPT_DESCRIPTION, "isCaseOf"), (CONCEPT_DESCRIPTION, "dataSpecificationRef")],
)
@pytest.mark.parametrize(
    "value",
    [
        packed(REFERENCE),
        packed(REFERENCE, padded=True),
        packed(b' {\n "keys" : [ { "value" : "urn:a" } ] } '),
        packed({"type": "ModelReference", "keys": [{"type": "Submodel", "value": "urn:a"}]}),
    ],
)
def test_references_are_matched_by_the_values_of_their_keys(kind: Kind, name: str, value: str) -> None:
    assert requests.facets(kind, asked(**{name: value})) == (facet(kind.name, name, "urn:a"),)


@pytest.mark.parametrize(
    "value", ["", "urn:a", packed(b"urn:a"), packed("urn:a"), packed({"keys": []}), packed({"keys": [{}]}), "A" * 3073]
)
def test_a_filter_that_is_no_reference_is_refused(value: str) -> None:
    with pytest.raises(Invalid) as refused:
        requests.facets(SUBMODEL, asked(semanticId=value))
    assert refused.value.faults[0].path == "semanticId"


@pytest.mark.parametrize(
    "values",
    [
        [packed(SERIAL), packed(GLOBAL)],
        [f"{packed(SERIAL)},{packed(GLOBAL)}"],
        [packed([SERIAL, GLOBAL])],
        [packed([SERIAL]), f"{packed(GLOBAL)},{packed(SERIAL)}"],
    ],
)
def test_asset_ids_are_understood_in_every_spelling(values: list[str]) -> None:
    expected = (asset_facet("shell", "serial", "7"), asset_facet("shell", "globalAssetId", "urn:asset"))
    assert requests.facets(SHELL, asked(assetIds=values)) == expected


@pytest.mark.parametrize("value", ["", ",", "x", packed({"name": "a"}), packed("a"), packed([1])])
def test_what_is_no_asset_id_is_refused(value: str) -> None:
    with pytest.raises(Invalid):
        requests.facets(SHELL, asked(assetIds=value))


def test_filters_add_up() -> None:
    query = asked(idShort="Pump", isCaseOf=packed(REFERENCE), dataSpecificationRef=packed(REFERENCE))
    assert len(requests.facets(CONCEPT_DESCRIPTION, query)) == 3


def test_a_filter_of_another_kind_is_passed_over() -> None:
    assert requests.facets(SUBMODEL, asked(assetIds="x", isCaseOf="x")) == ()


# Conditions


@pytest.mark.parametrize(
    ("value", "revisions"),
    [
        (b'"12"', {12}),
        (b'"12-core"', {12}),
        (b'W/"12"', {12}),
        (b'"1", "2-core" ,"abc"', {1, 2, NEVER}),
        (b"*", set()),
        (b" * ", set()),
        (b"12", {NEVER}),
        (b"", {NEVER}),
        (b'"012"', {NEVER}),
        (b'"' + b"9" * 30 + b'"', {NEVER}),
    ],
)
def test_if_match_names_revisions(value: bytes, revisions: set[int]) -> None:
    assert requests.condition([(b"if-match", value)]).if_match == revisions


def test_several_if_match_are_one_list() -> None:
    assert requests.condition([(b"if-match", b'"1"'), (b"a", b"b"), (b"if-match", b'"2"')]).if_match == {1, 2}
    assert requests.condition([(b"a", b"b")]).if_match is None


def test_if_none_match_names_revisions_as_if_match_does() -> None:
    both = requests.condition([(b"if-none-match", b'W/"3-core"'), (b"if-match", b'"2"'), (b"if-none-match", b'"4"')])
    assert both == Condition(frozenset({2}), frozenset({3, 4}))
    assert requests.condition([(b"if-none-match", b"*")]) == Condition(None, frozenset())


def test_an_etag_names_revision_and_variant() -> None:
    assert requests.etag(12) == b'"12"'
    assert requests.etag(12, "core") == b'"12-core"'
    assert requests.condition([(b"if-match", requests.etag(12, "core"))]).if_match == {12}


@pytest.mark.parametrize("value", [b'"12"', b'W/"12"', b'"1", "12"', b"*", b'W/"1",W/"12"'])
def test_what_the_client_has_is_not_sent_again(value: bytes) -> None:
    assert requests.none_match(value, b'"12"')


@pytest.mark.parametrize("value", [b"", b'"1"', b"12", b'"12-core"', b'"112"', b'"1 2"'])
def test_what_the_client_has_not_is_sent(value: bytes) -> None:
    assert not requests.none_match(value, b'"12"')


def test_a_position_to_wait_for_is_a_number() -> None:
    assert requests.min_position([(b"titan-min-position", b"42")]) == 42
    assert requests.min_position([]) is None
    for value in (b"", b"-1", b"x", b"1" * 40):
        with pytest.raises(Invalid):
            requests.min_position([(b"titan-min-position", value)])


# Bodies


def receiving(*messages: dict) -> Receive:
    waiting = iter(messages)

    async def receive() -> dict:
        return next(waiting)

    return receive  # pyright: ignore[reportReturnType]


def sent(*pieces: bytes) -> Receive:
    return receiving(
        *({"type": "http.request", "body": piece, "more_body": n < len(pieces)} for n, piece in enumerate(pieces, 1))
    )


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b'APPLICATION/JSON;charset="UTF-8"',
        b"text/json",
        b"application/asset-administration-shell+json",
        b"application/json;profile=x",
    ],
)
async def test_a_body_of_json_is_read(content_type: bytes) -> None:
    scope = scope_of(headers=[(b"content-type", content_type), (b"content-length", b"2")])
    assert await requests.body(sent(b"{}"), scope, limit_bytes=2) == b"{}"


async def test_a_body_comes_in_pieces_and_without_any_header() -> None:
    assert await requests.body(sent(b"{", b"", b"}"), scope_of(), limit_bytes=2) == b"{}"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"application/xml")],
        [(b"content-type", b"multipart/form-data; boundary=json")],
        [(b"content-type", b"application/json; charset=latin-1")],
        [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")],
    ],
)
async def test_a_body_that_is_something_else_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Unsupported):
        await requests.body(sent(b"{}"), scope_of(headers=headers), limit_bytes=9)


@pytest.mark.parametrize("length", [b"3", b"9" * 50])
async def test_a_body_that_says_that_it_is_too_large_is_not_read(length: bytes) -> None:
    with pytest.raises(TooLarge):
        await requests.body(receiving(), scope_of(headers=[(b"content-length", length)]), limit_bytes=2)


async def test_no_more_of_a_body_is_read_than_the_limit() -> None:
    endless = receiving(*({"type": "http.request", "body": b"x", "more_body": True} for _ in range(3)))
    with pytest.raises(TooLarge):
        await requests.body(endless, scope_of(), limit_bytes=2)


async def test_an_empty_body_is_refused() -> None:
    with pytest.raises(Invalid):
        await requests.body(sent(b""), scope_of(), limit_bytes=2)


async def test_a_client_that_goes_away_is_told_apart() -> None:
    gone = receiving({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"})
    with pytest.raises(Disconnected):
        await requests.body(gone, scope_of(), limit_bytes=2)


# Anything at all

BYTES = st.binary(max_size=200)
TEXT = st.text(max_size=200)  # without surrogates, which `Query.parse` refuses as bytes
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["keys", "value", "name"]), inner),
    max_leaves=9,
)
PARAMETERS = st.sampled_from(["limit", "cursor", "level", "extent", "idShort", "assetIds", "semanticId", "isCaseOf"])
VALUES = TEXT | JSON.map(packed) | BYTES.map(packed)


@pytest.mark.parametrize(
    "read",
    [
        lambda query: requests.page(query, default=100, most=1000),
        requests.level_and_extent,
        *(lambda query, kind=kind: requests.facets(kind, query) for kind in KINDS.values()),
    ],
)
@given(values=st.dictionaries(PARAMETERS, st.lists(VALUES, max_size=3)))
def test_parameters_of_any_kind_are_understood_or_refused(
    read: Callable[[Query], object], values: dict[str, list[str]]
) -> None:
    with suppress(TitanError):
        read(Query(values))


@given(BYTES)
def test_raw_bytes_of_any_kind_are_understood_or_refused(raw: bytes) -> None:
    scope = scope_of(raw)
    requests.segments(scope)
    requests.condition([(b"if-match", raw), (b"if-none-match", raw)])
    requests.none_match(raw, b'"12"')
    with suppress(TitanError):
        requests.min_position([(b"titan-min-position", raw)])
    with suppress(TitanError):
        Query.parse(raw)


@given(BYTES, BYTES, BYTES)
async def test_headers_of_any_kind_are_understood_or_refused(kind: bytes, length: bytes, encoding: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", length), (b"content-encoding", encoding)]
    with suppress(TitanError):
        await requests.body(sent(b"{}"), scope_of(headers=headers), limit_bytes=2)
