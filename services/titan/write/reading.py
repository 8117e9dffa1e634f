"""How bodies are read: how long they may be, and how strictly they are taken."""

from collections.abc import Sequence

from msgspec import Struct

from titan.errors import Fault
from titan.http.requests import body, header
from titan.http.routes import Call
from titan.observability.logs import logger

_log = logger("titan.write")


class Reading(Struct, frozen=True):
    """What the settings say of it; a request may ask for more or less strictness."""

    limit_bytes: int
    lenient: bool

    async def body(self, call: Call) -> bytes:
        """The bytes of a request that carries JSON.

        Raises:
            Unsupported, TooLarge, Invalid, Disconnected: as `titan.http.requests.body` says.
        """
        return await body(call.receive, call.scope, limit_bytes=self.limit_bytes)

    def is_lenient(self, call: Call) -> bool:
        """Whether broken rules are let through where nothing is lost by it."""
        asked = header(call.scope["headers"], b"titan-validation")
        return asked == b"lenient" if asked else self.lenient

    def tell(self, id: str, faults: Sequence[Fault]) -> None:
        """Log what was let through."""
        if faults:
            told = [f"{fault.path}: {fault.text} ({fault.rule})" for fault in faults]
            _log.warning("a document was let through leniently", id=id, faults=told)
