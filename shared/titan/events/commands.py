"""What a caller wants done to a document."""

from collections.abc import Callable
from typing import Self

from msgspec import Struct, structs

from titan.codec.parts import Parts
from titan.events.facts import Changed, DocumentPut


class Condition(Struct, frozen=True):
    """What must hold of a document for a command to be carried out. Spec: RFC 9110, "Conditional Requests"."""

    if_match: frozenset[int] | None = None
    """Revisions that the caller knows; None where any will do, empty where the document must merely stand."""
    if_none_match: frozenset[int] | None = None
    """Revisions that must not stand; None where any may, empty where what is written must not be there at all."""

    @property
    def on_revisions(self) -> Self:
        """The same, but for whether what is written is there: who asks for this judges that."""
        return structs.replace(self, if_none_match=self.if_none_match or None)


ALWAYS = Condition()


class Create(Struct, frozen=True):
    """Store a document under an identifier that is free."""

    parts: Parts


class Put(Struct, frozen=True):
    """Store a document, whether or not it stands already."""

    parts: Parts
    condition: Condition = ALWAYS


class Remove(Struct, frozen=True):
    """Remove a document."""

    condition: Condition = ALWAYS


class Change(Struct, frozen=True):
    """Change something in a document that stands."""

    work: Callable[[], DocumentPut | Changed]
    """Works out from the document, as it stands, what that comes to; or refuses, by an error of ours."""
    condition: Condition = ALWAYS


Command = Create | Put | Remove | Change
