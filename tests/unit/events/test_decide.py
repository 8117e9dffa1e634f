"""What a command means: given how the document stands, when it is asked for, then this happens or is refused."""

from datetime import UTC, datetime

import pytest

from titan.codec.parts import Chunk, Parts
from titan.errors import AlreadyExists, NotFound, PreconditionFailed, TitanError
from titan.events.commands import ALWAYS, Change, Command, Condition, Create, Put, Remove
from titan.events.decide import NEVER_WAS, Standing, body, decide, evolve, fact_name
from titan.events.facts import (
    ELEMENT_CREATED,
    ELEMENT_REPLACED,
    Changed,
    DocumentPut,
    DocumentRemoved,
    Event,
    Fact,
    Rows,
)
from titan.metamodel.kinds import SUBMODEL, Subject

SUBJECT = Subject(SUBMODEL, "https://example.com/submodels/1")
PARTS = Parts(head=b'{"id":"https://example.com/submodels/1"}', chunks=(), blobs=False)
CHUNK = Chunk(id_shorts=("Speed",), body=b'{"idShort":"Speed"}')

STANDS = Standing(revision=3, exists=True)
REMOVED = Standing(revision=4, exists=False)
ANY = Condition(frozenset())
NOTHING = Condition(None, frozenset())


CHANGED = Changed(ELEMENT_REPLACED, "Speed", b"{}", Rows(chunks=((2, CHUNK),), count=3), blobs=True)


ADDED = Changed(ELEMENT_CREATED, "Speed", b"{}", Rows(chunks=((2, CHUNK),), count=3), blobs=True)


def match(*revisions: int) -> Condition:
    return Condition(frozenset(revisions))


def none_match(*revisions: int) -> Condition:
    return Condition(None, frozenset(revisions))


def branch(condition: Condition = ALWAYS, *, fact: Changed = CHANGED) -> Change:
    return Change(lambda: fact, condition)


HAPPENS: dict[str, tuple[Standing, Command, Fact]] = {
    "a free identifier is taken": (NEVER_WAS, Create(PARTS), DocumentPut(PARTS, created=True)),
    "a removed identifier is free again": (REMOVED, Create(PARTS), DocumentPut(PARTS, created=True)),
    "what is put where nothing was is created": (NEVER_WAS, Put(PARTS), DocumentPut(PARTS, created=True)),
    "what is put where it was removed is created": (REMOVED, Put(PARTS), DocumentPut(PARTS, created=True)),
    "what is put where something stands replaces it": (STANDS, Put(PARTS), DocumentPut(PARTS, created=False)),
    "put, knowing the revision": (STANDS, Put(PARTS, match(3)), DocumentPut(PARTS, created=False)),
    "put, one of the known revisions": (STANDS, Put(PARTS, match(1, 3)), DocumentPut(PARTS, created=False)),
    "put, whatever stands": (STANDS, Put(PARTS, ANY), DocumentPut(PARTS, created=False)),
    "what stands is removed": (STANDS, Remove(), DocumentRemoved()),
    "removed, knowing the revision": (STANDS, Remove(match(3)), DocumentRemoved()),
    "removed, whatever stands": (STANDS, Remove(ANY), DocumentRemoved()),
    "put where nothing stands, as asked": (REMOVED, Put(PARTS, NOTHING), DocumentPut(PARTS, created=True)),
    "put where another revision stands, as asked": (
        STANDS,
        Put(PARTS, none_match(2)),
        DocumentPut(PARTS, created=False),
    ),
    "put where a revision was removed": (REMOVED, Put(PARTS, none_match(4)), DocumentPut(PARTS, created=True)),
    "a branch that is new, as asked": (STANDS, branch(NOTHING, fact=ADDED), ADDED),
    "a branch changes": (STANDS, branch(), CHANGED),
    "a branch, knowing the revision": (
        STANDS,
        branch(match(3)),
        CHANGED,
    ),
}

IS_REFUSED: dict[str, tuple[Standing, Command, type[TitanError]]] = {
    "an identifier that is taken": (STANDS, Create(PARTS), AlreadyExists),
    "put, knowing another revision": (STANDS, Put(PARTS, match(2)), PreconditionFailed),
    "put, knowing a revision of what never was": (NEVER_WAS, Put(PARTS, match(1)), PreconditionFailed),
    "put, knowing the revision that was removed": (REMOVED, Put(PARTS, match(4)), PreconditionFailed),
    "put where something must stand": (NEVER_WAS, Put(PARTS, ANY), PreconditionFailed),
    "put where something must stand, and was removed": (REMOVED, Put(PARTS, ANY), PreconditionFailed),
    "removing what never was": (NEVER_WAS, Remove(), NotFound),
    "removing what was removed": (REMOVED, Remove(), NotFound),
    "removing what never was, knowing a revision": (NEVER_WAS, Remove(match(1)), NotFound),
    "removing, knowing another revision": (STANDS, Remove(match(2)), PreconditionFailed),
    "put where nothing must stand": (STANDS, Put(PARTS, NOTHING), PreconditionFailed),
    "put where a revision must not stand": (STANDS, Put(PARTS, none_match(2, 3)), PreconditionFailed),
    "removing what must not be there": (STANDS, Remove(NOTHING), PreconditionFailed),
    "removing a revision that must not stand": (STANDS, Remove(none_match(3)), PreconditionFailed),
    "a branch that must not be there": (STANDS, branch(NOTHING), PreconditionFailed),
    "a branch of a revision that must not stand": (STANDS, branch(none_match(3), fact=ADDED), PreconditionFailed),
    "a branch of what never was": (NEVER_WAS, branch(), NotFound),
    "a branch of what was removed": (REMOVED, branch(), NotFound),
    "a branch, knowing another revision": (STANDS, branch(match(2, 4)), PreconditionFailed),
}


@pytest.mark.parametrize(("given", "when", "then"), HAPPENS.values(), ids=HAPPENS)
def test_a_command_makes_a_fact(given: Standing, when: Command, then: Fact) -> None:
    assert decide(SUBJECT, when, given) == then


@pytest.mark.parametrize(("given", "when", "then"), IS_REFUSED.values(), ids=IS_REFUSED)
def test_a_command_is_refused(given: Standing, when: Command, then: type[TitanError]) -> None:
    with pytest.raises(then):
        decide(SUBJECT, when, given)


def test_a_refusal_names_the_document() -> None:
    with pytest.raises(AlreadyExists, match=r"submodel with the identifier 'https://example\.com/submodels/1'"):
        decide(SUBJECT, Create(PARTS), STANDS)
    with pytest.raises(NotFound, match=r"no submodel with the identifier 'https://example\.com/submodels/1'"):
        decide(SUBJECT, Remove(), NEVER_WAS)


def test_a_precondition_that_fails_names_the_revision_that_stands() -> None:
    with pytest.raises(PreconditionFailed, match="is at revision 3"):
        decide(SUBJECT, Put(PARTS, match(2)), STANDS)
    with pytest.raises(PreconditionFailed, match="does not stand"):
        decide(SUBJECT, Put(PARTS, match(2)), NEVER_WAS)


def test_the_journal_keeps_the_whole_of_what_was_put_and_what_changed_of_a_branch() -> None:
    head, chunks = b'{"id":"a"}', (Chunk(("A", "B"), b'{"a":1},{"b":2}'), Chunk(("C",), b'{"c":3}'))
    assert body(DocumentPut(PARTS, created=True)) == PARTS.head
    whole = DocumentPut(Parts(head, chunks, blobs=False), created=False)
    assert body(whole) == b'{"id":"a","submodelElements":[{"a":1},{"b":2},{"c":3}]}'
    assert body(Changed(ELEMENT_REPLACED, "C", b'{"c":4}', Rows(chunks=((1, chunks[1]),), count=2))) == b'{"c":4}'
    assert body(DocumentRemoved()) == b""


def _event(standing: Standing, fact: Fact, *, skipped: int = 0) -> Event:
    return Event(
        position=9,
        key=SUBJECT.key,
        kind=SUBJECT.kind.name,
        id=SUBJECT.id,
        revision=standing.revision + 1 + skipped,
        created=1,
        fact=fact_name(fact),
        path="",
        chunk=-1,
        chunks=0,
        blobs=False,
        body=body(fact),
        caller="",
        trace="",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_revisions_go_on_through_removal_and_creation() -> None:
    standing = NEVER_WAS
    stood: list[Standing] = []
    for command in (Create(PARTS), Put(PARTS), Remove(), Create(PARTS), branch()):
        standing = evolve(standing, _event(standing, decide(SUBJECT, command, standing)))
        stood.append(standing)
    assert stood == [Standing(revision, revision != 3) for revision in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("skipped", [-1, 1])
def test_an_event_that_does_not_join_is_a_hole_in_the_journal(skipped: int) -> None:
    with pytest.raises(ValueError, match="Position 9"):
        evolve(STANDS, _event(STANDS, DocumentRemoved(), skipped=skipped))
