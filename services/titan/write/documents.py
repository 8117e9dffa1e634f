"""POST, PUT and DELETE of whole documents: request bytes in, a command out, and the answer once it is visible."""

from collections.abc import Mapping
from typing import cast

from titan.codec.ids import encode_id
from titan.codec.json import read
from titan.codec.parts import Parts, join, parts
from titan.errors import Invalid
from titan.events.commands import Create, Put, Remove
from titan.events.facts import DocumentPut
from titan.http.guard import TRACE_ID
from titan.http.requests import body, etag, header, if_match
from titan.http.responses import send_bytes
from titan.http.routes import Call
from titan.metamodel.kinds import KINDS, Subject
from titan.observability.logs import logger
from titan.write.handle import Done, Handle
from titan.write.visibility import Reach, Visibility

JSON = (b"content-type", b"application/json")

_log = logger("titan.write")


class Documents:
    """Stores, replaces and removes documents of any kind."""

    def __init__(
        self, handle: Handle, visibility: Visibility, *, limit_bytes: int, lenient: bool, external_url: str
    ) -> None:
        self._handle = handle
        self._visibility = visibility
        self._limit_bytes = limit_bytes
        self._lenient = lenient
        self._external_url = external_url.rstrip("/")

    async def create(self, call: Call) -> None:
        """POST /{collection}.

        Raises:
            AlreadyExists: where the identifier is taken.
        """
        subject, stored = await self._document(call)
        await self._put(call, subject, Create(stored))

    async def put(self, call: Call) -> None:
        """PUT /{collection}/{id}: creates or replaces.

        Raises:
            Invalid: where the document has another identifier than the path.
            PreconditionFailed: where `If-Match` names another revision.
        """
        subject, stored = await self._document(call)
        if subject.id != call.identifiers[0]:
            raise Invalid("The identifier is not the one in the path.", path="$.id")
        await self._put(call, subject, Put(stored, if_match=if_match(call.scope["headers"])))

    async def remove(self, call: Call) -> None:
        """DELETE /{collection}/{id}.

        Raises:
            NotFound: where there is no such document.
            PreconditionFailed: where `If-Match` names another revision.
        """
        subject = Subject(KINDS[call.operation.kind or ""], call.identifiers[0])
        done = await self._do(call, subject, Remove(if_match=if_match(call.scope["headers"])))
        reach = await self._visibility.wait(done.appended.position)
        await send_bytes(call.send, 204, _said(done, reach))

    async def _document(self, call: Call) -> tuple[Subject, Parts]:
        kind = KINDS[call.operation.kind or ""]
        sent = await body(call.receive, call.scope, limit_bytes=self._limit_bytes)
        asked = header(call.scope["headers"], b"titan-validation")
        document, warnings = read(kind, sent, lenient=asked == b"lenient" if asked else self._lenient)
        if warnings:
            _log.warning(
                "a document was let through leniently",
                kind=kind.name,
                id=document.id,
                faults=[f"{fault.path}: {fault.text} ({fault.rule})" for fault in warnings],
            )
        return Subject(kind, document.id), parts(document)

    async def _do(self, call: Call, subject: Subject, command: Create | Put | Remove) -> Done:
        scope = cast("Mapping[str, object]", call.scope)
        return await self._handle(subject, command, trace=str(scope.get(TRACE_ID) or ""))

    async def _put(self, call: Call, subject: Subject, command: Create | Put) -> None:
        done = await self._do(call, subject, command)
        reach = await self._visibility.wait(done.appended.position)
        headers = [*_said(done, reach), (b"etag", etag(done.appended.revision))]
        if not (isinstance(done.fact, DocumentPut) and done.fact.created):
            await send_bytes(call.send, 204, headers)
            return
        path = call.scope["raw_path"].decode("ascii", "replace").rstrip("/")
        if isinstance(command, Create):
            path = f"{path}/{encode_id(subject.id)}"
        location = self._external_url + path
        stored = command.parts
        pieces = join(stored.head, [chunk.body for chunk in stored.chunks])
        await send_bytes(call.send, 201, [*headers, JSON, (b"location", location.encode())], pieces)


def _said(done: Done, reach: Reach) -> list[tuple[bytes, bytes]]:
    """Where the change stands in the journal, and how far it has come."""
    return [
        (b"titan-position", b"%d" % done.appended.position),
        (b"titan-visibility", reach.encode()),
    ]
