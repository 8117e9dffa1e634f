"""Topics and payloads of the bridge."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from titan.bridge.topics import payload, topic
from titan.codec.ids import decode_id
from titan.events.facts import CREATED, ELEMENT_REPLACED, Event
from titan.metamodel.kinds import SUBMODEL, Subject

AT = datetime(2026, 11, 24, 10, 30, 0, 250_000, tzinfo=UTC)


def event(identifier: str, *, fact: str = CREATED, path: str = "", at: datetime = AT) -> Event:
    return Event(
        position=7,
        key=Subject(SUBMODEL, identifier).key,
        kind=SUBMODEL.name,
        id=identifier,
        revision=3,
        created=2,
        fact=fact,
        path=path,
        chunk=-1,
        chunks=0,
        blobs=False,
        body=b'{"secret":1}',
        caller="somebody",
        trace="",
        at=at,
    )


@pytest.mark.parametrize(
    "identifier",
    ["urn:a", "https://example.com/a/b#c", "+/#/$SYS", "Prüfling Ä", "\U0001f600" * 2048],
    ids=["urn", "slashes", "wildcards", "umlauts", "longest"],
)
def test_a_topic_has_three_levels_whatever_the_identifier(identifier: str) -> None:
    prefix, kind, segment = topic(event(identifier)).split("/")
    assert (prefix, kind, decode_id(segment)) == ("titan", "submodel", identifier)
    assert not set("+#\0") & set(segment)
    assert len(topic(event(identifier)).encode()) < 65_535


def test_topics_can_stand_below_another_prefix() -> None:
    assert topic(event("a"), prefix="plant/7") == "plant/7/submodel/YQ"


def test_all_that_happens_to_a_document_has_one_topic() -> None:
    """A broker keeps the order of a topic and of nothing else."""
    assert topic(event("a", fact=CREATED)) == topic(event("a", fact=ELEMENT_REPLACED, path="Motor"))


def test_a_payload_says_what_happened_and_not_what_the_document_holds_or_who_did_it() -> None:
    assert payload(event("urn:a")) == (
        b'{"position":7,"revision":3,"kind":"submodel","id":"urn:a","fact":"created","at":"2026-11-24T10:30:00.250000Z"}'
    )


def test_a_payload_names_the_path_where_a_part_changed() -> None:
    assert msgspec.json.decode(payload(event("a", fact=ELEMENT_REPLACED, path="Motor.Speed")))["path"] == "Motor.Speed"


def test_a_payload_tells_the_time_in_utc_wherever_the_database_stands() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert payload(event("a", at=elsewhere)) == payload(event("a"))
