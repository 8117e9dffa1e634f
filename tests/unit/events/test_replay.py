"""A document as the journal tells it."""

from support.histories import History
from titan.codec.parts import join
from titan.events.decide import body, fact_name
from titan.events.facts import Changed, DocumentRemoved
from titan.events.replay import Replay, Told


def test_what_is_told_is_what_was_decided() -> None:
    """Over a made-up history: after each event the bytes are those that the parts make up."""
    history = History(5, documents=12)
    replays: dict[bytes, Replay] = {}
    branches = 0
    for _ in range(300):
        (recorded,) = history.take(1)
        fact, key = recorded.fact, recorded.subject.key
        path, blobs = (fact.path, fact.blobs) if isinstance(fact, Changed) else ("", False)
        replay = replays.setdefault(key, Replay())
        replay(Told(key, fact_name(fact), path, blobs, body(fact)))
        parts = history.parts_of(recorded.subject)
        assert replay.removed == isinstance(fact, DocumentRemoved) == (parts is None)
        if parts is not None:
            assert replay.body == b"".join(join(parts.head, [chunk.body for chunk in parts.chunks]))
        branches += isinstance(fact, Changed)
    assert branches > 30
