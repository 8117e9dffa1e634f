"""Whether what clients saw of one document could have happened one after the other, each call at a moment of its time.

The search of Wing and Gong: take any call that nobody has to come before, do it to a document in thought, go on;
where it does not fit, go back. What was tried from the same calls and the same state is not tried again (Lowe). A call
of which nobody knows the outcome may have happened at any time after it was made, or never. What bounds the search is
that reads tell revisions: a document that is past what some call has still to see is a dead end, a value that was read
tells when it was written, and of the lost writes that nobody ever saw it doesn't matter which one filled a gap.

Linearizability is local: documents are judged one by one.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf

from msgspec import Struct, structs

from support.laboratory.history import Call, Kind

_PLACES = 3_000_000
"""How many places are looked at before a search is given up."""
_SHOWN = 14
_UNSEEN = "?"
"""What a lost write wrote that was never read."""
"""How many calls an excerpt has."""


class State(Struct, frozen=True):
    """How a document stands. A document that is removed keeps its revision."""

    revision: int = 0
    value: str | None = None
    """None where there is none."""

    def changed(self, value: str | None) -> "State":
        return State(self.revision + 1, value)


NEVER_WAS = State()


def happens(call: Call, state: State) -> State | None:
    """The state after a call that had the outcome it had; None where it could not have had it then."""
    exists = state.value is not None
    match call.kind:
        case "read":
            if call.status == 200:
                return state if exists and state.value == call.value and call.revision == state.revision else None
            return state if not exists else None
        case "create":
            return _either(call, state, takes=not exists, refusal=409, after=call.value)
        case "put":
            return _either(call, state, takes=True, refusal=-1, after=call.value)
        case "replace":
            return _either(call, state, takes=exists and call.expected == state.revision, refusal=412, after=call.value)
        case "patch":
            return _either(call, state, takes=exists, refusal=404, after=call.value)
        case "remove":
            return _either(call, state, takes=exists, refusal=404, after=None)


def _either(call: Call, state: State, *, takes: bool, refusal: int, after: str | None) -> State | None:
    if call.is_known and not call.is_done:
        # A precondition on a document that is not there may be told either way.
        refusals = {refusal, 404} if call.kind == "replace" and state.value is None else {refusal}
        return state if not takes and call.status in refusals else None
    if not takes:
        return None
    if call.revision and call.revision != state.revision + 1:
        return None
    if call.is_done and call.kind == "put" and (call.status == 201) != (state.value is None):
        return None
    return state.changed(after)


class Verdict(Struct, frozen=True):
    """What the search found."""

    is_linearizable: bool
    calls: int
    excerpt: str = ""
    """Of the place that no order gets past."""


def judge(calls: Sequence[Call], start: State = NEVER_WAS) -> Verdict:
    """Look for an order in which these calls on one document could have happened."""
    known = sorted((call for call in calls if call.is_known), key=lambda call: call.invoked)
    # A read without an answer says nothing.
    search = _Search(known, _placed(calls))
    if search.run(start):
        return Verdict(is_linearizable=True, calls=len(calls))
    return Verdict(is_linearizable=False, calls=len(calls), excerpt=search.excerpt())


def _placed(calls: Sequence[Call]) -> list[Call]:
    """The writes that nobody knows the outcome of: one that was read is known to be at that revision, or not at all."""
    seen = {call.value: call.revision for call in calls if call.kind == "read" and call.status == 200}
    untold = [call for call in calls if not call.is_known and call.kind != "read"]
    placed = [
        structs.replace(call, revision=seen[call.value]) if call.value in seen else structs.replace(call, value=_UNSEEN)
        for call in untold
    ]
    return sorted(placed, key=lambda call: call.invoked)


def _needed(call: Call) -> float:
    """The revision that a document must have for a call to happen as it did."""
    if call.kind == "read":
        return call.revision if call.status == 200 else inf
    return call.revision - 1 if call.is_done and call.revision else inf


class _Place(Struct, frozen=True):
    """How far a search has come: which calls have happened, and how the document stands."""

    done: int
    """A bit for each known call."""
    done_untold: int
    first: int
    """The first known call that has not happened."""
    state: State


class _Search:
    def __init__(self, known: Sequence[Call], untold: Sequence[Call]) -> None:
        self._known = known
        self._untold = untold
        self._needed = [_needed(call) for call in known]
        self._needed_from = [*accumulate(reversed(self._needed), min, initial=inf)][::-1]
        self._seen: set[tuple[int, int, State]] = set()
        self._deepest = _Place(0, 0, 0, NEVER_WAS)
        self._depth = -1

    def run(self, start: State) -> bool:
        whole = (1 << len(self._known)) - 1
        stack = [_Place(0, 0, 0, start)]
        while stack:
            place = stack.pop()
            if place.done == whole:
                return True
            if len(self._seen) > _PLACES:
                break
            if (depth := place.done.bit_count()) > self._depth:
                self._depth, self._deepest = depth, place
            # The last that is put on is tried first: what is known before what nobody knows.
            stack.extend(reversed(list(self._next(place))))
        return False

    def _next(self, place: _Place) -> Iterator[_Place]:
        latest, index = inf, place.first
        possible: list[int] = []
        needed = inf
        while index < len(self._known) and self._known[index].invoked <= latest:
            if not place.done >> index & 1:
                possible.append(index)
                latest = min(latest, self._known[index].returned)
                needed = min(needed, self._needed[index])
            index += 1
        if place.state.revision > min(needed, self._needed_from[index]):
            return
        for index in possible:
            call = self._known[index]
            if (after := happens(call, place.state)) is not None:
                yield from self._once(place.done | 1 << index, place.done_untold, place.first, after)
        alike: set[tuple[Kind, str, int, int]] = set()
        for index, call in enumerate(self._untold):
            if call.invoked > latest:
                break
            if place.done_untold >> index & 1:
                continue
            # Of several that would do the same, the one that was made first can do it whenever another could.
            shape = (call.kind, call.value, call.expected, call.revision)
            if shape not in alike and (after := happens(call, place.state)) is not None:
                alike.add(shape)
                yield from self._once(place.done, place.done_untold | 1 << index, place.first, after)

    def _once(self, done: int, done_untold: int, first: int, state: State) -> Iterator[_Place]:
        key = (done, done_untold, state)
        if key not in self._seen:
            self._seen.add(key)
            while done >> first & 1:
                first += 1
            yield _Place(done, done_untold, first, state)

    def excerpt(self) -> str:
        """Where the search came farthest: what had happened last, and what could not come next."""
        place = self._deepest
        left = [call for index, call in enumerate(self._known) if not place.done >> index & 1][: _SHOWN // 2]
        begin = left[0].invoked if left else inf
        before = [call for index, call in enumerate(self._known) if place.done >> index & 1][-_SHOWN // 2 :]
        unsure = [call for index, call in enumerate(self._untold) if not place.done_untold >> index & 1]
        lines = [
            f"{place.done.bit_count()} of {len(self._known)} calls fit; the document is then",
            f"at revision {place.state.revision} with {place.state.value!r}, and none of these can be next:",
            *(_told(call, begin) for call in left),
            "before them:",
            *(_told(call, begin) for call in before),
            f"{len(unsure)} calls of unknown outcome may still happen",
        ]
        return "\n".join(lines)


def _told(call: Call, begin: float) -> str:
    times = f"{(call.invoked - begin) * 1000:+9.1f} … {(call.returned - begin) * 1000:+9.1f} ms"
    asked = f"{call.kind} {call.value}" + (f" if {call.expected}" if call.expected else "")
    return f"  {times}  {call.client} at {call.where}: {asked} -> {call.status}, revision {call.revision}"
