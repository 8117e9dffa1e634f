"""Operations are invoked: request bytes and the operation as it stands in, what the target made of them out."""

from titan.codec.ids import encode_id
from titan.codec.invocation import DELEGATION, read_request, target_of, value_only
from titan.codec.json import encode, stored_element
from titan.codec.within import LostError
from titan.errors import Invalid, MethodNotAllowed, NotFound
from titan.events.edit import Branch
from titan.http.reached import missing
from titan.http.responses import JSON, Header, send_bytes
from titan.http.routes import Call
from titan.metamodel import paths
from titan.metamodel.elements import Operation
from titan.metamodel.kinds import Subject
from titan.storage.documents import branch_name
from titan.storage.together import Together
from titan.write.answers import path_of
from titan.write.delegation import Delegation
from titan.write.elements import Elements
from titan.write.execution import Execution, Executions
from titan.write.reading import Reading

NO_STORE: Header = (b"cache-control", b"no-store")


class Operations:
    """Invokes operations."""

    def __init__(
        self,
        elements: Elements,
        branches: Together[Branch],
        reading: Reading,
        delegation: Delegation,
        executions: Executions,
        *,
        external_url: str,
    ) -> None:
        self._elements = elements
        self._branches = branches
        self._reading = reading
        self._delegation = delegation
        self._executions = executions
        self._external_url = external_url.rstrip("/")

    async def invoke(self, call: Call) -> None:
        """POST …/invoke: answers once the operation was carried out, or failed.

        Raises:
            NotFound, MethodNotAllowed: where the path leads to no operation.
            Invalid: where the arguments do not fit, or the operation is delegated to nobody who may be called.
            Overloaded: where too many operations are under way.
        """
        submodel, path = await self._elements.reach(call)
        result = encode(await self._executions.now(await self._execution(call, submodel, path)))
        if call.operation.view == "value":
            result = value_only(result)
        await send_bytes(call.send, 200, [JSON, NO_STORE], (result,))

    async def invoke_async(self, call: Call) -> None:
        """POST …/invoke-async: answers once it is noted that the operation is to be carried out.

        Raises:
            NotFound, MethodNotAllowed, Invalid, Overloaded: as `invoke` does.
            Unavailable: where that cannot be noted.
        """
        submodel, path = await self._elements.reach(call)
        execution = await self._execution(call, submodel, path)
        handle = await self._executions.later(execution, submodel.key, paths.text(path))
        element = path_of(call).rsplit("/", 2 if call.operation.view == "value" else 1)[0]
        location = f"{self._external_url}{element}/operation-status/{encode_id(handle)}"
        await send_bytes(call.send, 202, [(b"location", location.encode())])

    async def _execution(self, call: Call, submodel: Subject, path: paths.Path) -> Execution:
        """What is asked for, once it is known that it can be."""
        operation = await self._operation(submodel, path)
        sent = await self._reading.body(call)
        values, lenient = call.operation.view == "value", self._reading.is_lenient(call)
        arguments = read_request(operation, sent, values=values, lenient=lenient)
        url = target_of(operation)
        if url is None:
            message = (
                f"Nobody carries this operation out: it has no qualifier of the type {DELEGATION} with the URL of who "
                "does."
            )
            raise Invalid(message, path="idShortPath")
        return Execution(operation, arguments, await self._delegation.target(url))

    async def _operation(self, submodel: Subject, path: paths.Path) -> Operation:
        branch = await self._branches.get(branch_name(submodel.key, str(path[0])))
        if branch is None or branch.removed:
            raise missing(submodel)
        try:
            element = stored_element(branch.find(path))
        except LostError as error:
            raise NotFound(f"The submodel has no element {error.way!r}.") from error
        if not isinstance(element, Operation):
            raise MethodNotAllowed(f"{paths.text(path)!r} is a {type(element).__name__}: only an Operation is invoked.")
        return element
