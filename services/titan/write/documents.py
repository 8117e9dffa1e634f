"""POST, PUT, PATCH and DELETE of whole documents: bytes in, a command out, and the answer once it is visible."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

from msgspec import Struct

from titan.codec.ids import encode_id
from titan.codec.json import encode, read, stored
from titan.codec.merge import View, merged
from titan.codec.parts import Parts, join, parts
from titan.codec.value import submodel_with_value
from titan.errors import Invalid
from titan.events.commands import Create, Put, Remove
from titan.events.decide import Document
from titan.events.edit import patched
from titan.events.elements import require_none_new
from titan.events.facts import Changed, DocumentPut
from titan.http.guard import TRACE
from titan.http.reached import Reached, reached
from titan.http.requests import condition
from titan.http.routes import Call
from titan.metamodel.constraints import check
from titan.metamodel.identifiables import Identifiable, Submodel
from titan.metamodel.kinds import KINDS, Kind, Subject
from titan.storage.together import Together
from titan.write.answers import Answers, is_new, path_of
from titan.write.contents import Keeping
from titan.write.handle import Done, Handle
from titan.write.reading import Reading


class Sent(Struct, frozen=True):
    """A document that a client sent."""

    subject: Subject
    parts: Parts
    """What is to be stored of it."""
    pieces: Sequence[bytes]
    """What it is shown as: with large values in it, though they are stored beside it."""


class Documents:
    """Stores, replaces, patches and removes documents of any kind."""

    def __init__(self, handle: Handle, answers: Answers, reading: Reading, state: Together[Document]) -> None:
        self._handle = handle
        self._answers = answers
        self._reading = reading
        self._state = state

    async def create(self, call: Call) -> None:
        """POST /{collection}.

        Raises:
            AlreadyExists: where the identifier is taken.
        """
        sent = await self.read(call)
        await self._put(call, sent, Create(sent.parts))

    async def put(self, call: Call) -> None:
        """PUT /{collection}/{id}: creates or replaces.

        Raises:
            Invalid: where the document has another identifier than the path.
            PreconditionFailed: where `If-Match` or `If-None-Match` does not hold.
        """
        where = reached(call)
        sent = await self.read(call)
        if sent.subject.id != where.subject.id:
            raise Invalid("The identifier is not the one in the path.", path="$.id")
        await self._put(call, sent, Put(sent.parts, condition(call.scope["headers"])))

    async def patch(self, call: Call) -> None:
        """PATCH /submodels/{id}, its `$metadata` or its `$value`: all that was sent, or nothing.

        Raises:
            NotFound: where there is no such document.
            Invalid: where what was sent is not there, is of another type, or would break a rule.
        """
        where = reached(call)
        await self.confirm(where)
        sent = await self._reading.body(call)
        keeping = self._reading.keeping(sent)
        lenient = self._reading.is_lenient(call)
        work = partial(_patched, sent=sent, view=call.operation.view, lenient=lenient, keep=keeping)
        see = partial(self._state.get, where.subject.key)
        asked = condition(call.scope["headers"])
        change = partial(self._handle.change, where.subject, see, work, condition=asked, trace=trace_of(call))
        done = await keeping.during(change)
        await self._answers.changed(call, done)

    async def remove(self, call: Call) -> None:
        """DELETE /{collection}/{id}.

        Raises:
            NotFound: where there is no such document.
            PreconditionFailed: where `If-Match` or `If-None-Match` does not hold.
        """
        done = await self._do(call, reached(call).subject, Remove(condition(call.scope["headers"])))
        await self._answers.changed(call, done)

    async def read(self, call: Call) -> Sent:
        """Read the document in a request.

        Raises:
            Invalid: with every fault.
        """
        kind = kind_of(call)
        sent = await self._reading.body(call)
        document, warnings = read(kind, sent, lenient=self._reading.is_lenient(call))
        self._reading.tell(document.id, warnings)
        kept = await self._reading.kept(document, sent)
        stored = parts(kept)
        shown = join(stored.head, [chunk.body for chunk in stored.chunks]) if kept is document else (encode(document),)
        return Sent(Subject(kind, document.id), stored, shown)

    async def confirm(self, where: Reached) -> None:
        """See whether the shell that a submodel was reached by refers to it.

        Raises:
            NotFound: where it does not, or is not there.
        """
        if where.by is not None:
            shell = await self._state.get(where.by.key)
            where.confirm(None if shell is None or shell.removed else shell.pieces)

    async def _do(self, call: Call, subject: Subject, command: Create | Put | Remove) -> Done:
        return await self._handle(subject, command, trace=trace_of(call))

    async def _put(self, call: Call, sent: Sent, command: Create | Put) -> None:
        done = await self._do(call, sent.subject, command)
        if not is_new(done):
            await self._answers.changed(call, done)
            return
        path = path_of(call)
        if isinstance(command, Create):
            path = f"{path}/{encode_id(sent.subject.id)}"
        await self._answers.created(call, done, path, sent.pieces)


def trace_of(call: Call) -> str:
    """The trace that what a request changes belongs to, as `titan.observability.traces` hands it on."""
    return str(cast("Mapping[str, object]", call.scope).get(TRACE) or "")


def kind_of(call: Call) -> Kind:
    """The kind of document in the body of a request."""
    return KINDS[call.operation.kind or ""]


def put_by(before: Document, after: Identifiable, was: Identifiable, *, lenient: bool) -> DocumentPut | Changed:
    """Say what a change of a whole document comes to.

    Raises:
        Invalid: where it breaks a rule that the document kept before.
    """
    if not lenient:
        require_none_new(check(after), check(was))
    return patched(before, DocumentPut(parts(after), created=False))


def _patched(before: Document, *, sent: bytes, view: str, lenient: bool, keep: Keeping) -> DocumentPut | Changed:
    whole = b"".join(before.pieces)
    if view == "value":
        submodel = stored(Submodel, whole)
        changed = keep(submodel_with_value(submodel, sent), stands=whole)
        return put_by(before, changed, submodel, lenient=lenient)
    kind = KINDS[before.kind]
    after, faults = read(kind, merged(whole, sent, cast("View", view)), lenient=True)
    if faults and not lenient:
        require_none_new(faults, read(kind, whole, lenient=True)[1])
    return patched(before, DocumentPut(parts(keep(after, stands=whole)), created=False))
