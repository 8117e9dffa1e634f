"""What documents and runs of elements look like in each view, piece by piece; pure, on canonical bytes.

A run is elements joined by commas, as a chunk holds them. Only values are decoded, element by element.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Raw

from titan.codec.json import encode, stored_element
from titan.codec.metadata import metadata, metadata_of_each
from titan.codec.paths import paths
from titan.codec.value import values
from titan.codec.views import reference, references_of_each, shape, shape_branches
from titan.codec.within import children
from titan.metamodel.kinds import SUBMODEL, Subject
from titan.read.modifiers import Modifiers

_ELEMENTS = msgspec.json.Decoder(list[Raw])


def document_viewed(
    subject: Subject, pieces: Sequence[bytes], chosen: Modifiers, *, has_blobs: bool
) -> Iterator[bytes]:
    """Give the pieces of a view of a document, which is there in pieces too; paths without brackets around them."""
    match chosen.content:
        case "metadata":
            yield metadata(_head(pieces))
        case "reference":
            yield reference(subject.kind, subject.id)
        case "value":
            yield b"{"
            yield from _joined(run_viewed(subject.id, run, chosen, has_blobs=has_blobs) for run in _runs(pieces))
            yield b"}"
        case "path":
            yield from _joined(run_viewed(subject.id, run, chosen, has_blobs=has_blobs) for run in _runs(pieces))
        case _:
            yield from _shaped(subject, pieces, chosen, has_blobs=has_blobs)


def run_viewed(submodel_id: str, run: bytes, chosen: Modifiers, *, has_blobs: bool) -> bytes:
    """Give a view of top-level elements: entries joined by commas; members of an object where values are wanted."""
    match chosen.content:
        case "metadata":
            return metadata_of_each(run)
        case "reference":
            return references_of_each(submodel_id, run)
        case "path":
            return paths(run, core=chosen.core)
        case "value":
            elements = [stored_element(bytes(element)) for element in _ELEMENTS.decode(b"[%b]" % run)]
            members = values(elements, core=chosen.core, blobs=chosen.blobs)
            return b",".join([b"%b:%b" % (encode(name), value) for name, value in members])
        case _:
            if chosen.core or (has_blobs and not chosen.blobs):
                return shape_branches(run, core=chosen.core, blobs=chosen.blobs)
            return run


def _shaped(subject: Subject, pieces: Sequence[bytes], chosen: Modifiers, *, has_blobs: bool) -> Iterator[bytes]:
    if subject.kind is not SUBMODEL or not (chosen.core or (has_blobs and not chosen.blobs)):
        yield from pieces
    elif len(pieces) == 1:
        yield shape(pieces[0], core=chosen.core, blobs=chosen.blobs)
    else:
        for at, piece in enumerate(pieces):
            is_run = _is_run(at, piece)
            yield shape_branches(piece, core=chosen.core, blobs=chosen.blobs) if is_run else piece


def _head(pieces: Sequence[bytes]) -> bytes:
    return pieces[0] if len(pieces) == 1 else pieces[0] + b"}"


def _runs(pieces: Sequence[bytes]) -> Iterator[bytes]:
    if len(pieces) == 1:
        yield b",".join(children(pieces[0]))
    else:
        yield from (piece for at, piece in enumerate(pieces) if _is_run(at, piece))


def _is_run(at: int, piece: bytes) -> bool:
    # Only the chunks among the pieces begin with an element; the first piece is the head.
    return at > 0 and piece.startswith(b"{")


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    separator = b""
    for piece in pieces:
        if piece:
            yield separator
            yield piece
            separator = b","
