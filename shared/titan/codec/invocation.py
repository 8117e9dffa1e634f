"""What an operation is asked with and what comes of it, held against the variables that the operation declares.

An argument belongs to the variable of its idShort, which no two variables of an operation share (AASd-134). So the
arguments of one list can be told apart, whichever of the operation's lists their variables stand in.

Spec: IDTA-01002, "Invoke Operation", classes `OperationRequest`, `OperationResult` and their ValueOnly forms.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field
from msgspec.structs import replace

from titan.codec.json import decode, encode, read_part, stored
from titan.codec.value import value, with_value
from titan.errors import Fault, Invalid
from titan.metamodel.elements import (
    AnnotatedRelationshipElement,
    Entity,
    Operation,
    OperationVariable,
    Property,
    Range,
    SubmodelElement,
    SubmodelElementCollection,
    SubmodelElementList,
)
from titan.metamodel.values import DURATION

State = Literal["Running", "Completed", "Failed", "Timeout"]
"""The states of the standard that an invocation has here; it runs from the moment that it is accepted."""

DELEGATION: Final = "invocationDelegation"
"""Type of the qualifier that says where an operation is carried out, as BaSyx has it."""

Failure = Literal["Failed", "Timeout"]

STOPPED: Final = (
    "The server stopped while the operation was carried out: nobody knows how far it came, and it is not repeated."
)

Variables = Sequence[OperationVariable]


class Arguments(Struct, frozen=True):
    """What an operation is asked with, each argument an element that fits its variable."""

    input: Variables
    inoutput: Variables
    timeout_s: float | None
    """How long the client wants to wait at most; None where it does not say."""


class Message(Struct, frozen=True, rename="camel"):
    """One message of a result."""

    message_type: str
    text: str
    code: str
    timestamp: str


class Result(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What came of an invocation: the standard's `OperationResult`."""

    messages: Sequence[Message] = ()
    execution_state: State
    success: bool | UnsetType = UNSET
    output_arguments: Variables = ()
    inoutput_arguments: Variables = ()


class _Request(Struct, frozen=True, rename="camel"):
    input_arguments: list[Raw] = []
    inoutput_arguments: list[Raw] = []
    client_timeout_duration: str | UnsetType = UNSET


class _ValueRequest(Struct, frozen=True, rename="camel"):
    input_arguments: dict[str, Raw] = {}
    inoutput_arguments: dict[str, Raw] = {}
    client_timeout_duration: str | UnsetType = UNSET


def read_request(operation: Operation, body: bytes, *, values: bool, lenient: bool = False) -> Arguments:
    """Read an `OperationRequest`, or with `values` its ValueOnly form, for this operation.

    Raises:
        Invalid: with every argument that is missing, unknown or of another type than its variable, and all that is
            wrong with those that are not.
    """
    faults: list[Fault] = []
    request = decode(_ValueRequest if values else _Request, body)
    inputs, inoutputs = _Reading(operation.input_variables), _Reading(operation.inoutput_variables)
    for name, reading, given in (
        ("inputArguments", inputs, request.input_arguments),
        ("inoutputArguments", inoutputs, request.inoutput_arguments),
    ):
        if isinstance(given, Mapping):
            reading.take_values(given, f"$.{name}", faults)
        else:
            reading.take(given, f"$.{name}", faults, lenient=lenient)
        reading.miss(f"$.{name}", faults)
    timeout_s = None
    if isinstance(request.client_timeout_duration, str):
        timeout_s = duration_s(request.client_timeout_duration)
        if timeout_s is None:
            text = "It must be an xs:duration above zero, such as PT30S."
            faults.append(Fault(text=text, path="$.clientTimeoutDuration"))
    if faults:
        raise Invalid(faults=tuple(faults))
    return Arguments(inputs.in_order(), inoutputs.in_order(), timeout_s)


_ARRAY: Final = msgspec.json.Decoder(list[Raw])
_NEVER_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_answer(
    operation: Operation, body: bytes, sent: Variables, *, lenient: bool = False
) -> tuple[Variables, Variables]:
    """Read what a target answered, an array of `OperationVariable`: the output and the inoutput arguments.

    An inoutput argument that the target says nothing about is as it was `sent`.

    Raises:
        Invalid: with every fault; where an output argument is missing, too.
    """
    try:
        given = _ARRAY.decode(body)
    except _NEVER_JSON as error:
        raise Invalid("It is not a JSON array of OperationVariable.", path="$") from error
    faults: list[Fault] = []
    outputs, inoutputs = operation.output_variables or (), operation.inoutput_variables or ()
    reading = _Reading((*outputs, *inoutputs))
    reading.take(given, "$", faults, lenient=lenient)
    for variable in sent:
        reading.found.setdefault(variable.value.id_short or "", variable)
    reading.miss("$", faults)
    if faults:
        raise Invalid(faults=tuple(faults))
    found = reading.in_order()
    return found[: len(outputs)], found[len(outputs) :]


class _Reading:
    """Reads arguments for variables, by the idShort that they share."""

    def __init__(self, variables: Variables | UnsetType | None) -> None:
        self._declared = {variable.value.id_short or "": variable.value for variable in variables or ()}
        self._spoilt: set[str] = set()
        self.found: dict[str, OperationVariable] = {}

    def take(self, given: Sequence[Raw], at: str, faults: list[Fault], *, lenient: bool) -> None:
        for index, raw in enumerate(given):
            here = f"{at}[{index}]"
            try:
                variable, _ = read_part(OperationVariable, bytes(raw), lenient=lenient)
            except Invalid as error:
                self._spoilt.add(_name_of(raw))
                faults += _below(here, error)
                continue
            name = variable.value.id_short or ""
            if name in self.found or name in self._spoilt:
                faults.append(Fault(text=f"There is more than one argument for {name!r}.", path=here))
                continue
            self._keep(name, variable, f"{here}.value", faults)

    def take_values(self, given: Mapping[str, Raw], at: str, faults: list[Fault]) -> None:
        for name, raw in given.items():
            here = f"{at}.{name}"
            declared = self._declared.get(name)
            if declared is None:
                faults.append(self._unknown(name, here))
                continue
            try:
                self.found[name] = OperationVariable(value=with_value(declared, bytes(raw)))
            except Invalid as error:
                self._spoilt.add(name)
                faults += _below(here, error)

    def miss(self, at: str, faults: list[Fault]) -> None:
        """Note what is declared and was not given."""
        faults += [
            Fault(text=f"The argument {name!r} is missing.", path=at)
            for name in self._declared
            if name not in self.found and name not in self._spoilt
        ]

    def in_order(self) -> Variables:
        """What was given, in the order of the declaration."""
        return tuple([self.found[name] for name in self._declared])

    def _keep(self, name: str, variable: OperationVariable, here: str, faults: list[Fault]) -> None:
        declared = self._declared.get(name)
        if declared is None:
            faults.append(self._unknown(name, here))
            return
        self.found[name] = variable
        faults += _misfits(declared, variable.value, here)

    def _unknown(self, name: str, here: str) -> Fault:
        known = ", ".join(repr(declared) for declared in self._declared) or "none"
        return Fault(text=f"The operation has no such variable as {name!r} here; it has {known}.", path=here)


class _Named(Struct, rename="camel"):
    id_short: str = ""


class _NamedVariable(Struct):
    value: _Named = field(default_factory=_Named)


_NAMES: Final = msgspec.json.Decoder(_NamedVariable)


def _name_of(raw: Raw) -> str:
    """The idShort of an argument that cannot be read as a whole."""
    try:
        return _NAMES.decode(raw).value.id_short
    except _NEVER_JSON:
        return ""


def _below(at: str, error: Invalid) -> list[Fault]:
    return [replace(fault, path=f"{at}{fault.path.removeprefix('$')}") for fault in error.faults]


def _misfits(declared: SubmodelElement, given: SubmodelElement, here: str) -> list[Fault]:
    """How an argument differs from its variable in what the variable settles: types, all the way down."""
    if type(given) is not type(declared):
        text = f"The variable is a {type(declared).__name__}, this is a {type(given).__name__}."
        return [Fault(text=text, path=here)]
    faults = [
        Fault(text=f"The variable has the {wire} {wanted}, this has {found}.", path=f"{here}.{wire}")
        for wire, wanted, found in _types(declared, given)
        if wanted != found
    ]
    member, wanted_below = _children(declared)
    by_name = {child.id_short: child for child in wanted_below}
    if not isinstance(declared, SubmodelElementList):
        for index, child in enumerate(_children(given)[1]):
            if child.id_short in by_name:
                faults += _misfits(by_name[child.id_short], child, f"{here}.{member}[{index}]")
    return faults


def _types(declared: SubmodelElement, given: SubmodelElement) -> Iterable[tuple[str, object, object]]:
    match declared, given:
        case ((Property() | Range()), (Property() | Range())):
            yield "valueType", declared.value_type, given.value_type
        case SubmodelElementList(), SubmodelElementList():
            yield "typeValueListElement", declared.type_value_list_element, given.type_value_list_element
            yield "valueTypeListElement", declared.value_type_list_element, given.value_type_list_element
        case _:
            return


def _children(element: SubmodelElement) -> tuple[str, Sequence[SubmodelElement]]:
    match element:
        case SubmodelElementCollection() | SubmodelElementList():
            return "value", element.value or ()
        case Entity():
            return "statements", element.statements or ()
        case AnnotatedRelationshipElement():
            return "annotations", element.annotations or ()
        case _:
            return "", ()


_IS_DURATION: Final = re.compile(DURATION).fullmatch
_AMOUNTS: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([YMDHS])|(T)").findall
_DATE_S: Final = {"Y": 365 * 86_400.0, "M": 30 * 86_400.0, "D": 86_400.0}
_TIME_S: Final = {"H": 3_600.0, "M": 60.0, "S": 1.0}


def duration_s(text: str) -> float | None:
    """Seconds of an xs:duration above zero, a month being 30 days and a year 365; None of anything else.

    A span longer than any is `inf`.
    """
    if _IS_DURATION(text) is None or text.startswith("-"):
        return None
    units, total = _DATE_S, 0.0
    for amount, unit, time_follows in _AMOUNTS(text):
        if time_follows:
            units = _TIME_S
        else:
            total += float(amount) * units[unit]
    return total or None


def target_of(operation: Operation) -> str | None:
    """Where the operation says that it is carried out; None where it does not say."""
    given = [one.value for one in operation.qualifiers or () if one.type == DELEGATION]
    return next((url.strip() for url in given if url and url.strip()), None)


def request_to_target(arguments: Arguments) -> bytes:
    """What the target of a delegation is sent: an array of `OperationVariable`, inoutput arguments behind the input."""
    return encode([*arguments.input, *arguments.inoutput])


def running() -> Result:
    """What there is to tell while it is carried out."""
    return Result(execution_state="Running")


def failed(state: Failure, texts: Iterable[str], at: datetime) -> Result:
    """What is told of an invocation that came to nothing, at a time in UTC; a message a text."""
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    messages = [Message("Error", text=text, code=state, timestamp=timestamp) for text in texts]
    return Result(messages=messages, execution_state=state, success=False)


class _Kept(Struct, frozen=True, kw_only=True, rename="camel"):
    messages: Raw | UnsetType = UNSET
    execution_state: State
    success: bool | UnsetType = UNSET
    output_arguments: list[Raw] = []
    inoutput_arguments: list[Raw] = []


class _ValueResult(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    messages: Raw | UnsetType = UNSET
    execution_state: State
    success: bool | UnsetType = UNSET
    output_arguments: dict[str, Raw] = {}
    inoutput_arguments: dict[str, Raw] = {}


_KEPT: Final = msgspec.json.Decoder(_Kept)


def value_only(result: bytes) -> bytes:
    """Give the ValueOnly form of an encoded `Result`; arguments without a value are left out."""
    kept = _KEPT.decode(result)
    return encode(
        _ValueResult(
            messages=kept.messages,
            execution_state=kept.execution_state,
            success=kept.success,
            output_arguments=_values(kept.output_arguments),
            inoutput_arguments=_values(kept.inoutput_arguments),
        )
    )


def _values(arguments: Iterable[Raw]) -> dict[str, Raw]:
    elements = [stored(OperationVariable, bytes(argument)).value for argument in arguments]
    valued = [(element.id_short or "", value(element)) for element in elements]
    return {name: Raw(found) for name, found in valued if found is not None}
