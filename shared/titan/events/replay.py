"""A document as the journal tells it: what it was when it was last stored as a whole, and every change since."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct

from titan.codec import within
from titan.codec.parts import join
from titan.codec.within import LostError
from titan.events.facts import CHANGES, ELEMENT_CREATED, ELEMENT_REMOVED, PATCHED, REMOVED, Patch
from titan.metamodel import paths


class Told(Struct, frozen=True):
    """What an event tells of its document."""

    key: bytes
    fact: str
    path: str
    blobs: bool
    body: bytes


_PATCH = msgspec.json.Decoder(Patch)


class Replay:
    """Keeps a document as it is told, event by event. Takes a change for what it costs, not for the whole document."""

    def __init__(self) -> None:
        self.blobs = False
        self.removed = False
        self._head = b""
        self._branches: list[bytes] | None = None
        self._names: list[str] = []

    def __call__(self, told: Told) -> None:
        """Do what the next event tells.

        Raises:
            LostError: where it changes what is not there.
        """
        if told.fact in CHANGES:
            self._change(told)
            self.blobs |= told.blobs
            return
        self.removed = told.fact == REMOVED
        self.blobs, self._head, self._branches = told.blobs, told.body, None

    @property
    def body(self) -> bytes:
        """The canonical bytes; empty where the document was removed."""
        return b"".join(join(self._head, [b",".join(self._branches)] if self._branches else ()))

    def _change(self, told: Told) -> None:
        if self._branches is None:
            self._branches = [bytes(branch) for branch in within.children(self._head)]
            self._names = within.names(self._branches)
            self._head = within.with_children(self._head, ())
        if told.fact == PATCHED:
            patch = _PATCH.decode(told.body)
            if patch.head is not UNSET:
                self._head = bytes(patch.head)
            for name, element in patch.elements.items():
                self._branches[self._index(name)] = bytes(element)
            return
        name, *rest = paths.parse(told.path)
        if rest:
            index = self._index(name)
            self._branches[index] = _told(self._branches[index], rest, told)
        elif told.fact == ELEMENT_CREATED:
            self._branches.append(told.body)
            self._names.append(str(name))
        elif told.fact == ELEMENT_REMOVED:
            index = self._index(name)
            del self._branches[index], self._names[index]
        else:
            self._branches[self._index(name)] = told.body

    def _index(self, name: str | int) -> int:
        if name not in self._names:
            raise LostError(str(name))
        return self._names.index(str(name))


def _told(branch: bytes, path: Sequence[str | int], told: Told) -> bytes:
    if told.fact == ELEMENT_CREATED:
        return within.add(branch, path[:-1], told.body)
    if told.fact == ELEMENT_REMOVED:
        return within.remove(branch, path)
    return within.put(branch, path, told.body)
