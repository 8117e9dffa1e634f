"""The judge of the laboratory finds what is wrong, and nothing else."""

import random
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.laboratory.history import UNTOLD, Call, Kind
from support.laboratory.linearizable import NEVER_WAS, State, happens, judge


def call(kind: Kind, invoked: float, returned: float, status: int, value: str = "", **more: int) -> Call:
    return Call(
        client="a",
        document="d",
        where="here",
        kind=kind,
        value=value,
        invoked=invoked,
        returned=returned,
        status=status,
        revision=more.get("revision", 0),
        expected=more.get("expected", 0),
    )


def read(invoked: float, returned: float, value: str, revision: int) -> Call:
    return call("read", invoked, returned, 200, value, revision=revision)


CREATED = call("put", 0, 1, 201, "one", revision=1)
CHANGED = call("put", 2, 4, 204, "two", revision=2)

COULD_BE = {
    "a read beside a write shows either": [CREATED, CHANGED, read(2.5, 3, "two", 2), read(2.1, 2.4, "one", 1)],
    "a write without an answer may have happened": [
        CREATED,
        call("put", 2, inf, UNTOLD, "lost"),
        read(9, 10, "lost", 2),
    ],
    "or never": [CREATED, call("put", 2, inf, UNTOLD, "lost"), read(9, 10, "one", 1)],
    "or much later": [
        CREATED,
        call("put", 2, inf, UNTOLD, "lost"),
        read(3, 4, "one", 1),
        read(9, 10, "lost", 2),
    ],
    "what is removed is not there, and keeps its revision": [
        CREATED,
        call("remove", 2, 3, 204, revision=2),
        call("read", 4, 5, 404),
        call("create", 6, 7, 201, "again", revision=3),
        read(8, 9, "again", 3),
    ],
    "one of two that expect the same revision is refused": [
        CREATED,
        call("replace", 2, 5, 204, "mine", expected=1, revision=2),
        call("replace", 2, 5, 412, "yours", expected=1),
    ],
}

CANNOT_BE = {
    "a read of what was there before an acknowledged write": [CREATED, CHANGED, read(5, 6, "one", 1)],
    "a change that is seen and then taken back": [
        CREATED,
        call("put", 2, 9, 204, "two", revision=2),
        read(3, 4, "two", 2),
        read(5, 6, "one", 1),
    ],
    "two that expected the same revision and both succeeded": [
        CREATED,
        call("replace", 2, 5, 204, "mine", expected=1, revision=2),
        call("replace", 2, 5, 204, "yours", expected=1, revision=2),
    ],
    "a document that comes back after its removal": [
        CREATED,
        call("remove", 2, 3, 204, revision=2),
        read(4, 5, "one", 1),
    ],
    "an acknowledged write that is gone": [CREATED, call("read", 4, 5, 404)],
    "a creation of what was there": [CREATED, call("create", 2, 3, 201, "again", revision=2)],
    "a refusal of what nobody had created": [call("create", 0, 1, 409, "one")],
    "a value that nobody wrote": [CREATED, read(4, 5, "other", 1)],
    "a write of unknown outcome that is taken back": [
        CREATED,
        call("put", 2, inf, UNTOLD, "lost"),
        read(3, 4, "lost", 2),
        read(5, 6, "one", 1),
    ],
}


@pytest.mark.parametrize("name", COULD_BE)
def test_it_could_be(name: str) -> None:
    verdict = judge(COULD_BE[name])
    assert verdict.is_linearizable, verdict.excerpt


@pytest.mark.parametrize("name", CANNOT_BE)
def test_it_cannot_be(name: str) -> None:
    verdict = judge(CANNOT_BE[name])
    assert not verdict.is_linearizable
    assert "none of these can be next" in verdict.excerpt


KINDS: tuple[Kind, ...] = ("read", "read", "read", "put", "replace", "patch", "remove", "create")


def made_up(seed: int, count: int) -> list[Call]:
    """Calls as a document that is true to its word would answer them, many at a time, some answers lost."""
    chance = random.Random(seed)
    state, calls = NEVER_WAS, list[Call]()
    for number in range(count):
        at = number + chance.random()
        invoked, returned = at - chance.uniform(0, 6), at + chance.uniform(0, 6)
        asked = call(chance.choice(KINDS), invoked, returned, UNTOLD, f"v{number}", expected=state.revision)
        answered, state = _answered(asked, state, chance)
        lost = answered.kind != "read" and chance.random() < 0.05
        calls.append(asked if lost else answered)
    return calls


def _answered(asked: Call, state: State, chance: random.Random) -> tuple[Call, State]:
    exists = state.value is not None
    if asked.kind == "read":
        shown = read(asked.invoked, asked.returned, state.value or "", state.revision)
        return (shown if exists else call("read", asked.invoked, asked.returned, 404)), state
    expected = state.revision - (1 if asked.kind == "replace" and chance.random() < 0.3 else 0)
    more = {"expected": expected, "revision": state.revision + 1}
    for status in (201, 204, 409, 412, 404):
        tried = call(asked.kind, asked.invoked, asked.returned, status, asked.value, **more)
        if status == 204 and asked.kind == "create":
            continue
        if (status == 201) != (not exists) and status < 300 and asked.kind in {"put", "create"}:
            continue
        if (after := happens(tried, state)) is not None:
            return tried, after
    raise AssertionError(asked)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_what_really_happened_is_never_called_impossible(seed: int) -> None:
    verdict = judge(made_up(seed, 200))
    assert verdict.is_linearizable, verdict.excerpt


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_read_of_something_older_is_found_in_any_history(seed: int) -> None:
    calls = made_up(seed, 200)
    shown = [call for call in calls if call.kind == "read" and call.status == 200]
    newest = max(shown, key=lambda call: call.revision)
    oldest = min(shown, key=lambda call: call.revision)
    if newest.revision == oldest.revision:
        return
    late = read(1000, 1001, newest.value, newest.revision)
    stale = read(1002, 1003, oldest.value, oldest.revision)
    assert not judge([*calls, late, stale]).is_linearizable


def test_thousands_of_calls_are_judged() -> None:
    assert judge(made_up(1, 4000)).is_linearizable
