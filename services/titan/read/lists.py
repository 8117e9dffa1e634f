"""GET of many documents: a page of the read model, with the documents as they stand."""

from collections.abc import AsyncIterator, Callable, Sequence

from titan.codec.ids import encode_cursor
from titan.codec.views import reference
from titan.errors import Unavailable
from titan.events.decide import Document
from titan.http.requests import facets, level_and_extent, page
from titan.http.responses import send_bytes
from titan.http.routes import Call
from titan.metamodel.kinds import KINDS, SUBMODEL, Kind
from titan.read.documents import PATIENCE_S, await_position, shaped
from titan.read.fresh import Fresh, list_subject
from titan.read.front import Front, is_known, memory_key
from titan.read.memory import Entry
from titan.storage import documents, listings
from titan.storage.listings import Page, Place
from titan.storage.notices import PROJECTED, Notices
from titan.storage.postgres import Pool, reachable

WHOLE_BYTES = 4 * 1024 * 1024
"""Pages up to here are put together, and kept; longer ones are streamed in groups of about this size."""

Item = Callable[[Document], Sequence[bytes]]


class Lists:
    """Serves lists of documents."""

    def __init__(
        self, front: Front, fresh: Fresh, pool: Pool, notices: Notices, *, page_limit: int, page_limit_max: int
    ) -> None:
        self._front = front
        self._fresh = fresh
        self._pool = pool
        self._notices = notices
        self._page_limit = page_limit
        self._page_limit_max = page_limit_max

    async def show(self, call: Call) -> None:
        """GET /{collection}, by page and filters."""
        kind = KINDS[call.operation.kind or ""]
        core, blobs = level_and_extent(call.query) if kind is SUBMODEL else (False, True)

        def item(document: Document) -> Sequence[bytes]:
            if core or (document.blobs and not blobs):
                return shaped(document.pieces, core=core, blobs=blobs)
            return document.pieces

        await self._serve(call, kind, item)

    async def show_references(self, call: Call) -> None:
        """GET /{collection}/$reference, by page and filters."""
        kind = KINDS[call.operation.kind or ""]
        await self._serve(call, kind, lambda document: (reference(kind, document.id),))

    async def _serve(self, call: Call, kind: Kind, item: Item) -> None:
        limit, after = page(call.query, default=self._page_limit, most=self._page_limit_max)
        wanted = await await_position(call, self._fresh)
        memory = self._front.memory
        loading = self._front.begin((list_subject(kind.name),))
        entry: Entry | None = None
        try:
            found = await self._page(kind, facets(kind, call.query), after, limit, wanted=wanted)
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

    async def _page(self, kind: Kind, wanted_facets: Sequence[bytes], after: int, limit: int, *, wanted: int) -> Page:
        """A page of a read model that knows at least what this replica was told, and what the client wants."""
        need = max(wanted, self._fresh.applied)
        for _ in range(20):
            with reachable():
                async with self._pool.connection() as connection:
                    found = await listings.page(connection, kind.name, wanted_facets, after=after, limit=limit)
            if found.position >= need:
                return found
            await self._notices.wait(PROJECTED, found.position, timeout_s=PATIENCE_S / 20)
        message = f"The read model has not reached position {need} yet."
        raise Unavailable(message)

    async def _body(self, found: Page, item: Item) -> AsyncIterator[bytes]:
        cursor = b'"cursor":"%b"' % encode_cursor(found.places[-1].sort).encode() if found.more else b""
        yield b'{"paging_metadata":{%b},"result":[' % cursor
        separator = b""
        for group in _groups(found.places):
            keys = [place.key for place in group]
            with reachable():
                async with self._pool.connection() as connection:
                    stand = await documents.fetch(connection, keys)
            for key in keys:
                document = stand.get(key)
                # Removed since the page was read: what is not there any more is not on it.
                if document is not None and not document.removed:
                    yield separator
                    for piece in item(document):
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
