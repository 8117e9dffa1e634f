"""Finished responses in memory: bounded, forgotten by subject, and never kept when they may be old already."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.read.memory import OVERHEAD_BYTES, Entry, Memory

ONE = OVERHEAD_BYTES + len(b"/k0") + 100
"""What one entry of `keep` costs."""


def entry(*subjects: bytes, body: bytes = b"x" * 100) -> Entry:
    return Entry(etag=b'"1"', headers=(), body=body, subjects=subjects)


def keep(memory: Memory, key: bytes, *subjects: bytes, body: bytes = b"x" * 100) -> Entry:
    made = entry(*subjects, body=body)
    memory.end(memory.begin(subjects), key=key, entry=made)
    return made


def test_what_was_loaded_is_kept() -> None:
    memory = Memory(ONE * 10)
    kept = keep(memory, b"/k0", b"a")
    assert memory.get(b"/k0") is kept
    assert memory.size_bytes == ONE
    assert list(memory.subjects()) == [b"a"]


def test_what_shows_a_subject_is_forgotten_with_it_and_nothing_else_is() -> None:
    memory = Memory(ONE * 10)
    keep(memory, b"/k0", b"a")
    keep(memory, b"/k1", b"a", b"b")
    keep(memory, b"/k2", b"b")
    memory.forget([b"a"])
    assert [memory.get(key) is not None for key in (b"/k0", b"/k1", b"/k2")] == [False, False, True]
    assert list(memory.subjects()) == [b"b"]
    assert memory.size_bytes == ONE


def test_a_load_under_way_when_its_subject_is_announced_is_not_kept() -> None:
    memory = Memory(ONE * 10)
    load = memory.begin((b"a",))
    memory.forget([b"a"])
    memory.end(load, key=b"/k0", entry=entry(b"a"))
    assert len(memory) == 0


def test_a_load_of_something_else_is_kept() -> None:
    memory = Memory(ONE * 10)
    load = memory.begin((b"a",))
    memory.forget([b"b"])
    memory.end(load, key=b"/k0", entry=entry(b"a"))
    assert len(memory) == 1


def test_a_load_that_begins_after_the_announcement_is_kept() -> None:
    memory = Memory(ONE * 10)
    early = memory.begin((b"a",))
    memory.forget([b"a"])
    late = memory.begin((b"a",))
    fresh = entry(b"a")
    memory.end(late, key=b"/k0", entry=fresh)
    memory.end(early, key=b"/k0", entry=entry(b"a"))
    assert memory.get(b"/k0") is fresh


def test_clearing_drops_everything_and_spoils_what_is_under_way() -> None:
    memory = Memory(ONE * 10)
    keep(memory, b"/k0", b"a")
    load = memory.begin((b"b",))
    memory.clear()
    memory.end(load, key=b"/k1", entry=entry(b"b"))
    assert (len(memory), memory.size_bytes, list(memory.subjects())) == (0, 0, [])


def test_a_load_that_failed_keeps_nothing() -> None:
    memory = Memory(ONE * 10)
    memory.end(memory.begin((b"a",)))
    assert (len(memory), memory.size_bytes) == (0, 0)


def test_the_oldest_makes_room() -> None:
    memory = Memory(ONE * 4)
    for number in range(6):
        keep(memory, b"/k%d" % number, b"a")
    assert [number for number in range(6) if memory.get(b"/k%d" % number)] == [2, 3, 4, 5]
    assert memory.size_bytes == ONE * 4


def test_what_was_asked_for_again_survives_once() -> None:
    memory = Memory(ONE * 4)
    first = keep(memory, b"/k0", b"a")
    for number in range(1, 4):
        keep(memory, b"/k%d" % number, b"a")
    first.used = True
    keep(memory, b"/k4", b"a")
    assert [number for number in range(5) if memory.get(b"/k%d" % number)] == [0, 2, 3, 4]
    for number in range(5, 9):
        keep(memory, b"/k%d" % number, b"a")
    assert memory.get(b"/k0") is None


def test_what_would_fill_a_quarter_of_memory_is_not_kept() -> None:
    memory = Memory(ONE * 4)
    keep(memory, b"/k0", b"a", body=b"x" * 101)
    assert len(memory) == 0
    keep(memory, b"/k0", b"a")
    assert len(memory) == 1


def test_a_memory_without_room_keeps_nothing() -> None:
    memory = Memory(0)
    keep(memory, b"/k0", b"a", body=b"")
    assert len(memory) == 0


def test_a_second_representation_counts() -> None:
    memory = Memory(ONE * 4)
    kept = [keep(memory, b"/k%d" % number, b"a") for number in range(4)]
    memory.grown(b"/k3", kept[3], 60)
    assert memory.size_bytes == ONE * 3 + 60
    assert memory.get(b"/k0") is None


def test_a_second_representation_of_what_was_forgotten_does_not_count() -> None:
    memory = Memory(ONE * 4)
    kept = keep(memory, b"/k0", b"a")
    memory.forget([b"a"])
    memory.grown(b"/k0", kept, 60)
    assert memory.size_bytes == 0


def test_what_is_kept_anew_replaces_what_was_kept() -> None:
    memory = Memory(ONE * 4)
    keep(memory, b"/k0", b"a")
    again = keep(memory, b"/k0", b"b")
    assert memory.get(b"/k0") is again
    memory.forget([b"a"])
    assert memory.get(b"/k0") is again
    assert memory.size_bytes == ONE


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.integers(0, 5), st.integers(0, 400)),
        st.tuples(st.just("use"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("grow"), st.integers(0, 5), st.integers(0, 400)),
        st.tuples(st.just("forget"), st.integers(0, 2), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_never_holds_more_bytes_than_it_may_and_counts_them_right(steps: list[tuple[str, int, int]]) -> None:
    memory = Memory(ONE * 5)
    for step, number, size in steps:
        key = b"/k%d" % number
        kept = memory.get(key)
        match step:
            case "keep":
                keep(memory, key, b"%d" % (number % 3), body=b"x" * size)
            case "use" if kept:
                kept.used = True
            case "grow" if kept:
                memory.grown(key, kept, size)
            case _:
                memory.forget([b"%d" % number])
        assert memory.size_bytes <= ONE * 5
        held = [found for found in (memory.get(b"/k%d" % each) for each in range(6)) if found]
        assert memory.size_bytes == sum(each.size for each in held)
        assert set(memory.subjects()) == {subject for each in held for subject in each.subjects}


@pytest.mark.parametrize("number", range(3))
def test_forgetting_what_nothing_shows_is_nothing(number: int) -> None:
    memory = Memory(ONE * 4)
    for kept in range(number):
        keep(memory, b"/k%d" % kept, b"a")
    memory.forget([b"b", b"list:submodel"])
    assert len(memory) == number
