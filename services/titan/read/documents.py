"""GET of one document: bytes in, bytes out. Decoded is only what a view leaves something out of."""

from collections.abc import Sequence

from titan.codec.views import reference, shape, shape_branches
from titan.errors import NotFound, Unavailable
from titan.http.requests import etag, header, level_and_extent, min_position, none_match
from titan.http.responses import send_bytes
from titan.http.routes import Call
from titan.metamodel.kinds import KINDS, SUBMODEL, Kind, Subject
from titan.read.fresh import Fresh
from titan.read.front import Front, is_known, memory_key
from titan.read.load import Load, Loaded
from titan.read.memory import Entry

PATIENCE_S = 5.0


async def await_position(call: Call, fresh: Fresh) -> int:
    """Wait for what the client has seen elsewhere; gives that position, 0 where it names none.

    Raises:
        Unavailable: where this replica does not reach it in time.
    """
    wanted = min_position(call.scope["headers"]) or 0
    # Without a lease nothing comes from memory, and PostgreSQL knows every position that was ever answered.
    if wanted > fresh.applied and fresh.is_fresh and not await fresh.reach(wanted, timeout_s=PATIENCE_S):
        message = f"This replica has not reached position {wanted} yet."
        raise Unavailable(message)
    return wanted


class Documents:
    """Serves single documents."""

    def __init__(self, front: Front, fresh: Fresh, load: Load) -> None:
        self._front = front
        self._fresh = fresh
        self._load = load

    async def show(self, call: Call) -> None:
        """GET /{collection}/{id}.

        Raises:
            NotFound: where there is no such document.
        """
        kind = KINDS[call.operation.kind or ""]
        core, blobs = level_and_extent(call.query) if kind is SUBMODEL else (False, True)
        await self._serve(call, Subject(kind, call.identifiers[0]), core=core, blobs=blobs)

    async def show_reference(self, call: Call) -> None:
        """GET /{collection}/{id}/$reference.

        Raises:
            NotFound: where there is no such document.
        """
        kind = KINDS[call.operation.kind or ""]
        await await_position(call, self._fresh)
        subject = Subject(kind, call.identifiers[0])
        if await self._load(subject) is None:
            raise missing(subject)
        await send_bytes(call.send, 200, self._front.headers, (reference(kind, subject.id),))

    async def _serve(self, call: Call, subject: Subject, *, core: bool, blobs: bool) -> None:
        await await_position(call, self._fresh)
        memory = self._front.memory
        loading = self._front.begin((subject.key,))
        entry: Entry | None = None
        try:
            loaded = await self._load(subject)
            if loaded is None:
                raise missing(subject)
            variant = "-".join(name for name, chosen in (("core", core), ("blobs", blobs and loaded.blobs)) if chosen)
            tag = etag(loaded.revision, variant)
            pieces = _shaped(loaded, subject.kind, core=core, blobs=blobs)
            if self._fresh.is_fresh and is_known(call.query):
                entry = Entry(etag=tag, headers=self._front.headers, body=b"".join(pieces), subjects=(subject.key,))
        finally:
            memory.end(loading, key=memory_key(call.scope), entry=entry)
        if entry is not None:
            await self._front.answer(entry, call.scope, call.send)
        else:
            await _send(call, self._front.headers, tag, pieces)


async def _send(call: Call, headers: Sequence[tuple[bytes, bytes]], tag: bytes, pieces: Sequence[bytes]) -> None:
    matches = header(call.scope["headers"], b"if-none-match")
    if matches is not None and none_match(matches, tag):
        await send_bytes(call.send, 304, [*headers, (b"etag", tag)])
    else:
        await send_bytes(call.send, 200, [*headers, (b"etag", tag)], pieces)


def _shaped(loaded: Loaded, kind: Kind, *, core: bool, blobs: bool) -> Sequence[bytes]:
    if kind is not SUBMODEL or not (core or (loaded.blobs and not blobs)):
        return loaded.pieces
    return shaped(loaded.pieces, core=core, blobs=blobs)


def shaped(pieces: Sequence[bytes], *, core: bool, blobs: bool) -> Sequence[bytes]:
    """A submodel without what the view leaves out; `pieces` are those of one document."""
    if len(pieces) == 1:
        return (shape(pieces[0], core=core, blobs=blobs),)
    # Only the chunks among the pieces begin with an element; the first piece is the head.
    return [
        shape_branches(piece, core=core, blobs=blobs) if at and piece.startswith(b"{") else piece
        for at, piece in enumerate(pieces)
    ]


def missing(subject: Subject) -> NotFound:
    """Say that there is no such document."""
    return NotFound(f"There is no {subject.kind.name} with the identifier {subject.id!r}.")
