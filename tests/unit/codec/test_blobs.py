"""Values of Blobs outside the document, and back."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.codec.blobs import digests, externalised, is_marker, markers, refuse_markers, restored
from titan.codec.json import encode
from titan.codec.parts import CHUNK_BYTES, join, parts
from titan.errors import Invalid
from titan.metamodel.elements import Blob, Property, SubmodelElementCollection
from titan.metamodel.identifiables import Submodel

THRESHOLD = 100
CONTENT = bytes(range(256))
DIGEST = sha256(CONTENT).hexdigest()


def submodel(*values: str) -> Submodel:
    blobs = [Blob(id_short=f"b{at}", content_type="a/b", value=value) for at, value in enumerate(values)]
    nested = SubmodelElementCollection(id_short="c", value=[*blobs])
    plain = Property(id_short="p", value_type="xs:string", value="x" * 500)
    return Submodel(id="urn:x", submodel_elements=[plain, nested, Blob(id_short="last", content_type="a/b")])


def reading(contents: dict[str, bytes], size: int) -> Callable[[str], AsyncIterator[bytes]]:
    async def read(digest: str) -> AsyncIterator[bytes]:
        content = contents[digest]
        for at in range(0, len(content), size):
            yield content[at : at + size]

    return read


async def back(document: Submodel, contents: list[tuple[str, bytes]], size: int = 100) -> bytes:
    stored = parts(document)
    pieces = join(stored.head, [chunk.body for chunk in stored.chunks])
    return b"".join([piece async for piece in restored(pieces, reading(dict(contents), size))])


def test_a_large_value_is_taken_out_and_a_marker_stands_in_its_place() -> None:
    document = submodel(b64encode(CONTENT).decode(), "c21hbGw=")
    outside, contents = externalised(document, threshold=THRESHOLD)
    assert contents == [(DIGEST, CONTENT)]
    assert encode(outside) == encode(document).replace(b64encode(CONTENT), f"titan:sha256:{DIGEST}".encode())
    assert markers(encode(outside)) == {DIGEST}


def test_what_is_not_on_the_way_to_a_large_value_is_not_copied() -> None:
    document = submodel(b64encode(CONTENT).decode())
    outside, _ = externalised(document, threshold=THRESHOLD)
    assert document.submodel_elements
    assert outside.submodel_elements
    assert outside.submodel_elements[0] is document.submodel_elements[0]
    assert externalised(document, threshold=1000)[0] is document


@pytest.mark.parametrize(
    "value",
    [
        b64encode(CONTENT).decode().rstrip("="),
        b64encode(CONTENT).decode() + "\n",
        b64encode(CONTENT).decode()[:-3] + "9==",
        "é" * 200,
        "!" * 200,
    ],
    ids=["no padding", "white space", "bits that are left over", "not ASCII", "not base64"],
)
def test_a_value_that_would_not_come_back_as_it_is_stays(value: str) -> None:
    document = submodel(value)
    outside, contents = externalised(document, threshold=THRESHOLD)
    assert outside is document
    assert contents == []


def test_a_value_at_the_threshold_stays() -> None:
    value = b64encode(CONTENT).decode()
    assert externalised(submodel(value), threshold=len(value))[1] == []
    assert externalised(submodel(value), threshold=len(value) - 1)[1] != []


def test_the_same_value_twice_is_given_once() -> None:
    value = b64encode(CONTENT).decode()
    outside, contents = externalised(submodel(value, value), threshold=THRESHOLD)
    assert len(contents) == 1
    assert encode(outside).count(DIGEST.encode()) == 2


@given(st.lists(st.binary(max_size=2000), max_size=6), st.integers(1, 50))
async def test_what_was_taken_out_comes_back_byte_for_byte(contents: list[bytes], size: int) -> None:
    document = submodel(*[b64encode(content).decode() for content in contents])
    outside, taken = externalised(document, threshold=THRESHOLD)
    assert await back(outside, taken, size) == encode(document)


async def test_it_comes_back_in_a_document_of_several_chunks() -> None:
    elements = [
        Blob(id_short=f"b{at}", content_type="a/b", value=b64encode(at.to_bytes(2, "big") * 5000).decode())
        for at in range(CHUNK_BYTES // 64)
    ]
    document = Submodel(id="urn:x", submodel_elements=[*elements])
    outside, taken = externalised(document, threshold=THRESHOLD)
    assert len(taken) == len(elements)
    assert await back(outside, taken, 4096) == encode(document)


def test_a_client_sends_no_marker() -> None:
    marker = f"titan:sha256:{DIGEST}"
    for value in (marker, marker[:-1], "titan:sha256:"):
        with pytest.raises(Invalid, match="reserved for this server"):
            refuse_markers(encode(submodel(value)))
    for value in (f"see {marker}", f'"{marker}"', f"\\{marker}", "titan:sha25"):
        refuse_markers(encode(submodel(value)))
    assert is_marker(marker)


def test_a_marker_that_stood_there_may_stay() -> None:
    body = encode(submodel(f"titan:sha256:{DIGEST}"))
    refuse_markers(body, known=[body])
    with pytest.raises(Invalid):
        refuse_markers(encode(submodel(f"titan:sha256:{DIGEST[::-1]}")), known=[body])


def test_every_digest_that_a_body_refers_to_is_found() -> None:
    body = encode(submodel(f"titan:sha256:{DIGEST}")) + f'"path":"/attachments/{DIGEST[::-1]}/a%20b.pdf"'.encode()
    assert digests(body) == {DIGEST, DIGEST[::-1]}
    assert digests(b'"/attachments/' + b"a" * 63 + b'/x"') == set()


async def test_a_text_with_a_marker_in_it_is_no_marker() -> None:
    document = submodel(f'"titan:sha256:{DIGEST}"', f"titan:sha256:{DIGEST} ")
    assert await back(document, []) == encode(document)
