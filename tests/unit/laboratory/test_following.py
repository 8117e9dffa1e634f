"""The judges of lists and followers find what is lost, doubled or out of order, and nothing else."""

from math import inf

import pytest

from support.laboratory.following import (
    Announced,
    Message,
    Recorded,
    faults_at_the_end,
    faults_of_a_follower,
    faults_of_announcements,
    faults_of_last_lists,
    faults_of_lists,
    faults_of_messages,
    faults_of_the_journal,
    resolved,
)
from support.laboratory.history import UNTOLD, Call, Kind, Listed

DOCUMENT = "urn:cold:ann:1"


def event(position: int, revision: int, *values: str, fact: str = "replaced", document: str = DOCUMENT) -> Recorded:
    return Recorded(position, document, revision, fact, frozenset(values))


def write(kind: Kind, status: int, value: str = "", *, revision: int = 0, position: int = 0, at: float = 0) -> Call:
    return Call(
        client="ann",
        document=DOCUMENT,
        kind=kind,
        where="here",
        value=value,
        invoked=at,
        returned=at + 1 if status else inf,
        status=status,
        revision=revision,
        position=position,
        visibility="replicas",
    )


JOURNAL = (event(5, 1, "a", fact="created"), event(6, 2, "b"), event(7, 3, fact="removed"))
ANSWERED = (
    write("create", 201, "a", revision=1, position=5),
    write("put", 204, "b", revision=2, position=6),
    write("remove", 204, position=7),
)


def test_a_journal_that_has_what_was_acknowledged_is_in_order() -> None:
    assert list(faults_of_the_journal(JOURNAL, [*ANSWERED, write("put", UNTOLD, "c"), write("put", 412, "d")])) == []


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ((JOURNAL[0], JOURNAL[2]), "position 7 comes after 5"),
        ((JOURNAL[0], event(6, 3, "b"), event(7, 4, fact="removed")), "revision 3 comes after 1"),
        (JOURNAL[:2], "remove  was acknowledged at 7 and is not there"),
        ((JOURNAL[0], event(6, 2, "x"), JOURNAL[2]), "put b was acknowledged at 6 and is not there"),
        ((*JOURNAL, event(8, 4, "a", fact="created")), "a was written at 5 and again at 8"),
    ],
    ids=["a gap", "a revision is missing", "a removal is missing", "another value", "twice"],
)
def test_a_journal_that_is_not_so_is_found(events: tuple[Recorded, ...], fault: str) -> None:
    assert any(fault in found for found in faults_of_the_journal(events, ANSWERED))


def test_what_was_refused_and_stands_is_found() -> None:
    (found,) = faults_of_the_journal(JOURNAL, [write("put", 412, "b")])
    assert "b was refused with 412 and is there" in found


def test_what_nobody_answered_happened_where_the_journal_has_it_or_never() -> None:
    calls = [write("put", UNTOLD, "b"), write("put", UNTOLD, "lost"), write("remove", UNTOLD), ANSWERED[0]]
    assert [(call.value, call.revision) for call in resolved(calls, JOURNAL)] == [("b", 2), ("", 0), ("a", 1)]


def listed(*documents: str, at: float) -> Listed:
    return Listed(client="ann", documents=frozenset(documents), invoked=at, returned=at + 1)


def test_a_list_shows_what_was_acknowledged_before_it_was_asked_for() -> None:
    calls = [write("create", 201, at=0), write("remove", 204, at=10)]
    assert list(faults_of_lists(calls, [listed(DOCUMENT, at=2), listed(at=0.5), listed(DOCUMENT, at=10.5)])) == []
    assert [fault for fault in faults_of_lists(calls, [listed(at=2)]) if "is not in the list" in fault]
    assert [fault for fault in faults_of_lists(calls, [listed(DOCUMENT, at=12)]) if "was removed" in fault]


def test_the_last_list_shows_what_stands() -> None:
    assert list(faults_of_last_lists(JOURNAL, [listed(at=20)])) == []
    assert list(faults_of_last_lists(JOURNAL[:2], [listed(DOCUMENT, at=20)])) == []
    assert len([*faults_of_last_lists(JOURNAL, [listed(DOCUMENT, at=20)])]) == 1
    assert len([*faults_of_last_lists(JOURNAL[:2], [listed(at=20)])]) == 1


@pytest.mark.parametrize(
    ("positions", "faults"),
    [
        ([5, 6, 7], 0),
        ([5, 6, 5, 6, 7], 0),
        ([5, 7], 1),
        ([5, 7, 6], 1),
        ([5, 6], 1),
        ([], 1),
    ],
    ids=["all", "a batch again", "one is skipped", "one is late", "the last is missing", "nothing"],
)
def test_a_follower_is_told_everything_in_order(positions: list[int], faults: int) -> None:
    assert len([*faults_of_a_follower("it", positions, {5, 6, 7}, after=4)]) == faults


def told(*positions: int) -> list[Message]:
    return [Message(position, DOCUMENT) for position in positions]


@pytest.mark.parametrize(
    ("sessions", "faults"),
    [
        ([told(5, 6, 7)], 0),
        ([told(5, 6), told(5, 6, 7)], 0),
        ([told(5), told(7)], 0),
        ([told(5, 7)], 1),
        ([told(6, 5, 7)], 1),
        ([told(5, 6)], 1),
    ],
    ids=[
        "all",
        "a batch again",
        "lost with the broker",
        "one is skipped",
        "a document goes back",
        "the last is missing",
    ],
)
def test_a_subscriber_is_told_everything_while_the_broker_lives(sessions: list[list[Message]], faults: int) -> None:
    assert len([*faults_of_messages(sessions, {5, 6, 7})]) == faults


def test_announcements_join_within_a_generation() -> None:
    joined = [Announced("a", 4, 5), Announced("a", 5, 6), Announced("b", 6, 7)]
    assert list(faults_of_announcements(joined, {5, 6, 7})) == []
    assert len([*faults_of_announcements([Announced("a", 4, 5), Announced("a", 6, 7)], {5, 6, 7})]) == 1
    assert len([*faults_of_announcements(joined[:2], {5, 6, 7})]) == 1


def test_everybody_shows_what_the_journal_ends_with() -> None:
    gone, there = write("read", 404), write("read", 200, "b", revision=2)
    assert list(faults_at_the_end(JOURNAL, [gone])) == []
    assert list(faults_at_the_end(JOURNAL[:2], [there])) == []
    assert len([*faults_at_the_end(JOURNAL, [there])]) == 1
    assert len([*faults_at_the_end(JOURNAL[:2], [gone])]) == 1
