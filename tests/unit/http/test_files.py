"""What a file is answered with: a header that nobody can write into, and the bytes that were asked for."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import cast
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from litestar.types import HTTPReceiveMessage, HTTPScope, Message, Receive

from titan.errors import Invalid, PreconditionFailed, Unavailable, Unsatisfiable
from titan.http import errors
from titan.http.files import Held, answer, disposition, file_name, held, media_type, send_file, span, tag_of
from titan.http.operations import OPERATIONS
from titan.http.requests import Disconnected, Query
from titan.http.routes import Call
from titan.metamodel.values import ContentType, PathType

DIGEST = "0123456789abcdef" * 4
TAG = tag_of(DIGEST)
CONTENT = bytes(range(256)) * 4
SIZE = len(CONTENT)

# Names and where they stand


@given(st.text(max_size=60))
def test_what_refers_to_a_file_is_a_path_of_the_metamodel_and_understood_again(text: str) -> None:
    file = Held(digest=DIGEST, name=file_name(text))
    assert msgspec.convert(file.path, PathType) == file.path
    assert held(file.path) == file


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "https://example.com/a.pdf",
        "/aasx/files/manual.pdf",
        f"/attachments/{DIGEST}",
        f"/attachments/{DIGEST}/",
        f"/attachments/{DIGEST[:-1]}/a.pdf",
        f"/attachments/{DIGEST.upper()}/a.pdf",
        f"/attachments/{DIGEST}/a/b.pdf",
        f"/attachments/{DIGEST}/a.pdf?x",
        f"https://example.com/attachments/{DIGEST}/a.pdf",
        f"titan:sha256:{DIGEST}",
    ],
)
def test_any_other_value_is_none_of_our_files(value: str | None) -> None:
    assert held(value) is None


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("manual.pdf", "manual.pdf"),
        ("Prüfbericht 説明.pdf", "Prüfbericht 説明.pdf"),
        ('a"b;c%.pdf', 'a"b;c%.pdf'),
        ("a\r\nSet-Cookie: b=1", "a__Set-Cookie: b=1"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Documents\\a.txt", "a.txt"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        (".htaccess", ".htaccess"),
        ("..", "thumbnail"),
        ("folder/", "thumbnail"),
        ("   ", "thumbnail"),
        ("", "thumbnail"),
    ],
)
def test_a_name_loses_folders_and_what_is_unfit_for_a_name(given_name: str, name: str) -> None:
    assert file_name(given_name, fallback="thumbnail") == name


def test_the_first_name_that_is_one_counts() -> None:
    assert file_name(None, "", "..", "a.txt", "b.txt") == "a.txt"


def test_a_name_that_no_file_system_takes_is_refused() -> None:
    assert file_name("ü" * 127) == "ü" * 127
    with pytest.raises(Invalid):
        file_name("ü" * 128)


@given(st.text(max_size=300))
@example("\u2100")
@example("\u0301")
def test_nothing_in_a_name_gets_out_of_its_header(name: str) -> None:
    _, value = disposition(name)
    written = re.fullmatch(
        rb"attachment; filename=\"([^\"\\/%\x00-\x1f\x7f-\xff]+)\"; filename\*=UTF-8''([!#$&+.^_`|~0-9A-Za-z%-]+)",
        value,
    )
    assert written
    exact = unquote(written[2].decode())
    assert not {"/", "\\"} & {*exact}
    assert written[1].strip(b" .")
    assert exact.strip(" .")


@pytest.mark.parametrize(
    ("name", "plain", "exact"),
    [
        ("manual.pdf", "manual.pdf", "manual.pdf"),
        ("Prüfbericht.pdf", "Prufbericht.pdf", "Pr%C3%BCfbericht.pdf"),
        ("説明.pdf", "__.pdf", "%E8%AA%AC%E6%98%8E.pdf"),
        ('a"b\\c%41.txt', "c_41.txt", "c%2541.txt"),
        ("a\uff0fb.txt", "a_b.txt", "a%EF%BC%8Fb.txt"),
        ("\uff0e\uff0e\uff0fetc", ".._etc", "%EF%BC%8E%EF%BC%8E%EF%BC%8Fetc"),
        ("\u2100.txt", "a_c.txt", "%E2%84%80.txt"),
        ("\u0301", "file", "%CC%81"),
        ("\u2025", "file", "%E2%80%A5"),
        ("\u00a8", "file", "%C2%A8"),
    ],
)
def test_a_name_is_told_in_ascii_and_as_it_is(name: str, plain: str, exact: str) -> None:
    assert disposition(name)[1].decode() == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("application/pdf", "application/pdf"),
        ('text/plain; charset="utf-8"', 'text/plain; charset="utf-8"'),
        (None, "application/octet-stream"),
        ("", "application/octet-stream"),
        ("pdf", "application/octet-stream"),
        ("text/html\r\nSet-Cookie: a=b", "application/octet-stream"),
        ("text/html\n", "application/octet-stream"),
        ("text/ümlaut", "application/octet-stream"),
    ],
)
def test_a_media_type_is_told_as_it_stands_in_the_document_if_it_is_one(stored: str | None, told: str) -> None:
    assert media_type(stored) == told


@given(st.from_type(cast("type[str]", ContentType)))
def test_every_media_type_can_be_told(stored: str) -> None:
    media_type(stored).encode("ascii")


# Ranges and conditions


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (b"bytes=0-0", (0, 1)),
        (b"bytes=100-199", (100, 200)),
        (b"bytes=100-", (100, SIZE)),
        (b"bytes=-100", (SIZE - 100, SIZE)),
        (b"bytes=-99999", (0, SIZE)),
        (b"bytes=0-99999", (0, SIZE)),
        (b"bytes=1-" + b"9" * 5000, (1, SIZE)),
        (b"Bytes= 1-2 ", (1, 3)),
        (b"bytes=0-1,5-6", None),
        (b"bytes=2-1", None),
        (b"bytes=-", None),
        (b"bytes=a-b", None),
        (b"bytes", None),
        (b"lines=0-1", None),
        (b"", None),
    ],
)
def test_one_range_is_given_and_everything_else_is_the_whole(asked: bytes, expected: tuple[int, int] | None) -> None:
    assert span([(b"range", asked)], SIZE, TAG) == expected


@pytest.mark.parametrize(
    ("asked", "size"),
    [(b"bytes=1024-", SIZE), (b"bytes=%b-" % (b"9" * 5000), SIZE), (b"bytes=-0", SIZE), (b"bytes=0-", 0)],
)
def test_a_range_behind_the_end_is_refused_with_the_size(asked: bytes, size: int) -> None:
    with pytest.raises(Unsatisfiable) as refused:
        span([(b"range", asked)], size, TAG)
    status, headers, _ = errors.answer(refused.value, extended=False, correlation_id="c-1")
    assert status == 416
    assert (b"content-range", b"bytes */%d" % size) in headers


@pytest.mark.parametrize(
    ("condition", "is_kept"),
    [
        (TAG, True),
        (b"W/" + TAG, False),
        (b'"another"', False),
        (b"Sat, 29 Oct 1994 19:43:31 GMT", False),
    ],
)
def test_who_goes_on_is_sent_the_whole_if_it_is_another_file_by_now(condition: bytes, *, is_kept: bool) -> None:
    assert span([(b"range", b"bytes=1-2"), (b"if-range", condition)], SIZE, TAG) == ((1, 3) if is_kept else None)


def answered(method: str = "GET", size: int = SIZE, **headers: bytes) -> tuple[int, dict[bytes, bytes], int]:
    """Status, headers and how many bytes of a body."""
    asked = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    found = answer(method, asked, Held(DIGEST, "a.pdf"), size=size, content_type="application/pdf")
    return found.status, dict(found.headers), found.end - found.start


def test_a_file_is_told_with_all_that_a_client_needs_to_keep_it() -> None:
    status, headers, sent = answered()
    assert (status, sent) == (200, SIZE)
    assert headers == {
        b"etag": TAG,
        b"cache-control": b"no-cache",
        b"accept-ranges": b"bytes",
        b"content-type": b"application/pdf",
        b"x-content-type-options": b"nosniff",
        b"content-disposition": b"attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf",
        b"content-length": b"1024",
    }


def test_a_part_is_told_with_its_place() -> None:
    status, headers, sent = answered(range=b"bytes=1000-")
    assert (status, sent) == (206, 24)
    assert (headers[b"content-range"], headers[b"content-length"]) == (b"bytes 1000-1023/1024", b"24")


def test_head_is_told_of_the_whole_and_sent_nothing() -> None:
    status, headers, sent = answered("HEAD", range=b"bytes=1000-")
    assert (status, sent, headers[b"content-length"]) == (200, 0, b"1024")


@pytest.mark.parametrize("known", [TAG, b"W/" + TAG, b"*", b'"a", ' + TAG])
def test_what_a_client_has_is_not_sent_again_whatever_range_it_asks_for(known: bytes) -> None:
    status, headers, sent = answered(if_none_match=known, range=b"bytes=9999-")
    assert (status, sent, headers[b"etag"]) == (304, 0, TAG)


def test_who_wants_a_certain_file_is_not_given_another() -> None:
    assert answered(if_match=TAG)[0] == answered(if_match=b"*")[0] == 200
    for condition in (b'"another"', b"W/" + TAG):
        with pytest.raises(PreconditionFailed):
            answered(if_match=condition)


def test_an_empty_file_is_answered_with_nothing_in_it() -> None:
    status, headers, sent = answered(size=0, range=b"bytes=-5")
    assert (status, sent, headers[b"content-length"]) == (200, 0, b"0")


# Bytes


def call(receive: Receive, sent: list[Message]) -> Call:
    async def send(message: Message) -> None:
        sent.append(message)

    scope: HTTPScope = {"type": "http", "method": "GET", "headers": []}  # pyright: ignore[reportAssignmentType]
    return Call(scope, receive, send, OPERATIONS[0], (), Query({}))


async def waiting() -> HTTPReceiveMessage:  # pyright: ignore[reportReturnType]
    """A client that says nothing more."""
    await asyncio.Event().wait()


def stored(pieces: Sequence[bytes], closed: list[bool]) -> Callable[[int, int], AsyncIterator[bytes]]:
    async def read(_start: int, _end: int) -> AsyncGenerator[bytes]:
        try:
            for piece in pieces:
                await asyncio.sleep(0)  # noqa: TID251  # a turn of the loop, as a store takes one
                yield piece
        finally:
            closed.append(True)

    return read


WHOLE = answer("GET", [], Held(DIGEST, "a.pdf"), size=SIZE, content_type=None)


async def test_a_file_is_sent_piece_by_piece() -> None:
    sent: list[Message] = []
    closed: list[bool] = []
    pieces = [CONTENT[at : at + 100] for at in range(0, SIZE, 100)]
    await send_file(call(waiting, sent), WHOLE, stored(pieces, closed))
    assert [message.get("body") for message in sent[1:]] == [*pieces, b""]
    assert [message.get("more_body") for message in sent[1:]] == [True] * len(pieces) + [False]
    assert closed == [True]


async def test_nothing_is_said_while_the_store_can_still_refuse() -> None:
    async def read(_start: int, _end: int) -> AsyncGenerator[bytes]:
        raise Unavailable("The blob store is away.")
        yield b""

    sent: list[Message] = []
    with pytest.raises(Unavailable):
        await send_file(call(waiting, sent), WHOLE, read)
    assert sent == []


async def test_a_store_that_fails_in_the_middle_is_told_by_its_name() -> None:
    async def read(_start: int, _end: int) -> AsyncGenerator[bytes]:
        yield b"a"
        raise Unavailable("The blob store is away.")

    sent: list[Message] = []
    with pytest.raises(Unavailable):
        await send_file(call(waiting, sent), WHOLE, read)
    assert all(message.get("more_body", True) for message in sent), "what is not whole does not look whole"


async def test_nothing_more_is_read_for_a_client_that_left() -> None:
    async def left() -> HTTPReceiveMessage:
        return {"type": "http.disconnect"}

    sent: list[Message] = []
    closed: list[bool] = []
    with pytest.raises(Disconnected):
        await send_file(call(left, sent), WHOLE, stored([b"a"] * SIZE, closed))
    assert len(sent) < 10
    assert closed == [True]
