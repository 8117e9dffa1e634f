"""POST, PUT, PATCH and DELETE of elements: only the branch that an element is in is read, decided on and written."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast
from urllib.parse import quote

from titan.codec.json import encode, read_element
from titan.events import elements
from titan.events.commands import Condition
from titan.events.decide import Document
from titan.events.edit import Branch, as_one
from titan.events.elements import Edit
from titan.events.facts import ELEMENT_CREATED, Changed
from titan.http.guard import TRACE
from titan.http.reached import missing, reached
from titan.http.requests import condition
from titan.http.routes import Call
from titan.metamodel.elements import SubmodelElement
from titan.metamodel.kinds import Subject
from titan.metamodel.paths import Path, parse, text
from titan.storage.documents import branch_name
from titan.storage.together import Together
from titan.write.answers import Answers, path_of
from titan.write.handle import Done, Handle
from titan.write.reading import Reading

Work = Callable[[Branch], Changed | None]


class _MoreIsNeededError(Exception):
    """One chunk does not say what the change comes to."""


class Elements:
    """Creates, replaces, patches and removes elements."""

    def __init__(
        self,
        handle: Handle,
        answers: Answers,
        reading: Reading,
        branches: Together[Branch],
        state: Together[Document],
    ) -> None:
        self._handle = handle
        self._answers = answers
        self._reading = reading
        self._branches = branches
        self._state = state

    async def create(self, call: Call) -> None:
        """POST …/submodel-elements and …/submodel-elements/{idShortPath}: behind those that are there.

        Raises:
            AlreadyExists: where the idShort is taken.
        """
        subject, parent = await self.reach(call)
        element, kept = await self._element(call)
        name = str(parent[0]) if parent else element.id_short or ""
        lenient = self._reading.is_lenient(call)
        work = partial(elements.create, parent=parent, element=kept, lenient=lenient)
        done = await self._do(call, subject, name, work)
        way = text(parse(cast("Changed", done.fact).path)[len(parent) :])
        joint = "/" if not parent else "" if way.startswith("[") else "."
        await self._answers.created(call, done, f"{path_of(call)}{joint}{quote(way)}", (encode(element),))

    async def put(self, call: Call) -> None:
        """PUT …/{idShortPath}: creates or replaces."""
        subject, path = await self.reach(call)
        element, kept = await self._element(call)
        work = partial(elements.put, path=path, element=kept, lenient=self._reading.is_lenient(call))
        done = await self._do(call, subject, str(path[0]), work)
        if isinstance(done.fact, Changed) and done.fact.name == ELEMENT_CREATED:
            shown = done.fact.body if kept is element else encode(elements.named(element, path))
            await self._answers.created(call, done, path_of(call), (shown,))
        else:
            await self._answers.changed(call, done)

    async def patch(self, call: Call) -> None:
        """PATCH …/{idShortPath}, its `$metadata` or its `$value`."""
        subject, path = await self.reach(call)
        sent = await self._reading.body(call)
        lenient = self._reading.is_lenient(call)
        keeping = self._reading.keeping(sent)
        work = partial(elements.patch, path=path, sent=sent, view=call.operation.view, lenient=lenient, keep=keeping)
        done = await keeping.during(partial(self._do, call, subject, str(path[0]), work))
        await self._answers.changed(call, done)

    async def remove(self, call: Call) -> None:
        """DELETE …/{idShortPath}."""
        subject, path = await self.reach(call)
        done = await self._do(call, subject, str(path[0]), partial(elements.remove, path=path))
        await self._answers.changed(call, done)

    async def change(
        self, call: Call, subject: Subject, path: Path, edit: Edit, *, asked: Condition | None = None
    ) -> Done:
        """Replace an element by what becomes of it; `edit` is asked again where another change came first.

        Args:
            call: The request.
            subject: The submodel.
            path: Of the element.
            edit: What becomes of it.
            asked: On what condition, where that is not as the request says.

        Raises:
            NotFound: where there is none; and whatever `edit` refuses with.
        """
        work = partial(elements.change, path=path, edit=edit)
        return await self._do(call, subject, str(path[0]), work, asked)

    async def find(self, subject: Subject, path: Path) -> SubmodelElement:
        """Read an element as it stands.

        Raises:
            NotFound: where there is none.
        """
        branch = await self._branches.get(branch_name(subject.key, str(path[0])))
        if branch is None or branch.removed:
            raise missing(subject)
        return elements.found(branch, path)

    async def reach(self, call: Call) -> tuple[Subject, Path]:
        """The submodel that a request is about, and the path in it; an empty one where none is named.

        Raises:
            NotFound: where the shell on the way is not there or does not refer to the submodel.
            Invalid: where the path is none.
        """
        where = reached(call)
        if where.by is not None:
            shell = await self._state.get(where.by.key)
            where.confirm(None if shell is None or shell.removed else shell.pieces)
        named = call.named.get("idShortPath")
        return where.subject, parse(named) if named is not None else ()

    async def _element(self, call: Call) -> tuple[SubmodelElement, SubmodelElement]:
        """What was sent, and what is to be stored of it."""
        sent = await self._reading.body(call)
        element, faults = read_element(sent, lenient=self._reading.is_lenient(call))
        self._reading.tell(call.named.get("submodelIdentifier", ""), faults)
        return element, await self._reading.kept(element, sent)

    async def _do(self, call: Call, subject: Subject, name: str, work: Work, asked: Condition | None = None) -> Done:
        trace = str(cast("Mapping[str, object]", call.scope).get(TRACE) or "")
        asked = asked or condition(call.scope["headers"])

        async def branch() -> Branch | None:
            return await self._branches.get(branch_name(subject.key, name))

        async def whole() -> Branch | None:
            document = await self._state.get(subject.key)
            return None if document is None else as_one(document)

        def worked(seen: Branch) -> Changed:
            changed = work(seen)
            if changed is None:
                raise _MoreIsNeededError
            return changed

        try:
            return await self._handle.change(subject, branch, worked, condition=asked, trace=trace)
        except _MoreIsNeededError:
            return await self._handle.change(subject, whole, worked, condition=asked, trace=trace)
