"""A form is read as it arrives: in any order, in any pieces, never more of it than is allowed, never half."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.types import HTTPRequestEvent, HTTPScope, Receive

from titan.errors import Invalid, TitanError, TooLarge, Unsupported
from titan.http.multipart import MAX_HEADER_BYTES, MAX_PARTS, MAX_TEXT_BYTES, Form
from titan.http.requests import Disconnected

BOUNDARY = b"5h1p-it"
CONTENT = b"%PDF-1.7\r\n--5h1p\r\n\x00\xff" * 50


def part(head: str, content: bytes) -> bytes:
    return b"--%b\r\n%b\r\n\r\n%b\r\n" % (BOUNDARY, head.encode(), content)


def field(name: str, text: str) -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', text.encode())


def file(name: str = "manual.pdf", *more: str, content: bytes = CONTENT) -> bytes:
    return part("\r\n".join((f'Content-Disposition: form-data; name="file"; filename="{name}"', *more)), content)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--%b--\r\n" % BOUNDARY


def scope_of(*headers: tuple[bytes, bytes], boundary: bytes = BOUNDARY) -> HTTPScope:
    kind = b"multipart/form-data; boundary=%b" % boundary
    return {"type": "http", "method": "PUT", "headers": [(b"content-type", kind), *headers]}  # pyright: ignore[reportReturnType]


def arriving(pieces: Sequence[bytes], *, whole: bool = True) -> Receive:
    """A request whose body comes in these pieces, and whose client leaves behind them if it is not whole."""
    left = [*pieces]

    async def receive() -> HTTPRequestEvent:
        if not left:
            return {"type": "http.disconnect"}  # pyright: ignore[reportReturnType]
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left) or not whole}

    return receive


def form_of(*pieces: bytes, limit_bytes: int = 1 << 20, whole: bool = True) -> Form:
    return Form(arriving(pieces, whole=whole), scope_of(), limit_bytes=limit_bytes)


async def content_of(read: Form) -> bytes:
    return b"".join([piece async for piece in read.file()])


@pytest.mark.parametrize("is_first", [True, False], ids=["name first", "name last"])
async def test_the_fields_may_come_in_any_order(*, is_first: bool) -> None:
    parts = [field("fileName", "Übersicht.pdf"), file("other.pdf", "Content-Type: application/pdf")]
    read = form_of(form(*(parts if is_first else reversed(parts))))
    assert await content_of(read) == CONTENT
    assert read.text("fileName") == "Übersicht.pdf"
    assert (read.file_name, read.content_type) == ("other.pdf", "application/pdf")


@given(cuts=st.lists(st.integers(0, 2000), max_size=30))
async def test_it_does_not_matter_how_a_form_is_cut(cuts: list[int]) -> None:
    sent = form(field("before", "1"), file(), field("after", "2"), field("after", "3"))
    marks = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    read = form_of(*(sent[start:end] for start, end in pairwise(marks)))
    assert await content_of(read) == CONTENT
    assert read.texts == {"before": ["1"], "after": ["2", "3"]}


async def test_an_empty_file_is_a_file() -> None:
    assert await content_of(form_of(form(file("empty.txt", content=b"")))) == b""


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ('filename="plain.txt"', "plain.txt"),
        ('filename="Prüfbericht.pdf"', "Prüfbericht.pdf"),
        ('filename="a%22b%0D%0Ac.txt"', 'a"b\r\nc.txt'),
        ('filename="a\\"b.txt"', 'a"b.txt'),
        ("filename*=UTF-8''Pr%C3%BCfbericht.pdf", "Prüfbericht.pdf"),
        ("filename=\"Pruefbericht.pdf\"; filename*=utf-8'de'Pr%C3%BCfbericht.pdf", "Prüfbericht.pdf"),
        ("filename*=iso-8859-1''Pr%FCfbericht.pdf", "Prüfbericht.pdf"),
        ('filename="half of a ;filename*=one.txt"', "half of a ;filename*=one.txt"),
    ],
)
async def test_a_name_is_understood_as_browsers_and_libraries_write_it(head: str, name: str) -> None:
    read = form_of(form(part(f'Content-Disposition: form-data; name="file"; {head}', CONTENT)))
    assert await content_of(read) == CONTENT
    assert read.file_name == name


async def test_a_part_need_not_say_what_it_is_called_or_what_it_is() -> None:
    read = form_of(form(part('Content-Disposition: form-data; name="file"', CONTENT)))
    assert await content_of(read) == CONTENT
    assert (read.file_name, read.content_type) == (None, None)


@pytest.mark.parametrize(
    "sent",
    [
        form(field("fileName", "manual.pdf")),
        form(),
        form(file("", content=b"")),
        form(file(), file()),
        form(part('Content-Disposition: form-data; name="attachment"; filename="a.bin"', b"\xff\xfe")),
        form(field("fileName", "x"), part("Content-Type: text/plain", b"nameless")),
        form(part("no header", b"")),
        form(file())[:-10],
        b"no form at all",
        b"--other\r\n",
        b"",
    ],
    ids=[
        "no file",
        "nothing",
        "none chosen",
        "two",
        "another field",
        "no disposition",
        "no header",
        "no end",
        "no form",
        "other boundary",
        "no body",
    ],
)
async def test_a_form_without_one_whole_file_is_refused(sent: bytes) -> None:
    with pytest.raises(Invalid):
        await content_of(form_of(sent))


async def test_a_file_as_large_as_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    limit = len(CONTENT)
    assert await content_of(form_of(form(file()), limit_bytes=limit)) == CONTENT
    with pytest.raises(TooLarge):
        await content_of(form_of(form(file()), limit_bytes=limit - 1))


async def test_what_is_announced_to_be_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        Form(arriving([]), scope_of((b"content-length", b"%d" % (3 << 20))), limit_bytes=1 << 20)
    with pytest.raises(TooLarge):
        Form(arriving([]), scope_of((b"content-length", b"9" * 5000)), limit_bytes=1 << 20)


@pytest.mark.parametrize(
    "sent",
    [
        form(*[field("fileName", "a")] * (MAX_PARTS + 1)),
        form(file("a.txt", *[f"X-{number}: 1" for number in range(20)])),
        form(file("a" * MAX_HEADER_BYTES)),
        b"--%b\r\nX: %b" % (BOUNDARY, b"a" * (2 * MAX_HEADER_BYTES)),
        form(field("fileName", "a" * (MAX_TEXT_BYTES + 1)), file()),
        form(field("a", "a" * MAX_TEXT_BYTES), file(), field("b", "a")),
        b"\r\n" * (2 << 20),
        form(file()) + b" " * (3 << 20),
    ],
    ids=["parts", "headers", "header", "endless header", "text", "texts", "before the form", "behind the form"],
)
async def test_nobody_makes_us_hold_or_read_more_than_a_form_needs(sent: bytes) -> None:
    with pytest.raises(TooLarge):
        await content_of(form_of(*(sent[at : at + 65536] for at in range(0, len(sent), 65536))))


@given(at=st.integers(0, len(form(file(), field("fileName", "a"))) - len("--\r\n") - 1))
async def test_the_end_of_a_file_is_told_only_when_the_form_is_whole(at: int) -> None:
    sent = form(file(), field("fileName", "a"))[:at]
    with pytest.raises(Disconnected):
        await content_of(form_of(sent, whole=False))
    with pytest.raises(Invalid):
        await content_of(form_of(sent))


async def test_pieces_are_passed_on_before_the_next_is_received() -> None:
    sent = form(file(content=b"a" * 1000))
    reading = form_of(sent[:500], whole=False).file()
    assert (await anext(reading)).startswith(b"aaa")
    await reading.aclose()


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ([(b"content-type", b"application/json")], Unsupported),
        ([(b"content-type", b"multipart/mixed; boundary=a")], Unsupported),
        ([], Unsupported),
        ([(b"content-type", b"multipart/form-data; boundary=a"), (b"content-encoding", b"gzip")], Unsupported),
        ([(b"content-type", b"multipart/form-data")], Invalid),
        ([(b"content-type", b"multipart/form-data; boundary=")], Invalid),
        ([(b"content-type", b'multipart/form-data; boundary=""')], Invalid),
        ([(b"content-type", b"multipart/form-data; boundary=" + b"a" * 300)], Invalid),
        ([(b"content-type", b"multipart/form-data; boundary=a"), (b"content-length", b"-1")], Invalid),
    ],
)
def test_a_body_that_is_no_form_is_refused(headers: list[tuple[bytes, bytes]], kind: type[TitanError]) -> None:
    scope: HTTPScope = {"type": "http", "headers": headers}  # pyright: ignore[reportAssignmentType]
    with pytest.raises(kind):
        Form(arriving([]), scope, limit_bytes=10)


@pytest.mark.parametrize("written", [b"abc", b'"abc"', b'"a c"', b"abc; charset=utf-8"])
async def test_a_boundary_may_be_quoted(written: bytes) -> None:
    boundary = written.partition(b";")[0].strip(b'"')
    sent = form(file()).replace(BOUNDARY, boundary)
    read = Form(arriving([sent]), scope_of(boundary=written), limit_bytes=1 << 20)
    assert await content_of(read) == CONTENT.replace(BOUNDARY, boundary)


async def test_bytes_that_are_encoded_for_mail_are_refused() -> None:
    with pytest.raises(Unsupported):
        await content_of(form_of(form(file("a.txt", "Content-Transfer-Encoding: base64"))))


@given(st.binary(max_size=400))
async def test_nothing_that_is_sent_raises_anything_but_our_errors(sent: bytes) -> None:
    try:
        await content_of(form_of(sent.replace(b"B", b"\r\n--" + BOUNDARY + b"\r\n")))
    except TitanError:
        return
