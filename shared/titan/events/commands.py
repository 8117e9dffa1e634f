"""What a caller wants done to a document."""

from collections.abc import Callable

from msgspec import Struct

from titan.codec.parts import Parts
from titan.events.facts import Changed, DocumentPut


class Create(Struct, frozen=True):
    """Store a document under an identifier that is free."""

    parts: Parts


class Put(Struct, frozen=True):
    """Store a document, whether or not it stands already."""

    parts: Parts
    if_match: frozenset[int] | None = None
    """Revisions that the caller knows; None where any will do, empty where the document must merely stand."""


class Remove(Struct, frozen=True):
    """Remove a document."""

    if_match: frozenset[int] | None = None
    """As in `Put`."""


class Change(Struct, frozen=True):
    """Change something in a document that stands."""

    work: Callable[[], DocumentPut | Changed]
    """Works out from the document, as it stands, what that comes to; or refuses, by an error of ours."""
    if_match: frozenset[int] | None = None
    """As in `Put`."""


Command = Create | Put | Remove | Change
