"""What a replica shows, out of memory or from wherever it has it, against what stands: fair while writes go on."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import httpx
import msgspec
from msgspec import Struct

from titan.codec.ids import encode_id
from titan.events.decide import Document
from titan.metamodel.kinds import KINDS, Kind
from titan.storage import documents, listings
from titan.storage.postgres import Connection

AT_ONCE = 8
AWAY = 20
"""After so many failures in a row a replica is asked no more."""
ANSWER_S = 60.0
TRIES = 20
"""How often a list is looked at, while it changes, until it is seen between two changes."""
_REVISION = re.compile(r'(?:W/)?"(\d+)')


class Seen(Struct, frozen=True):
    """What a replica showed."""

    status: int
    revision: int
    body: bytes


class _Entry(Struct):
    id: str


class _Paging(Struct):
    cursor: str | None = None


class _Listed(Struct):
    result: list[_Entry]
    paging_metadata: _Paging


class Unasked(Exception):
    """A replica gave no answer that says how a document stands."""


class Shown:
    """One replica."""

    def __init__(self, url: str, client: httpx.AsyncClient, fresh: Connection, turn: asyncio.Lock) -> None:
        """`fresh` is a connection that sees what is committed since the snapshot; `turn` lets one use it at a time."""
        self.url = url
        self.answered = 0
        self._client = client
        self._fresh = fresh
        self._turn = turn
        self._in_a_row = 0

    async def compare(self, state: Sequence[Document]) -> list[str]:
        """What it shows otherwise than it stands, or stood at any moment since."""
        ahead = iter(state)
        sentences: list[str] = []

        async def look() -> None:
            for document in ahead:
                if self._in_a_row >= AWAY:
                    return
                try:
                    sentence = await self._look(document)
                except (Unasked, httpx.HTTPError) as error:
                    self._in_a_row += 1
                    sentence = f"{document.kind} {document.id} could not be asked for: {error!r}"
                else:
                    self._in_a_row = 0
                    self.answered += 1
                if sentence:
                    sentences.append(sentence)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(look())
        return sentences

    async def _look(self, document: Document) -> str:
        path = f"/{KINDS[document.kind].collection}/{encode_id(document.id)}"
        seen = await self._get(path)
        if not judge(document, document, seen):
            return ""
        # What was committed shortly before the snapshot may not have been announced yet, and nobody was told of it.
        await self._get(path, position=document.position)
        seen = await self._get(path)
        async with self._turn:
            # Younger than what was seen, so it is the last.
            now = (await documents.fetch(self._fresh, [document.key])).get(document.key, document)
        return judge(document, now, seen)

    async def _get(self, path: str, *, position: int | None = None) -> Seen:
        headers = {"accept-encoding": "identity"}
        if position is not None:
            headers["titan-min-position"] = str(position)
        answer = await self._client.get(path, headers=headers)
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            message = f"{answer.status_code} {answer.text[:200]}"
            raise Unasked(message)
        found = _REVISION.match(answer.headers.get("etag", ""))
        return Seen(answer.status_code, int(found[1]) if found else 0, answer.content)

    async def lists(self) -> AsyncIterator[str]:
        """What the first pages of its lists, which it is asked for most, have otherwise than the read model."""
        for kind in KINDS.values():
            if self._in_a_row >= AWAY:
                return
            try:
                if sentence := await self._list(kind):
                    yield sentence
            except (Unasked, httpx.HTTPError, msgspec.MsgspecError) as error:
                yield f"/{kind.collection} could not be asked for: {error!r}"

    async def _list(self, kind: Kind) -> str:
        path = f"/{kind.collection}"
        async with self._turn:
            for _ in range(TRIES):
                position = await listings.bookmark(self._fresh)
                await self._get(path, position=position)
                seen = await self._get(path)
                listed = msgspec.json.decode(seen.body, type=_Listed)
                shown = [entry.id for entry in listed.result]
                # How long a page is, is the replica's own business, as long as it says that there is more.
                limit = len(shown) if listed.paging_metadata.cursor else len(shown) + 1
                page = await listings.page(self._fresh, kind.name, (), after=0, limit=limit)
                if page.position == position:
                    expected = [place.id for place in page.places]
                    return "" if shown == expected else unlike(path, shown, expected)
        # It never stood still for as long as it takes to look.
        return ""


@asynccontextmanager
async def showing(urls: Sequence[str], fresh: Connection) -> AsyncGenerator[list[Shown]]:
    """Replicas to ask, while the context is open."""
    turn = asyncio.Lock()
    clients = [httpx.AsyncClient(base_url=url, timeout=ANSWER_S) for url in urls]
    try:
        yield [Shown(url, client, fresh, turn) for url, client in zip(urls, clients, strict=True)]
    finally:
        for client in clients:
            await client.aclose()


def judge(then: Document, now: Document, seen: Seen) -> str:
    """What is wrong with what was seen after `then` and before `now`; empty where nothing is."""
    name = f"{now.kind} {now.id}"
    if seen.status == HTTPStatus.NOT_FOUND:
        # Removed at one of both moments, or, for all that is known, between them.
        may_be_gone = then.removed or now.removed or now.revision > then.revision + 1
        return "" if may_be_gone else f"{name} is not shown, and stands at revision {now.revision}."
    if now.removed and now.revision == then.revision:
        return f"{name} is still shown, and was removed."
    if not then.revision <= seen.revision <= now.revision:
        return f"{name} is shown at revision {seen.revision}, and stands at {now.revision}."
    # Documents with Blobs are shown without their values.
    if seen.revision == now.revision and not now.removed and not now.blobs and seen.body != b"".join(now.pieces):
        return f"{name}, revision {now.revision}, is shown with other bytes."
    return ""


def unlike(path: str, shown: Sequence[str], expected: Sequence[str]) -> str:
    """How a list differs, told by the first place at which it does."""
    for place, (one, other) in enumerate(zip(shown, expected, strict=False)):
        if one != other:
            return f"{path} shows {one} at place {place + 1}, where {other} is."
    missed = expected[len(shown)] if len(expected) > len(shown) else "nothing"
    return f"{path} ends after {len(shown)} documents, where {missed} follows."
