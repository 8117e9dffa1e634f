"""What the server promises of files: those of elements, and thumbnails of shells, over HTTP."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest

from support.asking import Plain, document, path_of, prop, put, refused
from support.processes import Titan
from support.waiting import eventually
from titan.codec.ids import encode_id
from titan.metamodel.kinds import SHELL, SUBMODEL

Names = Callable[[], str]

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 4000
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 3000


class Holder:
    """A submodel with elements of which one is a File, and a shell that refers to it."""

    def __init__(self, client: httpx.Client, names: Names) -> None:
        self.client = client
        file = {"modelType": "File", "idShort": "Manual"}
        blob = {"modelType": "Blob", "idShort": "Blob"}
        linked = {"modelType": "File", "idShort": "Linked", "value": "https://example.com/manual.pdf"}
        submodel = document(SUBMODEL, names(), submodelElements=[file, blob, linked, prop("Speed")])
        put(client, SUBMODEL, submodel)
        shell = document(SHELL, names())
        shell["submodels"] = [{"type": "ModelReference", "keys": [{"type": "Submodel", "value": submodel["id"]}]}]
        put(client, SHELL, shell)
        self.submodel = path_of(SUBMODEL, submodel["id"])
        self.shell = path_of(SHELL, shell["id"])
        self.way = f"{self.shell}/submodels/{encode_id(submodel['id'])}"
        self.element = f"{self.submodel}/submodel-elements/Manual"
        self.attachment = f"{self.element}/attachment"
        self.thumbnail = f"{self.shell}/asset-information/thumbnail"

    def send(
        self, content: bytes, name: str = "manual.pdf", *, at: str = "", kind: str | None = None
    ) -> httpx.Response:
        file = (name, content, kind) if kind else (name, content)
        return self.client.put(at or self.attachment, files={"file": file}, data={"fileName": name})

    def shown(self) -> Plain:
        return self.client.get(self.element).json()


@pytest.fixture
def holder(client: httpx.Client, names: Names) -> Holder:
    return Holder(client, names)


def contents(strict: Titan) -> set[str]:
    """Digests of the contents in the store."""
    return {path.name for path in Path(strict.log.parent).rglob("*") if path.is_file() and len(path.name) == 64}


def test_a_file_comes_back_as_it_was_sent(holder: Holder) -> None:
    sent = holder.send(PDF)
    assert (sent.status_code, sent.content) == (204, b"")
    assert "titan-position" in sent.headers
    digest = hashlib.sha256(PDF).hexdigest()
    assert holder.shown() == {
        "modelType": "File",
        "idShort": "Manual",
        "contentType": "application/pdf",
        "value": f"/attachments/{digest}/manual.pdf",
    }
    for url in (holder.attachment, f"{holder.way}/submodel-elements/Manual/attachment"):
        got = holder.client.get(url)
        assert (got.status_code, got.content) == (200, PDF)
        assert got.headers["content-type"] == "application/pdf"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-disposition"].startswith('attachment; filename="manual.pdf"')
        assert got.headers["etag"] == f'"{digest}"'


def test_a_file_is_sent_in_ranges_and_only_where_it_is_wanted(holder: Holder) -> None:
    holder.send(PDF)
    tag = holder.client.get(holder.attachment).headers["etag"]
    part = holder.client.get(holder.attachment, headers={"range": "bytes=100-199", "if-range": tag})
    assert (part.status_code, part.content) == (206, PDF[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(PDF)}"
    rest = holder.client.get(holder.attachment, headers={"range": f"bytes={len(PDF) - 7}-"})
    assert (rest.status_code, rest.content) == (206, PDF[-7:])
    beyond = holder.client.get(holder.attachment, headers={"range": f"bytes={len(PDF)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(PDF)}"
    another = holder.client.get(holder.attachment, headers={"range": "bytes=0-9", "if-range": '"another"'})
    assert (another.status_code, another.content) == (200, PDF)
    assert holder.client.get(holder.attachment, headers={"if-none-match": tag}).status_code == 304
    head = holder.client.head(holder.attachment)
    assert (head.status_code, head.content, int(head.headers["content-length"])) == (200, b"", len(PDF))


@pytest.mark.parametrize("what", ["attachment", "thumbnail"])
def test_a_file_is_taken_only_where_none_is_if_that_is_asked(holder: Holder, what: str) -> None:
    at = holder.attachment if what == "attachment" else holder.thumbnail
    nothing = {"if-none-match": "*"}
    assert holder.client.put(at, files={"file": ("a.png", PNG)}, headers=nothing).status_code == 204
    refused(holder.client.put(at, files={"file": ("b.pdf", PDF)}, headers=nothing), 412)
    refused(holder.client.delete(at, headers=nothing), 412)
    assert holder.client.get(at).content == PNG


NAMES = {
    "a quote": ('a"b.pdf', 'a"b.pdf'),
    "umlauts": ("Prüfbericht Ä.pdf", "Prüfbericht Ä.pdf"),
    "folders": ("../../etc/passwd", "passwd"),
    "windows folders": ("C:\\temp\\x.pdf", "x.pdf"),
    "a new line": ("a\r\nx-evil: 1.pdf", "a__x-evil: 1.pdf"),
    "percent": ("100%25.pdf", "100%25.pdf"),
}


@pytest.mark.parametrize(("sent", "kept"), NAMES.values(), ids=NAMES)
def test_names_of_files_are_kept_as_far_as_they_are_safe(holder: Holder, sent: str, kept: str) -> None:
    answer = holder.client.put(holder.attachment, files={"file": ("part.bin", PDF)}, data={"fileName": sent})
    assert answer.status_code == 204
    assert unquote(holder.shown()["value"].rpartition("/")[2]) == kept
    got = holder.client.get(holder.attachment)
    assert got.content == PDF
    assert "x-evil" not in got.headers
    assert f"filename*=UTF-8''{quote(kept, safe='!#$&+-.^_`|~')}" in got.headers["content-disposition"]


def test_the_type_is_the_one_that_was_said_or_that_of_the_name_and_never_sniffed(holder: Holder) -> None:
    for name, said, expected in (
        ("a.bin", "image/svg+xml", "image/svg+xml"),
        ("a.png", None, "image/png"),
        ("unknown.zzz", None, "application/octet-stream"),
        ("page", "text/html; charset=utf-8", "text/html; charset=utf-8"),
    ):
        assert holder.send(PNG, name, kind=said).status_code == 204
        assert holder.shown()["contentType"] == expected
        assert holder.client.get(holder.attachment).headers["content-type"] == expected


def test_only_a_file_has_an_attachment(holder: Holder) -> None:
    for name in ("Blob", "Speed"):
        at = f"{holder.submodel}/submodel-elements/{name}/attachment"
        refused(holder.client.get(at), 405)
        refused(holder.send(PDF, at=at), 405)
        refused(holder.client.delete(at), 405)


def test_a_file_that_is_not_here_is_not_found(holder: Holder) -> None:
    for name in ("Manual", "Linked", "Missing"):
        at = f"{holder.submodel}/submodel-elements/{name}/attachment"
        refused(holder.client.get(at), 404)
        refused(holder.client.delete(at), 404)
    refused(holder.send(PDF, at=f"{holder.submodel}/submodel-elements/Missing/attachment"), 404)
    refused(holder.client.get(holder.thumbnail), 404)
    refused(holder.client.delete(holder.thumbnail), 404)


def test_a_file_that_is_removed_is_gone_and_its_element_stays(holder: Holder) -> None:
    holder.send(PDF)
    answer = holder.client.delete(holder.attachment)
    assert (answer.status_code, answer.content) == (200, b"")
    refused(holder.client.get(holder.attachment), 404)
    assert holder.shown() == {"modelType": "File", "idShort": "Manual", "contentType": "application/pdf"}


def test_whoever_reads_a_file_that_is_replaced_has_the_old_one_whole(holder: Holder) -> None:
    large = bytes(range(256)) * 40_000
    holder.send(large)
    with holder.client.stream("GET", holder.attachment) as reading:
        pieces = reading.iter_raw(65_536)
        first = next(pieces)
        with httpx.Client(base_url=holder.client.base_url) as other:
            assert other.put(holder.attachment, files={"file": ("new.pdf", PDF)}).status_code == 204
            assert other.get(holder.attachment).content == PDF
        assert first + b"".join(pieces) == large


def test_a_form_without_a_file_is_refused(holder: Holder) -> None:
    refused(holder.client.put(holder.attachment, files={"other": ("a", b"a")}), 400)
    refused(holder.client.put(holder.attachment, json={}), 415)
    assert "value" not in holder.shown()


def test_an_upload_that_breaks_off_leaves_nothing(holder: Holder, strict: Titan) -> None:
    before = contents(strict)
    url = urlsplit(strict.url)
    with socket.create_connection((url.hostname or "", url.port or 0)) as line:
        line.sendall(
            f"PUT {holder.attachment} HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n"
            "content-type: multipart/form-data; boundary=b\r\n\r\n"
            '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
            + b"half" * 50_000
        )
    assert eventually(lambda: holder.client.get("/health/live").status_code == 200)
    assert "value" not in holder.shown()
    assert contents(strict) == before


def test_a_thumbnail_is_put_shown_and_removed(holder: Holder) -> None:
    assert holder.send(PNG, "pump.png", at=holder.thumbnail).status_code == 204
    got = holder.client.get(holder.thumbnail)
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, PNG, "image/png")
    digest = hashlib.sha256(PNG).hexdigest()
    information = holder.client.get(f"{holder.shell}/asset-information").json()
    expected = {"path": f"/attachments/{digest}/pump.png", "contentType": "image/png"}
    assert information["defaultThumbnail"] == expected
    assert holder.client.delete(holder.thumbnail).status_code == 204
    refused(holder.client.get(holder.thumbnail), 404)


def test_shells_share_one_content(client: httpx.Client, names: Names, strict: Titan) -> None:
    holders = [Holder(client, names) for _ in range(2)]
    shared = PNG + names().encode()
    for one in holders:
        assert one.send(shared, "pump.png", at=one.thumbnail).status_code == 204
    assert hashlib.sha256(shared).hexdigest() in contents(strict)
    assert holders[0].client.delete(holders[0].thumbnail).status_code == 204
    assert client.get(holders[1].thumbnail).content == shared


def test_files_of_many_megabytes_pass_through_little_memory(holder: Holder, strict: Titan) -> None:
    boundary, size = "b0undary", 96 << 20
    block = bytes(range(256)) * 1024

    def form() -> Iterator[bytes]:
        yield f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'.encode()
        for _ in range(size // len(block)):
            yield block
        yield f"\r\n--{boundary}--\r\n".encode()

    before = peak_bytes(strict)
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    assert holder.client.put(holder.attachment, content=form(), headers=headers).status_code == 204
    digest, received = hashlib.sha256(), 0
    with holder.client.stream("GET", holder.attachment) as reading:
        for piece in reading.iter_raw():
            digest.update(piece)
            received += len(piece)
    assert received == size
    assert digest.hexdigest() == holder.shown()["value"].split("/")[2]
    assert peak_bytes(strict) - before < size // 3


def peak_bytes(strict: Titan) -> int:
    """Most memory that the worker has ever had, as Linux tells it."""
    (together,) = strict.processes("together")
    peaks = [Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0] for pid in together.workers]
    return sum(map(int, peaks)) * 1024
