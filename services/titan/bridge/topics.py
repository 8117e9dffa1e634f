"""What a change of a document is called on the broker, and what is said of it. No I/O.

One topic a document, whatever happened to it: a broker keeps the order of a topic and of nothing else.
"""

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from titan.codec.ids import encode_id
from titan.events.facts import Event

PREFIX = "titan"


class Message(Struct, frozen=True, omit_defaults=True):
    """What a subscriber is told of a change; the document itself is read from the API."""

    position: int
    """Within the journal. It never falls within a topic, but where a message is repeated: one that is not above the
    last is a repeat."""
    revision: int
    """Within the document; goes on where an identifier is used again."""
    kind: str
    id: str
    fact: str
    """`created`, `replaced`, `removed`; `element-created`, `element-replaced`, `element-removed` or `patched`."""
    at: datetime
    """When it was committed, in UTC."""
    path: str = ""
    """idShortPath of what changed; left out where the whole document did."""


_encoder = msgspec.json.Encoder()


def topic(event: Event, *, prefix: str = PREFIX) -> str:
    """`titan/submodel/<identifier in base64url>`: no identifier can break out of its level or hold a wildcard."""
    return f"{prefix}/{event.kind}/{encode_id(event.id)}"


def payload(event: Event) -> bytes:
    """The `Message` as JSON."""
    return _encoder.encode(
        Message(
            position=event.position,
            revision=event.revision,
            kind=event.kind,
            id=event.id,
            fact=event.fact,
            at=event.at.astimezone(UTC),
            path=event.path,
        )
    )
