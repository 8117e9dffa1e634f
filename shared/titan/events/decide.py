"""What a command means for a document as it stands, and what a document is after an event."""

from collections.abc import Sequence
from typing import assert_never

from msgspec import Struct

from titan.codec.parts import join
from titan.errors import AlreadyExists, NotFound, PreconditionFailed
from titan.events.commands import Change, Command, Create, Put, Remove
from titan.events.facts import (
    CREATED,
    REMOVED,
    REPLACED,
    Changed,
    DocumentPut,
    DocumentRemoved,
    Event,
    Fact,
)
from titan.metamodel.kinds import Subject


class Standing(Struct, frozen=True):
    """How a document stands: at which revision, and whether it is there."""

    revision: int = 0
    exists: bool = False


NEVER_WAS = Standing()


def decide(subject: Subject, command: Command, standing: Standing) -> Fact:
    """Say what the command makes happen.

    Raises:
        AlreadyExists: where a document is to be created that stands.
        NotFound: where a document is to be changed or removed that doesn't.
        PreconditionFailed: where the caller knew another revision than the one that stands.
    """
    match command:
        case Create():
            if standing.exists:
                message = f"There is a {subject.kind.name} with the identifier {subject.id!r} already."
                raise AlreadyExists(message)
            return DocumentPut(parts=command.parts, created=True)
        case Put():
            _require(command.if_match, standing)
            return DocumentPut(parts=command.parts, created=not standing.exists)
        case Remove():
            _require_standing(subject, standing)
            _require(command.if_match, standing)
            return DocumentRemoved()
        case Change():
            _require_standing(subject, standing)
            _require(command.if_match, standing)
            return command.work()
        case _:
            assert_never(command)


def _require_standing(subject: Subject, standing: Standing) -> None:
    if not standing.exists:
        message = f"There is no {subject.kind.name} with the identifier {subject.id!r}."
        raise NotFound(message)


def _require(if_match: frozenset[int] | None, standing: Standing) -> None:
    if if_match is None or (standing.exists and (not if_match or standing.revision in if_match)):
        return
    stands = f"is at revision {standing.revision}" if standing.exists else "does not stand"
    message = f"If-Match names another revision: the document {stands}."
    raise PreconditionFailed(message)


class Document(Struct, frozen=True):
    """A document as the journal's state keeps it."""

    key: bytes
    kind: str
    id: str
    revision: int
    position: int
    """Position of the event that last changed it."""
    created: int
    """Position of the event that created it."""
    removed: bool
    blobs: bool
    head: bytes
    chunks: tuple[bytes, ...] = ()

    @property
    def pieces(self) -> Sequence[bytes]:
        """The canonical bytes, in pieces that are to be joined."""
        return join(self.head, self.chunks) if self.chunks else (self.head,)


def fact_name(fact: Fact) -> str:
    """Name of the fact as it stands in the journal."""
    match fact:
        case DocumentPut():
            return CREATED if fact.created else REPLACED
        case DocumentRemoved():
            return REMOVED
        case Changed():
            return fact.name
        case _:
            assert_never(fact)


def body(fact: Fact) -> bytes:
    """Bytes of the fact as they stand in the journal."""
    match fact:
        case DocumentPut():
            if not fact.parts.chunks:
                return fact.parts.head
            return b"".join(join(fact.parts.head, [chunk.body for chunk in fact.parts.chunks]))
        case DocumentRemoved():
            return b""
        case Changed():
            return fact.body
        case _:
            assert_never(fact)


def evolve(standing: Standing, event: Event) -> Standing:
    """How the document stands after the event.

    Raises:
        ValueError: where the event does not follow on what stands: the journal has a hole.
    """
    if event.revision != standing.revision + 1:
        message = f"Position {event.position} is revision {event.revision} after {standing.revision}"
        raise ValueError(message)
    return Standing(revision=event.revision, exists=event.fact != REMOVED)
