"""Documents on their way to a server: what it answers, and what to do where it does not."""

import asyncio
import time
from http import HTTPStatus
from types import TracebackType
from typing import Self

import httpx
import msgspec
from msgspec import Struct

from titan.codec.ids import encode_id
from titan.errors import Unavailable
from titan.metamodel.kinds import Kind

LENIENT = {"titan-validation": "lenient"}
"""Asks the server to store what it can represent without loss."""
ANSWER_S = 90.0
RETRY_AFTER_S = 1.0
"""How long to wait where the server does not say, or gives no number of seconds."""
RETRY_AFTER_MIN_S, RETRY_AFTER_MAX_S = 0.1, 10.0


class Outcome(Struct, frozen=True):
    """What the server made of a document."""

    is_stored: bool
    is_replaced: bool = False
    messages: tuple[str, ...] = ()
    """Why it was refused, in the server's words."""


class _Message(Struct):
    text: str = ""


class _Result(Struct):
    messages: list[_Message] = []


_RESULT = msgspec.json.Decoder(_Result)


class Sender:
    """A server, for whoever has documents for it."""

    def __init__(self, url: str, *, replace: bool, lenient: bool, connections: int, patience_s: float) -> None:
        self._url = url.rstrip("/")
        self._replace = replace
        self._patience_s = patience_s
        self._has_answered = False
        self._client = httpx.AsyncClient(
            headers={"content-type": "application/json"} | (LENIENT if lenient else {}),
            limits=httpx.Limits(max_connections=connections),
            timeout=httpx.Timeout(ANSWER_S, connect=5.0, pool=None),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, kind: Kind, id: str, body: bytes) -> Outcome:
        """Send a document until the server has said what becomes of it; without an identifier it can only refuse.

        Raises:
            Unavailable: where it cannot be reached, or is busy for longer than there is patience.
        """
        collection = f"{self._url}/{kind.collection}"
        method, url = ("PUT", f"{collection}/{encode_id(id)}") if self._replace and id else ("POST", collection)
        until = time.monotonic() + self._patience_s
        is_unsure = False
        while True:
            try:
                response = await self._client.request(method, url, content=body)
            except httpx.TransportError as error:
                never_left = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol)
                is_unsure |= not never_left
                self._give_up(until, error, at_once=never_left and not self._has_answered)
                wait_s = RETRY_AFTER_S
            else:
                self._has_answered = True
                if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return _outcome(response, is_unsure=is_unsure)
                is_unsure = True
                self._give_up(until, None, at_once=False)
                wait_s = _retry_after_s(response)
            await asyncio.sleep(max(0.0, min(wait_s, until - time.monotonic())))

    def _give_up(self, until: float, error: httpx.TransportError | None, *, at_once: bool) -> None:
        if not at_once and time.monotonic() < until:
            return
        why = f"cannot be reached: {error}" if error else "is too busy, or a store of its is away"
        raise Unavailable(f"The server at {self._url} {why}.") from error


def _retry_after_s(response: httpx.Response) -> float:
    value = response.headers.get("retry-after", "")
    return max(RETRY_AFTER_MIN_S, min(float(value), RETRY_AFTER_MAX_S)) if value.isdecimal() else RETRY_AFTER_S


def _outcome(response: httpx.Response, *, is_unsure: bool) -> Outcome:
    if response.status_code == HTTPStatus.CREATED:
        return Outcome(is_stored=True)
    if response.is_success:
        return Outcome(is_stored=True, is_replaced=True)
    messages = told(response)
    if response.status_code == HTTPStatus.CONFLICT and is_unsure:
        messages += ("An earlier attempt was not answered clearly: it may be the one that stored the document.",)
    return Outcome(is_stored=False, messages=messages)


def told(response: httpx.Response) -> tuple[str, ...]:
    """Why it was refused, in the server's words; the status where it has none."""
    status = f"{response.status_code} {response.reason_phrase}"
    try:
        result = _RESULT.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return (status,)
    return tuple(message.text for message in result.messages if message.text) or (status,)
