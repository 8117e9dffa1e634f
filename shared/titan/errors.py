"""What can go wrong, in words that are fit for a client.

    TitanError
    ├── Invalid               the request or the document in it breaks a rule; carries every fault
    ├── NotFound              there is no such document or element
    ├── AlreadyExists         the identifier or idShort is taken
    ├── PreconditionFailed    `If-Match` names a revision that is not the current one
    ├── MethodNotAllowed      the thing is there, but this cannot be done to it
    ├── NotAcceptable         the client takes none of the representations that there are
    ├── Unsatisfiable         the range that is asked for lies outside of the file
    ├── TooLarge              a body, a page or a nesting beyond the limit
    ├── Unsupported           a media type or an operation that is not served
    ├── Overloaded            a queue is full; nothing was done, try again
    ├── Unavailable           a store is away; nothing was done, try again
    └── Misconfigured         the process cannot start as it was told to; says what to change

None of them knows HTTP: `titan.http.errors` has the one table from error to status.
Anything that is not a `TitanError` is a defect of ours.
"""

from msgspec import Struct


class Fault(Struct, frozen=True):
    """One thing that is wrong with a request."""

    text: str
    """A sentence that says what is wrong and, where it helps, what would be right."""
    path: str = ""
    """JSON path into the body (`$.submodelElements[3].value`), or the name of a parameter."""
    rule: str = ""
    """The rule that is broken, such as `AASd-117`; empty where it is the shape that is wrong."""
    id_short_path: str = ""
    """Below a submodel: the element that it is about (`Motor.Readings[3]`)."""


class TitanError(Exception):
    """Anything that this server says no with."""


class Invalid(TitanError):
    """The request breaks at least one rule."""

    def __init__(self, text: str = "", *, path: str = "", rule: str = "", faults: tuple[Fault, ...] = ()) -> None:
        self.faults = faults or (Fault(text=text, path=path, rule=rule),)
        super().__init__("; ".join(fault.text for fault in self.faults))


class NotFound(TitanError):
    """There is no such document or element."""


class AlreadyExists(TitanError):
    """The identifier or idShort is taken."""


class PreconditionFailed(TitanError):
    """The client's `If-Match` names a revision that is not the current one."""


class MethodNotAllowed(TitanError):
    """The thing is there, but this cannot be done to it, or not here. `allow` says what can be, wherever that is."""

    def __init__(self, text: str = "", *, allow: tuple[str, ...] = ()) -> None:
        self.allow = allow
        super().__init__(text)


class NotAcceptable(TitanError):
    """The client takes none of the representations that there are."""


class Unsatisfiable(TitanError):
    """The range that is asked for lies outside of the file, which has `size` bytes."""

    def __init__(self, text: str, *, size: int) -> None:
        self.size = size
        super().__init__(text)


class TooLarge(TitanError):
    """A body or a nesting beyond the limit."""


class Unsupported(TitanError):
    """A media type or an operation that is not served here."""


class Overloaded(TitanError):
    """A queue is full; nothing was done."""


class Unavailable(TitanError):
    """A store is away; nothing was done, or nobody can tell. Try again after `retry_after_s`.

    One that does not let us in is away, too: our credentials are wrong, cannot be read, or are just being changed. That
    `is_refusal` is for the operator, who has to do something about it.
    """

    def __init__(self, text: str, *, retry_after_s: int = 1, is_refusal: bool = False) -> None:
        self.retry_after_s = retry_after_s
        self.is_refusal = is_refusal
        super().__init__(text)


class Misconfigured(TitanError):
    """The process cannot start as it was told to."""
