"""Whether a server can be measured: what it is, and what it says to a document."""

from contextlib import suppress
from http import HTTPStatus

import httpx
import msgspec
from msgspec import Struct

from titan.codec.ids import encode_id
from titan.errors import Misconfigured, Unavailable
from titan.operate.rounds import Terms, body
from titan.operate.sending import told

ANSWER_S = 30.0


class Against(Struct, frozen=True):
    """What answers at the address."""

    profiles: tuple[str, ...]
    visibility: str
    etag: str
    size: int


def reach(terms: Terms) -> Against:
    """See whether the server takes and shows what is to be measured with.

    Raises:
        Misconfigured: where the address is none, or a header.
        Unavailable: where nobody answers there, or what answers is nothing to be measured with.
    """
    headers = dict(_split(line) for line in terms.headers)
    path = f"/submodels/{encode_id(f'{terms.prefix}{0:08d}')}"
    sent = body(terms).replace("@ID@", f"{terms.prefix}{0:08d}").replace("@SERIAL@", "10000000")
    try:
        with httpx.Client(base_url=terms.url, headers=headers, timeout=ANSWER_S) as client:
            described = client.get("/description")
            profiles = _profiles(described) if described.is_success else ()
            put = client.put(path, content=sent, headers={"content-type": "application/json"})
            if put.status_code not in {HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}:
                raise Unavailable(_refusal(terms.url, put))
            got = client.get(path)
            if not got.is_success:
                client.delete(path)
                why = f"{got.status_code} {got.reason_phrase}: {' '.join(told(got))}"
                message = (
                    f"{terms.url} takes documents and does not show them ({why}). Name the address of the gateway."
                )
                raise Unavailable(message)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        message = f"{terms.url} is no address of HTTP: {error}"
        raise Misconfigured(message) from error
    except httpx.HTTPError as error:
        message = f"Nobody answers at {terms.url}: {error}"
        raise Unavailable(message) from error
    return Against(
        profiles, put.headers.get("titan-visibility", "not told"), got.headers.get("etag", '"1"'), len(got.content)
    )


def _split(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip() or not line.isprintable():
        message = f"{line} is no header: write it as 'Name: value'."
        raise Misconfigured(message)
    return name.strip(), value.strip()


class _Description(msgspec.Struct):
    profiles: tuple[str, ...] = ()


def _profiles(answer: httpx.Response) -> tuple[str, ...]:
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(answer.content, type=_Description).profiles
    return ()


def _refusal(url: str, answer: httpx.Response) -> str:
    said = " ".join(told(answer))
    why = f"{answer.status_code} {answer.reason_phrase}" + (f": {said}" if said else "")
    match answer.status_code:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            todo = "Give what it asks for with --header 'Authorization: Bearer …'."
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED | HTTPStatus.NOT_IMPLEMENTED:
            todo = "It only reads: name the address of the gateway, because what is measured with has to be written."
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            todo = "Take a smaller --size."
        case _:
            todo = "Nothing was measured."
    return f"{url} refuses to store a document ({why}). {todo}"
