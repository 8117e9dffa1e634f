"""A document as the journal tells it: what it was when it was last stored as a whole, and every change since."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from titan.codec.json import encode
from titan.codec.within import CHILDREN
from titan.events.facts import BRANCH_PUT, REMOVED


class Told(Struct, frozen=True):
    """What an event tells of its document."""

    key: bytes
    fact: str
    path: str
    blobs: bool
    body: bytes


class LostError(ValueError):
    """A change is told of something that is not there."""


class _Named(Struct, rename="camel"):
    model_type: str
    id_short: str = ""


class _Submodel(Struct, rename="camel"):
    submodel_elements: list[Raw] = []


_NAMED = msgspec.json.Decoder(_Named)
_SUBMODEL = msgspec.json.Decoder(_Submodel)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ELEMENTS = msgspec.json.Decoder(list[Raw])


class Replay:
    """Keeps a document as it is told, event by event. Takes a change for what it costs, not for the whole document."""

    def __init__(self) -> None:
        self.blobs = False
        self.removed = False
        self._whole = b""
        self._branches: list[Raw] | None = None

    def __call__(self, told: Told) -> None:
        """Do what the next event tells.

        Raises:
            LostError: where it changes what is not there.
        """
        if told.fact == BRANCH_PUT:
            self._put(told)
            self.blobs |= told.blobs
            return
        self.removed = told.fact == REMOVED
        self.blobs, self._whole, self._branches = told.blobs, told.body, None

    @property
    def body(self) -> bytes:
        """The canonical bytes; empty where the document was removed."""
        if self._branches is None:
            return self._whole
        return b"%b%b]}" % (self._whole, b",".join(self._branches))

    def _put(self, told: Told) -> None:
        if self._branches is None:
            self._branches = _SUBMODEL.decode(self._whole).submodel_elements
            # They are the last member of a canonical submodel: what is left is what stands before them.
            self._whole = self._whole[: -len(b",".join(self._branches)) - 2]
        index, rest = _step(self._branches, told.path)
        self._branches[index] = Raw(put_at(bytes(self._branches[index]), rest, told.body))


def put_at(element: bytes, path: str, body: bytes) -> bytes:
    """Put a canonical element in the place of the one that a path leads to from here: `.Name`, `[3]` and so on.

    Raises:
        LostError: where the path leads nowhere.
    """
    if not path:
        return body
    members = _OBJECT.decode(element)
    field = CHILDREN.get(_NAMED.decode(element).model_type, "")
    if field not in members:
        raise LostError(path)
    children = _ELEMENTS.decode(members[field])
    index, rest = _step(children, path.removeprefix("."))
    children[index] = Raw(put_at(bytes(children[index]), rest, body))
    members[field] = Raw(b"[%b]" % b",".join(children))
    return encode(members)


def _step(children: list[Raw], path: str) -> tuple[int, str]:
    """Which of the children a path goes through, and what is left of it."""
    if path.startswith("["):
        number, _, rest = path[1:].partition("]")
        if number.isdecimal() and int(number) < len(children):
            return int(number), rest
        raise LostError(path)
    # By what stands there, not by a pattern: documents that were let through may have a dot in a name.
    names = (_NAMED.decode(child).id_short for child in children)
    ways = [(index, path[len(name) :]) for index, name in enumerate(names) if name and path.startswith(name)]
    return _longest((index, rest) for index, rest in ways if not rest or rest[0] in ".[")


def _longest(ways: Iterable[tuple[int, str]]) -> tuple[int, str]:
    way = min(ways, key=lambda way: len(way[1]), default=None)
    if way is None:
        raise LostError
    return way
