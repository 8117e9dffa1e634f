"""How much of a thing is wanted, and in which form.

Spec: IDTA-01002, "SerializationModifier": Content is the end of the path, Level and Extent are parameters.
"""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from titan.codec.blobs import restored
from titan.errors import Invalid
from titan.http.requests import etag, level_and_extent
from titan.http.routes import Call
from titan.storage.blobs.store import Blobs

Restore = Callable[[Sequence[bytes]], Awaitable[Sequence[bytes]]]
"""Puts values of Blobs that are kept elsewhere back into the pieces of an answer."""


class Modifiers(Struct, frozen=True):
    """Content, level and extent."""

    content: str
    """`metadata`, `value`, `reference` or `path`; empty for the thing itself."""
    core: bool = False
    """Direct children only."""
    blobs: bool = False
    """With the values of Blobs."""

    def etag(self, revision: int, *, has_blobs: bool) -> bytes:
        """The ETag of what is shown so of a document at a revision."""
        named = (("core", self.core), ("blobs", self.blobs and has_blobs))
        return etag(revision, "-".join([name for name, chosen in ((self.content, self.content), *named) if chosen]))


def modifiers(call: Call) -> Modifiers:
    """What a request for a submodel or for elements chooses; what cannot apply is passed over.

    Raises:
        Invalid: where a value is none of the standard's, or the metadata of a level is asked for.
    """
    content = call.operation.view
    match content:
        case "metadata":
            if call.query.first("level") is not None:
                raise Invalid("Metadata has no level: leave it out.", path="level")
            return Modifiers(content)
        case "reference":
            return Modifiers(content)
        case _:
            core, blobs = level_and_extent(call.query)
            return Modifiers(content, core=core, blobs=blobs and content != "path")


def restoring(blobs: Blobs) -> Restore:
    """Make what puts the large values of Blobs back, which are kept outside of what is stored."""

    async def restore(pieces: Sequence[bytes]) -> Sequence[bytes]:
        return [piece async for piece in restored(pieces, blobs.read)]

    return restore
