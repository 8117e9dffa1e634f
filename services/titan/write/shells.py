"""What is written of a shell by itself: its asset information, its references, and submodels by way of it."""

from collections.abc import Callable
from functools import partial

from msgspec import structs

from titan.codec.ids import encode_id
from titan.codec.json import encode, read_part, stored
from titan.codec.shells import leads_to, named_by, refers_to
from titan.errors import AlreadyExists, Invalid, NotFound
from titan.events.commands import Condition, Put, Remove
from titan.events.decide import NEVER_WAS, Document, Standing, decide, require
from titan.events.facts import Changed, DocumentPut, Fact, Recorded
from titan.http.reached import missing, reached
from titan.http.requests import condition
from titan.http.routes import Call
from titan.metamodel.identifiables import AssetAdministrationShell, AssetInformation
from titan.metamodel.kinds import SHELL, Subject
from titan.metamodel.references import Key, Reference
from titan.storage.journal import Lost
from titan.storage.together import Together
from titan.write.answers import Answers, path_of
from titan.write.documents import Documents, put_by, trace_of
from titan.write.handle import Done, Handle
from titan.write.reading import Reading

Edit = Callable[[AssetAdministrationShell], AssetAdministrationShell]


class Shells:
    """Changes shells, and submodels together with the references to them."""

    def __init__(
        self, handle: Handle, answers: Answers, reading: Reading, documents: Documents, state: Together[Document]
    ) -> None:
        self._handle = handle
        self._answers = answers
        self._reading = reading
        self._documents = documents
        self._state = state

    async def put_asset(self, call: Call) -> None:
        """PUT …/asset-information."""
        sent = await self._reading.body(call)
        information, faults = read_part(AssetInformation, sent, lenient=self._reading.is_lenient(call))
        self._reading.tell(call.named["aasIdentifier"], faults)
        information = await self._reading.kept(information, sent)
        done = await self.change(
            call, subject_of(call), lambda shell: structs.replace(shell, asset_information=information)
        )
        await self._answers.changed(call, done)

    async def create_reference(self, call: Call) -> None:
        """POST …/submodel-refs.

        Raises:
            AlreadyExists: where the shell has such a reference.
            Invalid: where it names nothing, however leniently: no path would lead to it.
        """
        reference, _ = read_part(Reference, await self._reading.body(call), lenient=self._reading.is_lenient(call))
        named = named_by(reference.keys)
        if not named:
            raise Invalid("A reference to a submodel ends with a key that names it.", path="$.keys")
        # A POST finds out by itself whether there is such a reference.
        asked = condition(call.scope["headers"]).on_revisions
        done = await self.change(call, subject_of(call), partial(_referring, reference=reference), asked=asked)
        location = f"{path_of(call)}/{encode_id(named)}"
        await self._answers.created(call, done, location, (encode(reference),))

    async def remove_reference(self, call: Call) -> None:
        """DELETE …/submodel-refs/{submodelIdentifier}: the submodel itself stays.

        Raises:
            NotFound: where the shell has no such reference.
        """
        named = call.named["submodelIdentifier"]
        # What is left breaks no more rules than before, though a faulty reference is found at another place then.
        done = await self.change(call, subject_of(call), partial(_not_referring, named=named), lenient=True)
        await self._answers.changed(call, done)

    async def change(
        self, call: Call, subject: Subject, edit: Edit, *, lenient: bool = False, asked: Condition | None = None
    ) -> Done:
        """Replace a shell by what becomes of it; `edit` is asked again where another change came first.

        Args:
            call: The request.
            subject: The shell.
            edit: What becomes of it.
            lenient: Whether to be so though the request does not ask for it.
            asked: On what condition, where that is not as the request says.

        Raises:
            NotFound: where there is no such shell; and whatever `edit` refuses with.
            Invalid: where the change breaks a rule that the shell kept before.
        """
        work = partial(_edited, edit=edit, lenient=lenient or self._reading.is_lenient(call))
        see = partial(self._state.get, subject.key)
        asked = asked or condition(call.scope["headers"])
        return await self._handle.change(subject, see, work, condition=asked, trace=trace_of(call))

    async def require(self, subject: Subject) -> None:
        """See that a shell is there.

        Raises:
            NotFound: where it is not.
        """
        shell = await self._state.get(subject.key)
        if shell is None or shell.removed:
            raise missing(subject)

    async def put_submodel(self, call: Call) -> None:
        """PUT …/submodels/{submodelIdentifier}: the submodel, and the reference to it where there is none, or neither.

        Raises:
            NotFound: where there is no such shell.
        """
        where = reached(call)
        sent = await self._documents.read(call)
        subject = sent.subject
        if subject.id != where.subject.id:
            raise Invalid("The identifier is not the one in the path.", path="$.id")
        command = Put(sent.parts, condition(call.scope["headers"]))

        def work(shell: Document, stands: Standing) -> tuple[Fact | None, Fact]:
            refers = refers_to(b"".join(shell.pieces), subject.id)
            edit = partial(_referring, reference=_reference(subject.id))
            of_shell = None if refers else _edited(shell, edit=edit, lenient=True)
            return of_shell, decide(subject, command, stands)

        done, was_new = await self._both(call, subject, work)
        if was_new:
            await self._answers.created(call, done, path_of(call), (encode(_reference(subject.id)),))
        else:
            await self._answers.changed(call, done)

    async def remove_submodel(self, call: Call) -> None:
        """DELETE …/submodels/{submodelIdentifier}: the submodel and the reference to it.

        Raises:
            NotFound: where the shell is not there, or does not refer to the submodel.
        """
        where = reached(call)
        subject = where.subject
        command = Remove(condition(call.scope["headers"]))

        def work(shell: Document, stands: Standing) -> tuple[Fact | None, Fact | None]:
            where.confirm(shell.pieces)
            edit = partial(_not_referring, named=subject.id)
            require(command.condition, stands)
            removed = decide(subject, command, stands) if stands.exists else None
            return _edited(shell, edit=edit, lenient=True), removed

        done, _ = await self._both(call, subject, work)
        await self._answers.changed(call, done)

    async def _both(
        self, call: Call, subject: Subject, work: Callable[[Document, Standing], tuple[Fact | None, Fact | None]]
    ) -> tuple[Done, bool]:
        """Change a shell and a submodel, both or neither; says too whether the submodel or the reference is new."""
        owner = Subject(SHELL, call.named["aasIdentifier"])
        trace = trace_of(call)
        while True:
            shell = await self._state.get(owner.key)
            if shell is None or shell.removed:
                raise missing(owner)
            submodel = await self._state.get(subject.key)
            stands = NEVER_WAS if submodel is None else Standing(submodel.revision, exists=not submodel.removed)
            of_shell, of_submodel = work(shell, stands)
            recorded: list[Recorded] = []
            if of_shell is not None:
                recorded.append(Recorded(owner, expected=shell.revision, fact=of_shell, trace=trace))
            if of_submodel is not None:
                recorded.append(Recorded(subject, expected=stands.revision, fact=of_submodel, trace=trace))
            try:
                *_, last = await self._handle.record_all(*recorded)
            except Lost:
                continue
            return Done(recorded[-1].fact, last), of_shell is not None or not stands.exists


def subject_of(call: Call) -> Subject:
    """The shell that a request is about."""
    return Subject(SHELL, call.named["aasIdentifier"])


def _edited(before: Document, *, edit: Edit, lenient: bool) -> DocumentPut | Changed:
    shell = stored(AssetAdministrationShell, b"".join(before.pieces))
    return put_by(before, edit(shell), shell, lenient=lenient)


def _reference(submodel_id: str) -> Reference:
    return Reference(type="ModelReference", keys=[Key(type="Submodel", value=submodel_id)])


def _referring(shell: AssetAdministrationShell, *, reference: Reference) -> AssetAdministrationShell:
    named = named_by(reference.keys)
    known = shell.submodels or []
    if reference in known or any(leads_to(one.keys, named) for one in known):
        raise AlreadyExists(f"The shell refers to {named!r} already.")
    return structs.replace(shell, submodels=[*known, reference])


def _not_referring(shell: AssetAdministrationShell, *, named: str) -> AssetAdministrationShell:
    left = [reference for reference in shell.submodels or () if named_by(reference.keys) != named]
    if len(left) == len(shell.submodels or ()):
        raise NotFound(f"The shell does not refer to a submodel {named!r}.")
    return structs.replace(shell, submodels=left or None)
