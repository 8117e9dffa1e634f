"""Judges of lists and of followers of the journal: nothing lost, nothing twice, nothing out of order."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct, structs

from support.laboratory.history import Call, Listed

REMOVED = "removed"


class Recorded(Struct, frozen=True):
    """An event of the journal, as far as it matters here."""

    position: int
    document: str
    revision: int
    fact: str
    values: frozenset[str]
    """Those that clients wrote, of which this event holds one; none in a removal."""
    kind: str = ""
    at: float = 0.0
    """When it was recorded, by the clock on the wall."""


class Message(Struct, frozen=True):
    """What a follower was told of one event."""

    position: int
    document: str


class Announced(Struct, frozen=True):
    """What a follower was told of several events that were made known together."""

    generation: str
    after: int
    upto: int


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
                yield f"{listed.client}: {document} was acknowledged and is not in the list at {listed.where}"
            if wanted is False and document in listed.documents:
                yield f"{listed.client}: {document} was removed and is in the list at {listed.where}"


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


def resolved(calls: Iterable[Call], events: Sequence[Recorded]) -> Iterator[Call]:
    """The calls, those of unknown outcome with what the journal knows of them.

    One whose value is there happened at that revision. One whose value is not there never happened; whoever was shown
    it was shown what nobody wrote, and a judge will say so. Of an unanswered removal nobody knows.
    """
    revisions = {value: event.revision for event in events for value in event.values}
    for call in calls:
        if call.is_known or call.kind in {"read", "remove"}:
            yield call
        elif call.value in revisions:
            yield structs.replace(call, revision=revisions[call.value])


def faults_of_the_journal(events: Sequence[Recorded], calls: Iterable[Call]) -> Iterator[str]:
    """Positions without gaps, revisions of a document one after the other, every value once, and what was answered."""
    revisions: dict[str, int] = {}
    positions: dict[str, int] = {}
    for number, event in enumerate(events):
        if number and event.position != events[number - 1].position + 1:
            yield f"position {event.position} comes after {events[number - 1].position}"
        if event.revision != revisions.get(event.document, 0) + 1:
            yield f"{event.document}: revision {event.revision} comes after {revisions.get(event.document, 0)}"
        revisions[event.document] = event.revision
        for value in event.values:
            if value in positions:
                yield f"{event.document}: {value} was written at {positions[value]} and again at {event.position}"
            positions[value] = event.position
    by_position = {event.position: event for event in events}
    for call in calls:
        if call.is_done and not _is_there(call, by_position.get(call.position)):
            yield f"{call.document}: {call.kind} {call.value} was acknowledged at {call.position} and is not there"
        if call.is_known and not call.is_done and call.kind != "read" and call.value in positions:
            yield f"{call.document}: {call.value} was refused with {call.status} and is there"


def _is_there(call: Call, event: Recorded | None) -> bool:
    """Whether an acknowledged write is the event at the position that it was told."""
    if event is None or event.document != call.document or call.revision not in {0, event.revision}:
        return False
    return event.fact == REMOVED if call.kind == "remove" else call.value in event.values


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


def faults_of_messages(told: Sequence[Sequence[Message]], journal: Collection[int]) -> Iterator[str]:
    """What a subscriber was told, session by session: within one nothing is left out, and a document goes forward.

    A broker that is killed takes with it what it had acknowledged and not passed on; sessions need not join.
    """
    known: set[int] = set()
    for session in told:
        seen = {message.position for message in session}
        if seen and (missed := [at for at in journal if min(seen) < at < max(seen) and at not in seen]):
            yield f"a subscriber was not told {missed}"
        highest: dict[str, int] = {}
        for message in session:
            if message.position not in known and message.position < highest.get(message.document, 0):
                yield f"a subscriber was told {message} after {highest[message.document]}"
            known.add(message.position)
            highest[message.document] = max(message.position, highest.get(message.document, 0))
    reached = max((message.position for session in told for message in session), default=0)
    if journal and reached < max(journal):
        yield f"a subscriber was told nothing behind {reached}, and the journal ends at {max(journal)}"


def faults_of_announcements(told: Sequence[Announced], journal: Collection[int]) -> Iterator[str]:
    """Announcements join, as long as they are of one generation; the last one comes to the end of the journal."""
    before: Announced | None = None
    for announced in told:
        if before is not None and announced.generation == before.generation and announced.after != before.upto:
            yield f"{announced} was announced after {before}"
        before = announced
    if journal and before is not None and before.upto < max(journal):
        yield f"{before} was announced last, and the journal ends at {max(journal)}"


def faults_at_the_end(events: Sequence[Recorded], shown: Iterable[Call]) -> Iterator[str]:
    """What every reader shows when all is quiet is what the journal ends with."""
    last = {event.document: event for event in events}
    for call in shown:
        event = last.get(call.document)
        expected = (404, 0) if event is None or event.fact == REMOVED else (200, event.revision)
        if (call.status, call.revision) != expected:
            found = call.status, call.revision
            yield f"{call.where} shows {call.document} as {found} at the end, and it is {expected}"


def faults_of_last_lists(events: Sequence[Recorded], lists: Iterable[Listed]) -> Iterator[str]:
    """What lists show when all is quiet is what stands: each has all that its client keeps, and nothing else."""
    standing = {event.document: event.fact != REMOVED for event in events}
    for listed in lists:
        own = frozenset(id for id, stands in standing.items() if stands and id.startswith(own_prefix(listed.client)))
        if listed.documents != own:
            yield (
                f"{listed.client}: at {listed.where} the last list lacks {sorted(own - listed.documents)} "
                f"and still has {sorted(listed.documents - own)}"
            )


def own_prefix(client: str) -> str:
    """What identifiers of documents begin with that a client keeps for itself."""
    return f"urn:cold:{client}:"
