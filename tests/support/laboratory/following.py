"""Judges of lists and of followers of the journal: nothing lost, nothing twice, nothing out of order."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from support.laboratory.history import Call, Listed


class Recorded(Struct, frozen=True):
    """An event of the journal, as far as it matters here."""

    position: int
    document: str
    revision: int
    body: str


def faults_of_lists(calls: Iterable[Call], lists: Iterable[Listed]) -> Iterator[str]:
    """Lists of a client's own documents, held to what was acknowledged to it before it asked.

    A write that was answered before the read model knew it says so, and is not looked for.
    """
    by_client: dict[str, dict[str, list[Call]]] = {}
    for call in calls:
        if call.kind != "read":
            by_client.setdefault(call.client, {}).setdefault(call.document, []).append(call)
    for listed in lists:
        for document, writes in by_client.get(listed.client, {}).items():
            wanted = _wanted(writes, listed)
            if wanted is True and document not in listed.documents:
                yield f"{listed.client}: {document} was acknowledged and is not in the list"
            if wanted is False and document in listed.documents:
                yield f"{listed.client}: {document} was removed and is in the list"


def _wanted(writes: Sequence[Call], listed: Listed) -> bool | None:
    """Whether a document has to be in a list; None where it may or may not."""
    wanted: bool | None = None
    for call in writes:
        if call.invoked > listed.returned:
            break
        refused = call.is_known and not call.is_done
        if not refused:
            is_seen = call.is_done and call.returned <= listed.invoked and call.visibility != "journal"
            wanted = call.kind != "remove" if is_seen else None
    return wanted


def faults_of_the_journal(events: Sequence[Recorded], calls: Iterable[Call]) -> Iterator[str]:
    """Positions without gaps, revisions of a document one after the other, and every acknowledged write in it."""
    revisions: dict[str, int] = {}
    for number, event in enumerate(events):
        if number and event.position != events[number - 1].position + 1:
            yield f"position {event.position} comes after {events[number - 1].position}"
        if event.document in revisions and event.revision != revisions[event.document] + 1:
            yield f"{event.document}: revision {event.revision} comes after {revisions[event.document]}"
        revisions[event.document] = event.revision
    bodies = {(event.document, event.revision): event.body for event in events}
    for call in calls:
        if call.is_done and call.kind != "remove" and call.value not in bodies.get((call.document, call.revision), ""):
            yield f"{call.document}: revision {call.revision} with {call.value} was acknowledged and is not there"


def faults_of_a_follower(name: str, positions: Sequence[int], journal: Collection[int], *, after: int) -> Iterator[str]:
    """Each position behind `after` is told, first tellings in order; the end of a batch may be told again."""
    highest = after
    for position in positions:
        if position > highest:
            if missed := [other for other in range(highest + 1, position) if other in journal]:
                yield f"{name} told {position} before {missed}"
            highest = position
    if journal and highest < max(journal):
        yield f"{name} told nothing behind {highest}, and the journal ends at {max(journal)}"


def faults_at_the_end(
    events: Sequence[Recorded], shown: Mapping[str, Mapping[str, tuple[int, int]]], removed: Collection[str]
) -> Iterator[str]:
    """What every reader shows when all is quiet is what the journal ends with.

    Args:
        events: Of the journal.
        shown: By reader and document, status and revision.
        removed: Documents whose last event is their removal.
    """
    last = {event.document: event.revision for event in events}
    for reader, documents in shown.items():
        for document, (status, revision) in documents.items():
            expected = (404, 0) if document in removed or document not in last else (200, last[document])
            if (status, revision) != expected:
                yield f"{reader} shows {document} as {status} at revision {revision}, and it is {expected}"
