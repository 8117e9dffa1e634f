"""What a command means for a document as it stands, and what a document is after an event."""

from collections.abc import Sequence
from typing import assert_never

from msgspec import Struct

from titan.codec.parts import join
from titan.errors import AlreadyExists, NotFound, PreconditionFailed
from titan.events.commands import Change, Command, Condition, Create, Put, Remove
from titan.events.facts import (
    CREATED,
    ELEMENT_CREATED,
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
        PreconditionFailed: where the condition does not hold of what stands.
    """
    match command:
        case Create():
            if standing.exists:
                message = f"There is a {subject.kind.name} with the identifier {subject.id!r} already."
                raise AlreadyExists(message)
            return DocumentPut(parts=command.parts, created=True)
        case Put():
            require(command.condition, standing)
            require_none(command.condition, exists=standing.exists)
            return DocumentPut(parts=command.parts, created=not standing.exists)
        case Remove():
            _require_standing(subject, standing)
            require(command.condition, standing)
            require_none(command.condition, exists=standing.exists)
            return DocumentRemoved()
        case Change():
            _require_standing(subject, standing)
            require(command.condition, standing)
            fact = command.work()
            is_new = isinstance(fact, Changed) and fact.name == ELEMENT_CREATED
            require_none(command.condition, exists=not is_new)
            return fact
        case _:
            assert_never(command)


def _require_standing(subject: Subject, standing: Standing) -> None:
    if not standing.exists:
        message = f"There is no {subject.kind.name} with the identifier {subject.id!r}."
        raise NotFound(message)


def require(condition: Condition, standing: Standing) -> None:
    """Hold a condition against the revision that stands.

    Raises:
        PreconditionFailed: where it names others in `If-Match`, or this one in `If-None-Match`.
    """
    known, unknown = condition.if_match, condition.if_none_match
    if known is not None and not (standing.exists and (not known or standing.revision in known)):
        stands = f"is at revision {standing.revision}" if standing.exists else "does not stand"
        message = f"If-Match names another revision: the document {stands}."
        raise PreconditionFailed(message)
    if unknown and standing.exists and standing.revision in unknown:
        message = f"If-None-Match names the revision at which the document is: {standing.revision}."
        raise PreconditionFailed(message)


def require_none(condition: Condition, *, exists: bool) -> None:
    """Hold a condition against whether what is written is there.

    Raises:
        PreconditionFailed: where it is, and must not be.
    """
    if exists and condition.if_none_match is not None and not condition.if_none_match:
        message = "If-None-Match asks that there is nothing yet, and there is something."
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

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return len(self.head) + sum(map(len, self.chunks))


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
