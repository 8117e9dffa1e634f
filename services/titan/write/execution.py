"""Carries operations out, for those who wait and for those who ask later.

Who asks later has a row that says who carries the operation out. That is this worker or nobody: what was under way when
a worker ended is told as failed and never begun again, because nobody knows how far it came.
"""

import asyncio
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from msgspec import Struct

from titan.codec.invocation import STOPPED, Arguments, Failure, Result, failed, read_answer, request_to_target
from titan.codec.json import encode
from titan.errors import Invalid, Overloaded, Unavailable
from titan.metamodel.elements import Operation
from titan.observability.logs import logger
from titan.storage.invocations import BATCH, LEASE_S, Invocations
from titan.tasks import end
from titan.write.delegation import Delegation, Target, Unanswered

SIGN_S = LEASE_S / 5
"""Between two signs that this worker is at work."""
AGAIN_S = 0.5

_log = logger("titan.write")


class Terms(Struct, frozen=True, kw_only=True):
    """What operations are granted."""

    timeout_s: float
    """How long one may take if the client does not say."""
    timeout_max_s: float
    """Whatever the client says."""
    at_once: int
    """How many may be under way."""
    kept_s: float
    """How long a result can be asked for."""
    grace_s: float
    """How long those that are under way are waited for at the end."""


class Execution(Struct, frozen=True):
    """An operation that is to be carried out."""

    operation: Operation
    arguments: Arguments
    target: Target


class _Accepted(Struct, frozen=True):
    handle: str
    execution: Execution


class Executions:
    """The operations that this worker carries out."""

    def __init__(self, delegation: Delegation, invocations: Invocations, terms: Terms, *, lenient: bool) -> None:
        self._delegation = delegation
        self._invocations = invocations
        self._terms = terms
        self._lenient = lenient
        self._taken = 0
        self._closed = False
        self._accepted: asyncio.Queue[_Accepted | None] = asyncio.Queue()
        self._handles: set[str] = set()

    async def now(self, execution: Execution) -> Result:
        """Carry an operation out, and give what came of it.

        Raises:
            Overloaded: where too many are under way.
        """
        with self._place():
            return await self._carry_out(execution)

    async def later(self, execution: Execution, key: bytes, path: str) -> str:
        """Begin to carry out an operation of the element at a path of a submodel; gives the handle to ask by.

        Raises:
            Overloaded: where too many are under way.
            Unavailable: where the database is away, or this worker is about to end.
        """
        handle = secrets.token_urlsafe(24)
        with self._place():
            kept_s = self._terms.timeout_max_s + self._terms.kept_s
            await self._invocations.begin(handle, key, path, kept_s=kept_s)
            if self._closed:
                await self._finish([handle], _failed("Failed", STOPPED))
                raise Unavailable("The server is stopping.")
            # Both without a turn of the loop in between: the place passes on to the execution.
            self._taken += 1
            self._handles.add(handle)
            self._accepted.put_nowait(_Accepted(handle, execution))
        return handle

    async def run(self) -> None:
        """Carry out what is accepted, until `close`; then finish what is under way, as far as there is time."""
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep())
            under_way: set[asyncio.Task[None]] = set()
            while (accepted := await self._accepted.get()) is not None:
                task = group.create_task(self._execute(accepted))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            if under_way:
                await asyncio.wait(tuple(under_way), timeout=self._terms.grace_s)
            await end(*under_way)
            if self._handles:
                await self._finish([*self._handles], _failed("Failed", STOPPED))
            await end(keeping)

    def close(self) -> None:
        """Accept nothing more."""
        self._closed = True
        self._accepted.put_nowait(None)

    @contextmanager
    def _place(self) -> Generator[None]:
        if self._taken >= self._terms.at_once:
            raise Overloaded("Too many operations are under way here; try again.")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def _carry_out(self, execution: Execution) -> Result:
        arguments, operation = execution.arguments, execution.operation
        wanted_s = self._terms.timeout_s if arguments.timeout_s is None else arguments.timeout_s
        timeout_s = min(wanted_s, self._terms.timeout_max_s)
        try:
            async with asyncio.timeout(timeout_s):
                body = await self._delegation.ask(execution.target, request_to_target(arguments))
            outputs, inoutputs = read_answer(operation, body, arguments.inoutput, lenient=self._lenient)
        except TimeoutError:
            return _failed("Timeout", f"The target did not answer within {timeout_s:g} s.")
        except Unanswered as error:
            return _failed("Failed", str(error))
        except Invalid as error:
            told = [
                f"The target's answer does not fit the operation: {fault.path}: {fault.text}" for fault in error.faults
            ]
            return _failed("Failed", *told)
        return Result(execution_state="Completed", success=True, output_arguments=outputs, inoutput_arguments=inoutputs)

    async def _execute(self, accepted: _Accepted) -> None:
        try:
            try:
                result = await self._carry_out(accepted.execution)
            except Exception:  # noqa: BLE001  # a defect in one must not end the others
                _log.exception("an operation could not be carried out", path=accepted.handle[:6])
                result = _failed("Failed", "Something went wrong on our side; the log has it.")
            await self._finish([accepted.handle], result)
            self._handles.discard(accepted.handle)
        finally:
            self._taken -= 1

    async def _finish(self, handles: list[str], result: Result) -> None:
        """Keep a result, as long as it can be kept: once the lease is out, it is told as failed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LEASE_S
        while True:
            try:
                taken = await self._invocations.finish(handles, encode(result), kept_s=self._terms.kept_s)
            except Unavailable:
                if loop.time() < until:
                    await asyncio.sleep(AGAIN_S)
                    continue
                taken = 0
            if taken < len(handles):
                _log.warning("results of operations came too late to be kept", count=len(handles) - taken)
            return

    async def _keep(self) -> None:
        """Give signs of being at work, and delete what nobody can ask for any more."""
        while True:
            try:
                if self._handles:
                    await self._invocations.renew([*self._handles])
                while await self._invocations.sweep() >= BATCH:
                    continue
            except Unavailable:
                _log.warning("invocations cannot be kept: the database is away")
            await asyncio.sleep(SIGN_S)


def _failed(state: Failure, *texts: str) -> Result:
    return failed(state, texts, datetime.now(UTC))
