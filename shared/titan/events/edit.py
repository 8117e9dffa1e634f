"""What a change of an element makes of the state: thinking in bytes, so that it costs what the branch is large."""

from collections.abc import Sequence

from msgspec import UNSET, Raw, Struct

from titan.codec import within
from titan.codec.json import encode
from titan.codec.parts import Chunk, append_branch, branches_of, has_blobs, parts_of, remove_branch, replace_branch
from titan.events.decide import Document
from titan.events.facts import (
    ELEMENT_CREATED,
    ELEMENT_REMOVED,
    ELEMENT_REPLACED,
    PATCHED,
    Changed,
    DocumentPut,
    Patch,
    Rows,
)
from titan.metamodel.paths import Path, text


class Branch(Struct, frozen=True):
    """A document, without those of its chunks that do not hold the branch that was asked for."""

    revision: int
    position: int
    removed: bool
    blobs: bool
    head: bytes
    """The whole document where it has no chunks."""
    count: int
    """How many chunks it has."""
    ordinal: int | None
    """Of the chunk that is here: the one that holds the branch, or the last one where none does."""
    id_shorts: tuple[str, ...]
    """Of the branches of that chunk."""
    chunk: bytes
    """Those branches, joined by commas."""

    def find(self, path: Path) -> bytes:
        """Give the element at a path that begins with the branch.

        Raises:
            LostError: where it leads nowhere.
        """
        if not self.count:
            return within.find(self.head, path)
        return within.find(self._branch(str(path[0])), path[1:], came=path[:1])

    def parent(self, path: Path) -> bytes:
        """Give what holds the element at a path: the submodel without what is not here of it, or an element.

        Raises:
            LostError: where the path leads nowhere before its last step.
        """
        if len(path) > 1:
            return self.find(path[:-1])
        return within.with_children(self.head, branches_of(self._chunk)) if self.count else self.head

    def _branch(self, name: str) -> bytes:
        if name not in self.id_shorts:
            raise within.LostError(name)
        return branches_of(self._chunk)[self.id_shorts.index(name)]

    @property
    def _chunk(self) -> Chunk:
        return Chunk(id_shorts=self.id_shorts, body=self.chunk)

    # What follows gives the state after a change, or None where that cannot be told from one chunk.

    def _with(self, path: Path, branch: bytes | None) -> tuple[Chunk, ...] | None:
        """The chunk with another branch, without it, or with one more."""
        name = str(path[0])
        if name not in self.id_shorts:
            return append_branch(self._chunk, id_short=name, element=branch or b"")
        index = self.id_shorts.index(name)
        if branch is not None:
            return (replace_branch(self._chunk, index, id_short=name, element=branch),)
        left = remove_branch(self._chunk, index)
        return (left,) if left is not None else None

    def _rows(self, path: Path, branch: bytes | None) -> Rows | None:
        chunks = self._with(path, branch)
        if chunks is None or self.ordinal is None:
            return None
        numbered = tuple(enumerate(chunks, self.ordinal))
        if len(chunks) > 1:
            # The chunk that was full is as it was.
            numbered = numbered[1:]
        return Rows(chunks=numbered, count=self.count + len(chunks) - 1)

    def changed(self, fact: str, path: Path, element: bytes) -> Changed | None:
        """Say what a change at a path comes to; None where the whole document must be known for that.

        Args:
            fact: `element-created` at the end of what holds it, `element-replaced` or `element-removed`.
            path: Of the element.
            element: In canonical encoding; empty for a removal.

        Raises:
            LostError: where the path leads nowhere.
        """
        blobs = self.blobs or has_blobs(element)
        if not self.count:
            rows = whole(_told(self.head, path, fact, element))
        elif len(path) == 1:
            if fact != ELEMENT_CREATED:
                self._branch(str(path[0]))
            rows = self._rows(path, None if fact == ELEMENT_REMOVED else element)
        else:
            rows = self._rows(path, _told(self._branch(str(path[0])), path[1:], fact, element))
        if rows is None:
            return None
        return Changed(name=fact, path=text(path), body=element, rows=rows, blobs=blobs)


def _told(thing: bytes, path: Sequence[str | int], fact: str, element: bytes) -> bytes:
    if fact == ELEMENT_CREATED:
        return within.add(thing, path[:-1], element)
    return within.put(thing, path, element) if fact == ELEMENT_REPLACED else within.remove(thing, path)


def whole(body: bytes) -> Rows:
    """All rows of a submodel, from its canonical bytes."""
    parts = parts_of(body)
    return Rows(head=parts.head, chunks=tuple(enumerate(parts.chunks)), count=len(parts.chunks), anew=True)


def as_one(document: Document) -> Branch:
    """Take a document as if it were kept in one piece, for a change that concerns more than one chunk."""
    return Branch(
        revision=document.revision,
        position=document.position,
        removed=document.removed,
        blobs=document.blobs,
        head=b"".join(document.pieces),
        count=0,
        ordinal=None,
        id_shorts=(),
        chunk=b"",
    )


def patched(before: Document, put: DocumentPut) -> DocumentPut | Changed:
    """Say which branches of a large submodel differ, or store all of it where their names do not say which is which."""
    after = put.parts
    if not before.chunks or not after.chunks:
        return put
    old, branches = _all(before.chunks), _all([chunk.body for chunk in after.chunks])
    names = within.names(branches)
    # Of what was let through leniently, several may have one name, or none.
    if within.names(old) != names or len(set(names)) < len(names):
        return put
    new = dict(zip(names, branches, strict=True))
    differing = {name: Raw(branch) for name, was, branch in zip(names, old, branches, strict=True) if was != branch}
    chunks: list[tuple[int, Chunk]] = []
    for ordinal, body in enumerate(before.chunks):
        id_shorts = tuple(within.names(_all([body])))
        if any(name in differing for name in id_shorts):
            chunks.append((ordinal, Chunk(id_shorts=id_shorts, body=b",".join([new[name] for name in id_shorts]))))
    head = None if after.head == before.head else after.head
    patch = Patch(head=UNSET if head is None else Raw(head), elements=differing)
    rows = Rows(head=head, chunks=tuple(chunks), count=len(before.chunks))
    return Changed(name=PATCHED, path="", body=encode(patch), rows=rows, blobs=before.blobs or after.blobs)


def _all(chunks: Sequence[bytes]) -> list[bytes]:
    return [branch for body in chunks for branch in branches_of(Chunk(id_shorts=(), body=body))]
