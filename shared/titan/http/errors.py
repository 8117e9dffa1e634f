"""What a refusal looks like from outside: the one table from error to status, and the standard's `Result`.

Spec: IDTA-01002, "Status Codes" and the class `Result`. Its prose calls the list `message`; the wire
says `messages`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from msgspec import Struct

from titan.errors import (
    AlreadyExists,
    Fault,
    Invalid,
    MethodNotAllowed,
    Misconfigured,
    NotAcceptable,
    NotFound,
    Overloaded,
    PreconditionFailed,
    TitanError,
    TooLarge,
    Unavailable,
    Unsatisfiable,
    Unsupported,
)
from titan.http.requests import Disconnected
from titan.metamodel.faults import FAULT_LIMIT

STATUS: dict[type[TitanError], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    # Nobody reads it; it is for the log and the metrics.
    Disconnected: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    AlreadyExists: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    Unsatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Unsupported: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Misconfigured: HTTPStatus.INTERNAL_SERVER_ERROR,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Every error of ours; a subclass has the status of its nearest ancestor."""

_RETRY_AFTER_S = 1
_TEXT_LIMIT = 2_000
_CORRELATION_LIMIT = 128
_DEFECT = "Something went wrong on our side; the log has it under the correlation id."

_encode = msgspec.json.Encoder().encode


class Message(Struct, frozen=True, rename="camel"):
    """One message of a `Result`."""

    message_type: str
    text: str
    code: str
    correlation_id: str
    timestamp: str


class Result(Struct, frozen=True):
    """The body of every answer that is an error."""

    messages: list[Message]


class ExtendedResult(Struct, frozen=True):
    """The same for clients that look for `status` and `message`; the official test tool refuses any such addition."""

    messages: list[Message]
    status: int
    message: str


def status_of(error: BaseException) -> HTTPStatus:
    """The status that an error is answered with; what is not ours is a defect of ours."""
    found = (STATUS[kind] for kind in type(error).__mro__ if issubclass(kind, TitanError) and kind in STATUS)
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def answer(
    error: BaseException, *, extended: bool, correlation_id: str
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers (without `content-length`) and body for an error.

    Args:
        error: What was raised; only the sentences of a `TitanError` are shown.
        extended: Whether `status` and `message` stand beside `messages`.
        correlation_id: Finds the request in the log; cut to the 128 characters that the standard allows.
    """
    status = status_of(error)
    timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    correlation_id = _encodable(correlation_id)[:_CORRELATION_LIMIT]
    messages = [
        Message("Error", text=text, code=str(status.value), correlation_id=correlation_id, timestamp=timestamp)
        for text in _sentences(error)
    ]
    result = ExtendedResult(messages, status=status.value, message=messages[0].text) if extended else Result(messages)
    return status.value, _headers(error, status), _encode(result)


def _headers(error: BaseException, status: HTTPStatus) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        after_s = error.retry_after_s if isinstance(error, Unavailable) else _RETRY_AFTER_S
        headers.append((b"retry-after", b"%d" % after_s))
    if isinstance(error, Unsatisfiable):
        headers.append((b"content-range", b"bytes */%d" % error.size))
    if isinstance(error, MethodNotAllowed) and error.allow:
        headers.append((b"allow", ", ".join(error.allow).encode()))
    return headers


def _sentences(error: BaseException) -> Iterator[str]:
    if not isinstance(error, TitanError):
        yield _DEFECT
    elif isinstance(error, Invalid):
        # Who counted faults beyond the limit says so in a last one, which is not cut away here.
        shown = error.faults if len(error.faults) <= FAULT_LIMIT + 1 else error.faults[:FAULT_LIMIT]
        for fault in shown:
            yield _bounded(_told(fault))
        if len(shown) < len(error.faults):
            yield f"And {len(error.faults) - len(shown)} more."
    else:
        yield _bounded(str(error)) or status_of(error).phrase


def _told(fault: Fault) -> str:
    place = f"{fault.path} ({fault.id_short_path})" if fault.path and fault.id_short_path else ""
    place = place or fault.path or fault.id_short_path
    rule = f" ({fault.rule})" if fault.rule and fault.rule not in fault.text else ""
    return f"{place}: {fault.text}{rule}" if place else f"{fault.text}{rule}"


def _bounded(text: str) -> str:
    text = _encodable(text)
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}…"


def _encodable(text: str) -> str:
    """The text with what UTF-8 cannot carry, and NUL, which many clients cannot, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
