"""A document in parts, so that a change costs what the change is large, not what the document is.

A small document is one part. A large submodel is a head, which is all of it but its elements, and chunks: runs of
neighbouring branches, a branch being one top-level element with all below it. `submodelElements` is the last member of
a canonical submodel, so the whole is the head without its closing brace, the chunks, and the brackets around them.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct, structs

from titan.codec import within
from titan.codec.json import encode
from titan.metamodel.identifiables import Identifiable, Submodel

WHOLE_LIMIT_BYTES = 64 * 1024
"""A submodel up to this size is kept whole."""
CHUNK_BYTES = 16 * 1024
"""About the size of a chunk; a branch that is larger is a chunk by itself."""

_OPENING = b',"submodelElements":['
_CLOSING = b"]}"
_BLOB = b'"modelType":"Blob"'


class Chunk(Struct, frozen=True):
    """Neighbouring branches of a submodel."""

    id_shorts: tuple[str, ...]
    """Of the branches, in their order; empty where a leniently read branch has none."""
    body: bytes
    """The branches in canonical encoding, joined by commas, without brackets around them."""


class Parts(Struct, frozen=True):
    """What is stored of a document."""

    head: bytes
    """The whole document where there are no chunks."""
    chunks: tuple[Chunk, ...]
    blobs: bool
    """Whether there is a Blob anywhere, so that a view without their values differs."""


def parts(document: Identifiable) -> Parts:
    """Take a document apart; `join` gives back its canonical encoding."""
    body = encode(document)
    if len(body) <= WHOLE_LIMIT_BYTES or not isinstance(document, Submodel) or not document.submodel_elements:
        return Parts(head=body, chunks=(), blobs=has_blobs(body))
    head = encode(structs.replace(document, submodel_elements=None))
    branches = [encode(element) for element in document.submodel_elements]
    id_shorts = [element.id_short or "" for element in document.submodel_elements]
    return Parts(head=head, chunks=tuple(_chunks(id_shorts, branches)), blobs=has_blobs(body))


def parts_of(body: bytes) -> Parts:
    """Take a canonical submodel apart without understanding what is in it, as `parts` does."""
    branches = [bytes(branch) for branch in within.children(body)] if len(body) > WHOLE_LIMIT_BYTES else []
    if not branches:
        return Parts(head=body, chunks=(), blobs=has_blobs(body))
    chunks = tuple(_chunks(within.names(branches), branches))
    return Parts(head=within.with_children(body, ()), chunks=chunks, blobs=has_blobs(body))


def join(head: bytes, chunks: Sequence[bytes]) -> list[bytes]:
    """Give the pieces that make up the whole document when written one after the other."""
    if not chunks:
        return [head]
    pieces = [head[:-1], _OPENING]
    for chunk in chunks:
        pieces += (chunk, b",")
    pieces[-1] = _CLOSING
    return pieces


def has_blobs(body: bytes) -> bool:
    """Say whether a canonical body has a Blob anywhere.

    The quote after `modelType` is not escaped, so a string ends there, and what a colon follows is the name of a
    member; the metamodel has one name that ends so, and one class with that tag.
    """
    return _BLOB in body


def branches_of(chunk: Chunk) -> list[bytes]:
    """Give the branches of a chunk, one by one, without understanding them."""
    return [bytes(branch) for branch in msgspec.json.decode(b"[%b]" % chunk.body, type=list[msgspec.Raw])]


def replace_branch(chunk: Chunk, index: int, *, id_short: str, element: bytes) -> Chunk:
    """Put a canonical element in the place of the branch at that index of the chunk."""
    branches = branches_of(chunk)
    branches[index] = element
    id_shorts = (*chunk.id_shorts[:index], id_short, *chunk.id_shorts[index + 1 :])
    return Chunk(id_shorts=id_shorts, body=b",".join(branches))


def remove_branch(chunk: Chunk, index: int) -> Chunk | None:
    """Take a branch out; nothing is left of a chunk that had but one."""
    branches = branches_of(chunk)
    del branches[index]
    if not branches:
        return None
    return Chunk(id_shorts=chunk.id_shorts[:index] + chunk.id_shorts[index + 1 :], body=b",".join(branches))


def append_branch(chunk: Chunk, *, id_short: str, element: bytes) -> tuple[Chunk, ...]:
    """Put a canonical element behind the last branch, into a chunk of its own where this one is full."""
    if len(chunk.body) + len(element) >= CHUNK_BYTES:
        return (chunk, Chunk(id_shorts=(id_short,), body=element))
    return (Chunk(id_shorts=(*chunk.id_shorts, id_short), body=b"%b,%b" % (chunk.body, element)),)


def _chunks(id_shorts: Sequence[str], branches: Sequence[bytes]) -> Iterable[Chunk]:
    start = size = 0
    for index, branch in enumerate(branches):
        if start < index and size + len(branch) > CHUNK_BYTES:
            yield Chunk(id_shorts=tuple(id_shorts[start:index]), body=b",".join(branches[start:index]))
            start, size = index, 0
        size += len(branch)
    yield Chunk(id_shorts=tuple(id_shorts[start:]), body=b",".join(branches[start:]))
