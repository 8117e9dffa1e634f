"""A document as the journal tells it."""

import pytest

from support.histories import History
from titan.codec.json import encode
from titan.codec.parts import join
from titan.events.decide import body, fact_name
from titan.events.facts import BranchPut, DocumentRemoved
from titan.events.replay import LostError, Replay, Told, put_at
from titan.metamodel.elements import Entity, Property, SubmodelElementCollection, SubmodelElementList

CHILD = Property(id_short="New", value_type="xs:string", value="new")


def test_what_is_told_is_what_was_decided() -> None:
    """Over a made-up history: after each event the bytes are those that the parts make up."""
    history = History(5, documents=12)
    replays: dict[bytes, Replay] = {}
    branches = 0
    for _ in range(300):
        (recorded,) = history.take(1)
        fact, key = recorded.fact, recorded.subject.key
        path, blobs = (fact.path, fact.blobs) if isinstance(fact, BranchPut) else ("", False)
        replay = replays.setdefault(key, Replay())
        replay(Told(key, fact_name(fact), path, blobs, body(fact)))
        parts = history.parts_of(recorded.subject)
        assert replay.removed == isinstance(fact, DocumentRemoved) == (parts is None)
        if parts is not None:
            assert replay.body == b"".join(join(parts.head, [chunk.body for chunk in parts.chunks]))
        branches += isinstance(fact, BranchPut)
    assert branches > 30


@pytest.mark.parametrize(
    "holder",
    [
        SubmodelElementCollection(id_short="Holder", value=[CHILD]),
        Entity(id_short="Holder", entity_type="SelfManagedEntity", statements=[CHILD]),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_a_path_leads_through_every_element_that_has_elements(holder: SubmodelElementCollection | Entity) -> None:
    before = Property(id_short="New", value_type="xs:string", value="old")
    old = encode(holder).replace(encode(CHILD), encode(before))
    outer = b'{"modelType":"SubmodelElementCollection","idShort":"Outer","value":[%b]}'
    assert put_at(outer % old, ".Holder.New", encode(CHILD)) == outer % encode(holder)


def test_a_path_leads_through_lists_by_number() -> None:
    several = SubmodelElementList(type_value_list_element="Property", value=[CHILD, CHILD])
    assert put_at(encode(several), "[1]", b"{}").endswith(encode(CHILD) + b",{}]}")


def test_a_name_with_a_dot_is_found_whole() -> None:
    """Documents that were let through leniently may have any."""
    named = Property(id_short="A.B", value_type="xs:string", value="old")
    other = Property(id_short="A", value_type="xs:string", value="other")
    holder = SubmodelElementCollection(id_short="Holder", value=[other, named])
    assert put_at(encode(holder), ".A.B", b"{}").endswith(encode(other) + b",{}]}")


@pytest.mark.parametrize("path", [".Missing", "[0]", "[7]", ".New.Below", ".Ne", "[x]"])
def test_a_path_that_leads_nowhere_is_a_difference(path: str) -> None:
    holder = SubmodelElementCollection(id_short="Holder", value=[CHILD])
    with pytest.raises(LostError):
        put_at(encode(holder), path, b"{}") if path != "[0]" else put_at(encode(CHILD), path, b"{}")
