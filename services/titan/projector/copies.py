"""What a batch of changes does to the finished documents in Redis."""

from collections.abc import Sequence
from typing import assert_never

from titan.events.decide import Document
from titan.events.facts import Event
from titan.events.project import Copy, Finished, Forgotten, Pieced
from titan.storage import documents
from titan.storage.cache import drop, header, put, put_chunk
from titan.storage.documents import ChunkRow
from titan.storage.journal import BATCH_BYTES
from titan.storage.postgres import Connection, reachable


async def operations(
    connection: Connection, copies: Sequence[Copy], prefix: bytes, *, limit_bytes: int = BATCH_BYTES
) -> list[bytes]:
    """The operations that bring Redis from before the batch to after it, with so many bytes of documents at most.

    What the state holds of a large document may be newer than the batch. Such a document is dropped instead of being
    put together from two revisions; the event that made it newer is still to come. What does not fit is dropped as
    well: a miss is a question to PostgreSQL. So is any document that is larger than that.
    """
    pieced = [copy.event for copy in copies if isinstance(copy, Pieced)]
    whole = {event.key for event in pieced if event.chunk < 0}
    parts = {(event.key, event.chunk) for event in pieced if event.chunk >= 0}
    # A batch of events is no larger than this, unless it is one event.
    finished = sum(len(copy.event.body) for copy in copies if isinstance(copy, Finished))
    if finished > limit_bytes:
        return [word for copy in copies for word in drop(prefix, copy.event.key)]
    left = limit_bytes - finished
    with reachable():
        found = await documents.within(connection, whole, left) if whole else {}
        left -= sum(document.size for document in found.values())
        chunks = await documents.chunks(connection, parts, limit_bytes=left) if parts else {}
    said: list[bytes] = []
    for copy in copies:
        said += _operation(copy, prefix, found, chunks)
    return said


def _operation(
    copy: Copy,
    prefix: bytes,
    found: dict[bytes, Document],
    chunks: dict[tuple[bytes, int], ChunkRow],
) -> list[bytes]:
    event = copy.event
    match copy:
        case Finished():
            return put(prefix, _document(event))
        case Forgotten():
            return drop(prefix, event.key)
        case Pieced():
            if event.chunk < 0:
                document = found.get(event.key)
                stands = document is not None and document.revision == event.revision
                return put(prefix, document) if document is not None and stands else drop(prefix, event.key)
            row = chunks.get((event.key, event.chunk))
            if row is None or row.revision != event.revision:
                return drop(prefix, event.key)
            header_ = header(event.revision, event.position, blobs=row.blobs, chunks=row.count)
            return put_chunk(prefix, event.key, event.revision - 1, header_, event.chunk, row.body)
        case _:
            assert_never(copy)


def _document(event: Event) -> Document:
    return Document(
        key=event.key,
        kind=event.kind,
        id=event.id,
        revision=event.revision,
        position=event.position,
        created=event.created,
        removed=False,
        blobs=event.blobs,
        head=event.body,
    )
