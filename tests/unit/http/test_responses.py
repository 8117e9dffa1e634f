"""Answers have the length that they say, the compression that was asked for, and what browsers need."""

import gzip
from collections.abc import Sequence

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from litestar.types import ASGIApp, Receive, Scope, Send

from titan.http.responses import JSON, compress, cors, encoding_for, headless, send_bytes


class Sent:
    """What was sent, as a client would see it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.bodies: list[bytes] = []
        self.ended = False

    async def __call__(self, message: dict) -> None:
        assert not self.ended
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], [*message["headers"]]
        else:
            self.bodies.append(message["body"])
            self.ended = not message["more_body"]

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known == name]


@pytest.mark.parametrize("pieces", [(), (b"a",), (b"abc", b"", b"de")])
async def test_an_answer_in_pieces_has_the_length_of_their_sum(pieces: Sequence[bytes]) -> None:
    sent = Sent()
    await send_bytes(sent, 200, [JSON], pieces)  # pyright: ignore[reportArgumentType]
    assert sent.ended
    assert sent.values(b"content-length") == [str(len(b"".join(pieces))).encode()]
    assert sent.values(b"content-type") == [b"application/json"]
    assert b"".join(sent.bodies) == b"".join(pieces)


@pytest.mark.parametrize("status", [204, 304])
async def test_what_has_no_body_has_no_length(status: int) -> None:
    sent = Sent()
    await send_bytes(sent, status, [])  # pyright: ignore[reportArgumentType]
    assert sent.ended
    assert sent.headers == []
    assert b"".join(sent.bodies) == b""


async def test_head_gets_the_headers_of_get_and_no_body() -> None:
    sent = Sent()
    await send_bytes(headless(sent), 200, [JSON], [b"abc", b"de"])  # pyright: ignore[reportArgumentType]
    assert sent.ended
    assert sent.values(b"content-length") == [b"5"]
    assert sent.bodies == [b""]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"", ""),
        (b"identity", ""),
        (b"br", ""),
        (b"gzip", "gzip"),
        (b"GZIP", "gzip"),
        (b"zstd", "zstd"),
        (b"gzip, zstd", "zstd"),
        (b"gzip;q=1.0, zstd;q=0.5", "gzip"),
        (b"gzip;q=0, zstd;q=0", ""),
        (b"*", "zstd"),
        (b"*;q=0.1, zstd;q=0", "gzip"),
        (b"gzip;q=0.5, identity", ""),
        (b"gzip;q=high", ""),
        (b"gzip ; q = 0.8", "gzip"),
    ],
)
def test_the_client_says_how_bodies_may_be_compressed(accepted: bytes, encoding: str) -> None:
    assert encoding_for(accepted) == encoding


@given(st.binary(max_size=100))
def test_no_accept_encoding_is_too_odd(accepted: bytes) -> None:
    assert encoding_for(accepted) in {"", "gzip", "zstd"}


def test_what_is_compressed_comes_back() -> None:
    data = b'{"a": 1}' * 500
    assert gzip.decompress(compress("gzip", data)) == data
    assert zstandard.decompress(compress("zstd", data)) == data
    assert compress("", data) is data
    assert compress("gzip", data) == compress("gzip", data)


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    await send_bytes(send, 404, [JSON], [b"{}"])


async def called(app: ASGIApp, method: str = "GET", **headers: str) -> Sent:
    sent = Sent()
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "headers": raw}
    await app(scope, None, sent)  # pyright: ignore[reportArgumentType]
    return sent


def test_nobody_pays_for_cors_where_it_is_off() -> None:
    assert cors(refusing, ()) is refusing


async def test_scripts_may_read_errors_too() -> None:
    sent = await called(cors(refusing, ("*",)), origin="http://a")
    assert sent.status == 404
    assert sent.values(b"access-control-allow-origin") == [b"*"]
    (exposed,) = sent.values(b"access-control-expose-headers")
    assert {b"Location", b"ETag", b"Content-Disposition", b"Titan-Position"} <= set(exposed.split(b", "))


async def test_a_preflight_is_answered_at_the_door() -> None:
    asked = {"access_control_request_method": "PUT", "access_control_request_headers": "content-type, if-match"}
    sent = await called(cors(refusing, ("http://a",)), "OPTIONS", origin="http://a", **asked)
    assert sent.status == 204
    assert sent.values(b"access-control-allow-origin") == [b"http://a"]
    assert sent.values(b"access-control-allow-headers") == [b"content-type, if-match"]
    assert b"PATCH" in sent.values(b"access-control-allow-methods")[0]


async def test_other_origins_get_nothing() -> None:
    asked = {"access_control_request_method": "PUT"}
    sent = await called(cors(refusing, ("http://a",)), "OPTIONS", origin="http://b", **asked)
    assert sent.status == 404
    assert sent.values(b"access-control-allow-origin") == []


async def test_caches_keep_the_answers_to_different_origins_apart() -> None:
    app = cors(refusing, ("http://a", "http://b"))
    assert (await called(app)).values(b"vary") == [b"origin"]
    assert (await called(app, origin="http://b")).values(b"access-control-allow-origin") == [b"http://b"]


async def test_who_is_no_browser_gets_no_headers_for_browsers() -> None:
    assert (await called(cors(refusing, ("*",)))).headers == [JSON, (b"content-length", b"2")]
