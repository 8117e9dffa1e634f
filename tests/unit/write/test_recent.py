"""What a relay is told by its own process joins, or it asks the journal."""

from datetime import UTC, datetime

from titan.events.facts import Event
from titan.write.relay import BATCH, RECENT_EVENTS, Recent

AT = datetime(2026, 1, 1, tzinfo=UTC)


def _events(*positions: int) -> list[Event]:
    return [
        Event(position, b"k", "submodel", "id", 1, position, "created", "", -1, 0, False, b"{}", "", "", AT, 2)  # noqa: FBT003  # as the row has it
        for position in positions
    ]


def _leading(*positions: int) -> Recent:
    recent = Recent()
    recent.wanted = True
    recent.add(_events(*positions))
    return recent


def test_what_follows_is_given_once_and_in_order() -> None:
    recent = _leading(4, 5, 6)
    assert [event.position for event in recent.after(3)] == [4, 5, 6]
    assert recent.after(3) == []


def test_a_hole_is_left_to_the_journal() -> None:
    recent = _leading(4, 6)
    assert [event.position for event in recent.after(3)] == [4]
    assert recent.after(4) == []
    assert [event.position for event in recent.after(5)] == [6]


def test_what_was_passed_by_is_dropped() -> None:
    assert [event.position for event in _leading(1, 2, 3).after(2)] == [3]


def test_a_process_that_does_not_lead_keeps_nothing() -> None:
    recent = Recent()
    recent.add(_events(1))
    assert recent.after(0) == []


def test_what_is_kept_is_bounded_and_the_oldest_goes() -> None:
    recent = _leading(*range(1, RECENT_EVENTS + 11))
    assert recent.after(0) == []
    assert [event.position for event in recent.after(10)] == list(range(11, 11 + BATCH))
