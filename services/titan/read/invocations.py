"""GET of how an invocation stands, and of what came of it.

Asked of the database each time: both tiers see the same rows, whichever process carries the operation out.
"""

from datetime import UTC, datetime

from titan.codec.invocation import STOPPED, failed, running, value_only
from titan.codec.json import encode
from titan.errors import NotFound
from titan.http.reached import reached
from titan.http.responses import JSON, Header, send_bytes
from titan.http.routes import Call
from titan.metamodel import paths
from titan.read.load import Load
from titan.storage.invocations import Invocations as Rows

NO_STORE: Header = (b"cache-control", b"no-store")


class Invocations:
    """Serves invocations."""

    def __init__(self, rows: Rows, load: Load, *, external_url: str) -> None:
        self._rows = rows
        self._load = load
        self._external_url = external_url.rstrip("/")

    async def status(self, call: Call) -> None:
        """GET …/operation-status/{handleId}: 200 while it runs, then 302 to where the result is.

        Raises:
            NotFound: where this element has no such invocation, or no longer.
        """
        result = await self._result(call)
        if result is None:
            await send_bytes(call.send, 200, [JSON, NO_STORE], (encode(running()),))
            return
        element, _, handle = call.scope["raw_path"].decode("ascii", "replace").rstrip("/").rsplit("/", 2)
        location = f"{self._external_url}{element}/operation-results/{handle}"
        await send_bytes(call.send, 302, [(b"location", location.encode()), NO_STORE])

    async def result(self, call: Call) -> None:
        """GET …/operation-results/{handleId}; tells that it runs as long as it does.

        Raises:
            NotFound: as `status` does.
        """
        result = await self._result(call) or encode(running())
        if call.operation.view == "value":
            result = value_only(result)
        await send_bytes(call.send, 200, [JSON, NO_STORE], (result,))

    async def _result(self, call: Call) -> bytes | None:
        where = reached(call)
        await self._load.confirm(where)
        path = paths.text(paths.parse(call.named["idShortPath"]))
        found = await self._rows.find(call.named["handleId"], where.subject.key, path)
        if found is None:
            raise NotFound("This element has no such invocation: its handle is another one, or its result has expired.")
        if found.abandoned:
            return encode(failed("Failed", [STOPPED], datetime.now(UTC)))
        return found.result
