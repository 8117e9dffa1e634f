"""GET of many documents: a page of the read model, with the documents as they stand."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from titan.codec.ids import decode_way, encode_cursor, encode_way
from titan.events.decide import Document
from titan.http.requests import facets, page, page_limit
from titan.http.responses import send_bytes
from titan.http.routes import Call
from titan.metamodel.kinds import KINDS, SUBMODEL, Kind, Subject
from titan.read.answers import await_position, in_turns
from titan.read.fresh import Fresh, list_subject
from titan.read.front import Front, is_known, memory_key
from titan.read.load import Load
from titan.read.memory import Entry
from titan.read.modifiers import Modifiers, Restore, modifiers
from titan.read.pages import Limits, Paths
from titan.read.viewed import document_viewed
from titan.storage.listings import Page, Place

WHOLE_BYTES = 4 * 1024 * 1024
"""Pages up to here are put together, and kept; longer ones are streamed in groups of about this size."""

Item = Callable[[Document], Awaitable[Sequence[bytes]]]
"""What a document adds to the result; nothing where it has nothing to add."""


class Lists:
    """Serves lists of documents."""

    def __init__(self, front: Front, fresh: Fresh, load: Load, *, limits: Limits, restore: Restore) -> None:
        self._front = front
        self._fresh = fresh
        self._load = load
        self._limits = limits
        self._restore = restore

    async def show(self, call: Call) -> None:
        """GET /{collection} or a view of it, by page and filters.

        Raises:
            Invalid: where a filter, the modifiers or the place in the list are not the standard's.
        """
        kind = KINDS[call.operation.kind or ""]
        chosen = modifiers(call) if kind is SUBMODEL else Modifiers(call.operation.view)
        if chosen.content == "path":
            await self._show_paths(call, chosen)
            return

        async def item(document: Document) -> Sequence[bytes]:
            subject = Subject(kind, document.id)
            pieces = await in_turns(document_viewed(subject, document.pieces, chosen, has_blobs=document.blobs))
            return await self._restore(pieces) if chosen.blobs and document.blobs else pieces

        await self._serve(call, kind, item)

    async def _show_paths(self, call: Call, chosen: Modifiers) -> None:
        """GET /submodels/$path: the limit is one of paths, so that a page may end within a submodel."""
        limit = page_limit(call.query, default=self._limits.default, most=self._limits.most)
        cursor = call.query.first("cursor")
        began, skip = (0, 0) if cursor is None else decode_way(cursor)
        wanted = await await_position(call, self._fresh)
        after = began - 1 if skip else began
        found = await self._load.page(SUBMODEL, facets(SUBMODEL, call.query), after=after, limit=limit, wanted=wanted)
        paths = Paths(limit)
        going_on = encode_way(found.places[-1].sort, 0) if found.more else ""
        async for place, document in self._standing(found):
            pieces = await in_turns(
                document_viewed(Subject(SUBMODEL, document.id), document.pieces, chosen, has_blobs=False)
            )
            given = paths.take(b"".join(pieces), given=skip if place.sort == began else 0)
            if given is not None:
                is_last = place is found.places[-1] and not found.more
                going_on = "" if is_last and not given else encode_way(place.sort, given)
                break
        head = b'"cursor":"%b"' % going_on.encode() if going_on else b""
        body = b'{"paging_metadata":{%b},"result":[%b]}' % (head, paths.shown)
        await send_bytes(call.send, 200, self._front.headers, (body,))

    async def _standing(self, found: Page) -> AsyncIterator[tuple[Place, Document]]:
        """The documents of a page that are there still."""
        for group in _groups(found.places):
            stand = await self._load.standing([place.key for place in group])
            for place in group:
                document = stand.get(place.key)
                if document is not None:
                    yield place, document

    async def _serve(self, call: Call, kind: Kind, item: Item) -> None:
        limit, after = page(call.query, default=self._limits.default, most=self._limits.most)
        wanted = await await_position(call, self._fresh)
        memory = self._front.memory
        loading = self._front.begin((list_subject(kind.name),))
        entry: Entry | None = None
        try:
            found = await self._load.page(kind, facets(kind, call.query), after=after, limit=limit, wanted=wanted)
            if sum(place.size for place in found.places) <= WHOLE_BYTES:
                body = b"".join([piece async for piece in self._body(found, item)])
                entry = Entry(etag=b"", headers=self._front.headers, body=body, subjects=(list_subject(kind.name),))
        finally:
            keeps = entry is not None and self._fresh.is_fresh and is_known(call.query)
            memory.end(loading, key=memory_key(call.scope), entry=entry if keeps else None)
        if entry is not None:
            await self._front.answer(entry, call.scope, call.send)
        else:
            await self._stream(call, found, item)

    async def _body(self, found: Page, item: Item) -> AsyncIterator[bytes]:
        cursor = b'"cursor":"%b"' % encode_cursor(found.places[-1].sort).encode() if found.more else b""
        yield b'{"paging_metadata":{%b},"result":[' % cursor
        separator = b""
        async for _, document in self._standing(found):
            pieces = await item(document)
            if pieces:
                yield separator
                for piece in pieces:
                    yield piece
                separator = b","
        yield b"]}"

    async def _stream(self, call: Call, found: Page, item: Item) -> None:
        if call.scope["method"] == "HEAD":
            await send_bytes(call.send, 200, self._front.headers)
            return
        headers = [*self._front.headers]
        await call.send({"type": "http.response.start", "status": 200, "headers": headers})
        async for piece in self._body(found, item):
            if piece:
                await call.send({"type": "http.response.body", "body": piece, "more_body": True})
        await call.send({"type": "http.response.body", "body": b"", "more_body": False})


def _groups(places: Sequence[Place]) -> list[list[Place]]:
    """Neighbours that together are not too long to be fetched at once."""
    groups: list[list[Place]] = []
    size = WHOLE_BYTES
    for place in places:
        if size + place.size > WHOLE_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(place)
        size += place.size
    return groups
