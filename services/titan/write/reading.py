"""How bodies are read: how long they may be, how strictly they are taken, and what is kept outside of them."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from titan.errors import Fault
from titan.http.requests import body, header
from titan.http.routes import Call
from titan.metamodel.references import Part
from titan.observability.logs import logger
from titan.storage.blobs.store import Blobs, Claim
from titan.write.contents import Keeping

P = TypeVar("P", bound=Part)

_log = logger("titan.write")


class Reading(Struct, frozen=True):
    """What the settings say of it; a request may ask for more or less strictness."""

    limit_bytes: int
    lenient: bool
    blobs: Blobs
    claim: Claim
    threshold: int
    """Length of a Blob's value, in base64, above which it is kept outside the document."""

    async def body(self, call: Call) -> bytes:
        """The bytes of a request that carries JSON.

        Raises:
            Unsupported, TooLarge, Invalid, Disconnected: as `titan.http.requests.body` says.
        """
        return await body(call.receive, call.scope, limit_bytes=self.limit_bytes)

    async def kept(self, part: P, sent: bytes) -> P:
        """Give a part of a request with its large values stored, and markers in their place; claim what it names.

        Raises:
            Invalid: where a client sent a marker.
            Unavailable: where the blob store is away.
        """
        keeping = self.keeping(sent)

        async def keep() -> P:
            return keeping(part)

        return await keeping.during(keep)

    def keeping(self, sent: bytes) -> Keeping:
        """What keeps the large values in a request outside the document, and claims what it names."""
        return Keeping(self.blobs, self.claim, threshold=self.threshold, sent=sent)

    def is_lenient(self, call: Call) -> bool:
        """Whether broken rules are let through where nothing is lost by it."""
        asked = header(call.scope["headers"], b"titan-validation")
        return asked == b"lenient" if asked else self.lenient

    def tell(self, id: str, faults: Sequence[Fault]) -> None:
        """Log what was let through."""
        if faults:
            told = [f"{fault.path}: {fault.text} ({fault.rule})" for fault in faults]
            _log.warning("a document was let through leniently", id=id, faults=told)
