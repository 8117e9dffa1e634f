"""What a request says: path, parameters, conditions and body, read from an ASGI scope.

Everything here either understands what it is given or raises one of our errors with a sentence that helps; parameters
that nobody knows are passed over.

Spec: IDTA-01002, HTTP/REST API, "Parameters", "Pagination", "Output Modifiers"; RFC 9110 for conditional requests.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from litestar.types import HTTPReceiveMessage, HTTPScope, Receive, WebSocketReceiveMessage
from msgspec import Struct

from titan.codec.ids import decode_cursor, decode_json
from titan.codec.summary import match_key
from titan.errors import Invalid, TitanError, TooLarge, Unsupported
from titan.events.commands import Condition
from titan.events.project import asset_facet, facet
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL, Kind
from titan.metamodel.references import Key, Reference

Headers = Iterable[tuple[bytes, bytes]]

MAX_REFERENCE_CHARACTERS = 3072
"""Of a reference in a parameter, encoded (AASa-002)."""
NEVER = -1
"""A revision that no document ever has."""
MAX_DIGITS = 18
"""Numbers of up to so many digits fit into the 64 bits that the stores have."""


class Disconnected(TitanError):
    """The client went away before its request was whole; nobody is there to be answered."""


class Query(Struct, frozen=True):
    """The parameters behind the question mark, each with all its values in the order in which they were given."""

    values: dict[str, list[str]]

    @classmethod
    def parse(cls, query_string: bytes) -> Self:
        """Read parameters.

        Raises:
            Invalid: where they are not UTF-8.
        """
        values: dict[str, list[str]] = {}
        if query_string:
            try:
                pairs = parse_qsl(query_string.decode(), keep_blank_values=True, errors="strict")
            except ValueError as error:
                raise Invalid("The parameters are not percent-encoded UTF-8.", path="query") from error
            for name, value in pairs:
                values.setdefault(name, []).append(value)
        return cls(values)

    def first(self, name: str) -> str | None:
        """The value of a parameter that has one; what a second one means is undefined, it is passed over."""
        given = self.values.get(name)
        return given[0] if given else None

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])


def segments(scope: HTTPScope) -> list[str]:
    """The segments of the path, split before they are decoded: `%2F` separates nothing.

    One slash at the end is passed over. What is not UTF-8 becomes U+FFFD, which stands in nothing that we serve.
    """
    raw = scope["raw_path"]
    if b"%" in raw:
        found = [unquote_to_bytes(segment).decode(errors="replace") for segment in raw.split(b"/")]
    else:
        found = raw.decode(errors="replace").split("/")
    if len(found) > 1 and not found[-1]:
        found.pop()
    return found[1:]


def page(query: Query, *, default: int, most: int) -> tuple[int, int]:
    """How many entries are wanted, `most` at most, and behind which sort key, which is 0 at the start.

    Raises:
        Invalid: where the limit is no number from 1 up, or the cursor is not one of ours.
    """
    cursor = query.first("cursor")
    return page_limit(query, default=default, most=most), 0 if cursor is None else decode_cursor(cursor)


def page_limit(query: Query, *, default: int, most: int) -> int:
    """How many entries are wanted, `most` at most.

    Raises:
        Invalid: where the limit is no number from 1 up.
    """
    value = query.first("limit")
    if value is None:
        return default
    digits = value.lstrip("0")
    if not (digits.isascii() and digits.isdigit()):
        raise Invalid("The limit must be a whole number from 1 up.", path="limit")
    return min(int(digits[:MAX_DIGITS]), most)


def level_and_extent(query: Query) -> tuple[bool, bool]:
    """Whether only the core is wanted instead of all that is below, and whether with the values of blobs.

    Raises:
        Invalid: where a value is none of the standard's.
    """
    return (
        _one_of(query, "level", ("deep", "core")) == "core",
        _one_of(query, "extent", ("withoutBlobValue", "withBlobValue")) == "withBlobValue",
    )


def _one_of(query: Query, name: str, choices: tuple[str, str]) -> str:
    value = query.first(name)
    if value is None:
        return choices[0]
    if value not in choices:
        raise Invalid(f"It must be {choices[0]} or {choices[1]}.", path=name)
    return value


class _Key(Struct, frozen=True):
    value: str


class _Reference(Struct, frozen=True):
    keys: list[_Key]


class _AssetId(Struct, frozen=True):
    name: str
    value: str


_decode_reference = msgspec.json.Decoder(_Reference).decode
_ASSET_IDS: msgspec.json.Decoder[_AssetId | list[_AssetId]] = msgspec.json.Decoder(_AssetId | list[_AssetId])
_NEVER_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def facets(kind: Kind, query: Query) -> tuple[bytes, ...]:
    """What a document must have to be listed: one facet for each filter, all of which must hold.

    Raises:
        Invalid: where a filter is not what the standard says it is.
    """
    if not query.values:
        return ()
    wanted = dict.fromkeys(facet(kind.name, "idShort", value) for value in query.all("idShort"))
    for name, read in _FILTERS[kind.name].items():
        for value in query.all(name):
            wanted.update(dict.fromkeys(read(kind, name, value)))
    return tuple(wanted)


def _by_reference(kind: Kind, name: str, value: str) -> Iterator[bytes]:
    if len(value) > MAX_REFERENCE_CHARACTERS:
        raise Invalid(
            f"An encoded reference has at most {MAX_REFERENCE_CHARACTERS} characters.", path=name, rule="AASa-002"
        )
    try:
        reference = _decode_reference(_json(name, value))
    except _NEVER_JSON as error:
        raise Invalid("It must be a Reference as JSON, in base64url.", path=name) from error
    if not reference.keys:
        raise Invalid("A reference has at least one key.", path=name)
    # Types do not count when references are matched by value, and clients leave them out.
    keys = [Key(type="GlobalReference", value=key.value) for key in reference.keys]
    yield facet(kind.name, name, match_key(Reference(type="ExternalReference", keys=keys)))


def _by_assets(kind: Kind, name: str, value: str) -> Iterator[bytes]:
    # OpenAPI repeats the parameter, the prose has one array or a list with commas: all are understood.
    for part in value.split(","):
        try:
            found = _ASSET_IDS.decode(_json(name, part))
        except _NEVER_JSON as error:
            raise Invalid(
                "It must be a SpecificAssetId (`name` and `value`) as JSON, in base64url; or several in an array.",
                path=name,
            ) from error
        for asset_id in found if isinstance(found, list) else (found,):
            yield asset_facet(kind.name, asset_id.name, asset_id.value)


def _json(name: str, value: str) -> bytes:
    try:
        return decode_json(value)
    except Invalid as error:
        raise Invalid(str(error), path=name) from error


_FILTERS: Mapping[str, Mapping[str, Callable[[Kind, str, str], Iterator[bytes]]]] = {
    SHELL.name: {"assetIds": _by_assets},
    SUBMODEL.name: {"semanticId": _by_reference},
    CONCEPT_DESCRIPTION.name: {"isCaseOf": _by_reference, "dataSpecificationRef": _by_reference},
}
"""The filters of each kind beside `idShort`, which all have."""


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first header of this name, which is in lower case."""
    return next((value for known, value in headers if known == name), None)


def etag(revision: int, variant: str = "") -> bytes:
    """The ETag of a revision; a variant tells apart what the same revision looks like in several ways."""
    return b'"%d-%b"' % (revision, variant.encode()) if variant else b'"%d"' % revision


_ETAG = re.compile(rb'(?:W/)?"([^"]*)"')
_OURS = re.compile(rb"(0|[1-9][0-9]{0,17})(?:-[A-Za-z0-9.-]+)?")


def condition(headers: Headers) -> Condition:
    """What a change is to be made of.

    What we never gave out is `NEVER`. A weak ETag counts: proxies that compress weaken ours, and it still names a
    revision.
    """
    return Condition(_revisions(headers, b"if-match"), _revisions(headers, b"if-none-match"))


def _revisions(headers: Headers, header: bytes) -> frozenset[int] | None:
    given = [value for name, value in headers if name == header]
    if not given:
        return None
    joined = b",".join(given)
    if joined.strip() == b"*":
        return frozenset()
    matches = (_OURS.fullmatch(tag) for tag in _ETAG.findall(joined))
    return frozenset(int(match[1]) if match else NEVER for match in matches) or frozenset((NEVER,))


def none_match(value: bytes, current: bytes) -> bool:
    """Whether an `If-None-Match` names the current ETag, so that nothing needs to be sent."""
    if value == current:
        return True
    if value.strip() == b"*":
        return True
    opaque = current.removeprefix(b"W/").strip(b'"')
    return opaque in _ETAG.findall(value)


def min_position(headers: Headers) -> int | None:
    """The position that the answer must have reached.

    Raises:
        Invalid: where it is no position.
    """
    value = header(headers, b"titan-min-position")
    if value is None:
        return None
    if not (value.isdigit() and len(value) <= MAX_DIGITS):
        raise Invalid("It must be a position that this server gave in `Titan-Position`.", path="Titan-Min-Position")
    return int(value)


class Listening:
    """The channel of a request, which knows whether all of its body has come.

    Who refuses a long body before it has come closes the connection under a client that still sends, and that may then
    never see the answer.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def __call__(self) -> HTTPReceiveMessage | WebSocketReceiveMessage:
        """Give the next message."""
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def to_the_end(self, *, limit_bytes: int) -> None:
        """Take what is still to come, and leave it; at most so much."""
        while not self._ended and limit_bytes > 0:
            message = await self()
            if message["type"] == "http.request":
                limit_bytes -= len(message.get("body", b""))


async def body(receive: Receive, scope: HTTPScope, *, limit_bytes: int) -> bytes:
    """The whole body of a request that carries JSON.

    Raises:
        Unsupported: where it is said to be something else, or to be compressed.
        TooLarge: where it has more bytes than the limit; no more than that are read.
        Invalid: where it is empty.
        Disconnected: where the client goes away.
    """
    _expect_json(scope["headers"])
    _expect_at_most(limit_bytes, scope["headers"])
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected("The client went away before its request was whole.")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        pieces.append(piece)
        if not message.get("more_body", False):
            break
    if not size:
        raise Invalid("The body is empty; it must be JSON.", path="$")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _expect_at_most(limit_bytes: int, headers: Headers) -> None:
    length = header(headers, b"content-length")
    if length is None:
        return
    if not length.isdigit():
        raise Invalid("It must be a number of bytes.", path="Content-Length")
    if len(length) > MAX_DIGITS or int(length) > limit_bytes:
        raise _too_large(limit_bytes)


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit_bytes} bytes.")


_JSON: tuple[bytes, ...] = (b"application/json", b"text/json")
_CHARSETS = re.compile(rb"\bcharset\s*=\s*[\"']?([^\s\"';]*)", re.IGNORECASE)


def _expect_json(headers: Headers) -> None:
    for name, value in headers:
        if name == b"content-type":
            _check_content_type(value)
        elif name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            raise Unsupported("Bodies are not taken compressed: leave Content-Encoding out.")


def _check_content_type(value: bytes) -> None:
    if value in _JSON or not value:
        return
    media_type, _, parameters = value.partition(b";")
    media_type = media_type.strip().lower()
    if media_type not in _JSON and not media_type.endswith(b"+json"):
        raise Unsupported("The body must be JSON: send it with Content-Type: application/json.")
    charset = _CHARSETS.search(parameters)
    if charset and charset[1].lower() not in {b"utf-8", b"utf8", b"us-ascii"}:
        raise Unsupported("JSON is UTF-8: send it without charset, or with charset=utf-8.")
