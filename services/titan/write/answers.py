"""What the write tier answers once a change is stored, and visible as far as was asked for."""

from collections.abc import Sequence

from titan.events.facts import DocumentPut, DocumentRemoved
from titan.http.requests import etag
from titan.http.responses import JSON, Header, send_bytes
from titan.http.routes import Call
from titan.observability.traces import OFF, Traces
from titan.storage.visibility import Visibility
from titan.write.handle import Done


class Answers:
    """Answers requests that have changed something."""

    def __init__(self, visibility: Visibility, *, external_url: str, traces: Traces = OFF) -> None:
        self._visibility = visibility
        self._traces = traces
        self._external_url = external_url.rstrip("/")

    async def changed(self, call: Call, done: Done, status: int = 204) -> None:
        """Say that it is done, where there is nothing to show."""
        headers = await self._headers(done)
        await send_bytes(call.send, status, headers)

    async def created(self, call: Call, done: Done, location: str, pieces: Sequence[bytes]) -> None:
        """Show what was created, and where it is; `location` is a path."""
        headers = [*await self._headers(done), JSON, (b"location", f"{self._external_url}{location}".encode())]
        await send_bytes(call.send, 201, headers, pieces)

    async def _headers(self, done: Done) -> list[Header]:
        appended = done.appended
        with self._traces.during("wait until visible", **{"titan.position": appended.position}):
            reach = await self._visibility.wait(appended.position)
        headers = [(b"titan-position", b"%d" % appended.position), (b"titan-visibility", reach.encode())]
        if not is_gone(done):
            headers.append((b"etag", etag(appended.revision)))
        return headers


def is_gone(done: Done) -> bool:
    """Whether the document itself was removed."""
    return isinstance(done.fact, DocumentRemoved)


def is_new(done: Done) -> bool:
    """Whether the document itself was created."""
    return isinstance(done.fact, DocumentPut) and done.fact.created


def path_of(call: Call) -> str:
    """The path that was asked for, as it was written, without a slash at its end."""
    return call.scope["raw_path"].decode("ascii", "replace").rstrip("/")
