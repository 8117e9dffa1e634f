"""An environment around documents that are stored, written as they come: nothing is decoded, nothing is kept.

Spec: IDTA-01001, "Environment".
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from titan.metamodel.kinds import Kind

# A quote within a string is escaped, so nothing but a reference looks like this; the first key names what is referred
# to, be it a concept of this server or anything global that may be one.
_REFERRED = re.compile(rb'"keys":\[\{"type":"(?:ConceptDescription|GlobalReference)","value":("(?:[^"\\]|\\.)*")')
_STRING = msgspec.json.Decoder(str)


class Envelope(Protocol):
    """What carries documents: those of one kind after another, in the order of the standard's kinds."""

    def add(self, kind: Kind, pieces: Sequence[bytes]) -> Iterable[bytes]:
        """Give what the next document adds; `pieces` are those of its canonical encoding."""
        ...

    def end(self) -> bytes:
        """Give what closes it."""
        ...


class JsonEnvelope:
    """The JSON of an environment. Kinds of which there are no documents are left out."""

    def __init__(self) -> None:
        self._kind: Kind | None = None

    def add(self, kind: Kind, pieces: Sequence[bytes]) -> Iterator[bytes]:
        if kind is self._kind:
            yield b","
        else:
            yield b'%b"%b":[' % (b"{" if self._kind is None else b"],", kind.environment_field.encode())
            self._kind = kind
        yield from pieces

    def end(self) -> bytes:
        return b"{}" if self._kind is None else b"]}"


def referred(pieces: Iterable[bytes]) -> set[str]:
    """Give what the references in a canonical document refer to, as far as it may be a concept: identifiers.

    A piece holds whole references: documents are cut between elements.
    """
    return {_STRING.decode(value) for piece in pieces for value in _REFERRED.findall(piece)}
