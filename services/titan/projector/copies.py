"""What a batch of changes does to the finished documents in Redis."""

from collections.abc import Sequence
from typing import assert_never

from titan.events.decide import Document
from titan.events.facts import Event
from titan.events.project import Copy, Finished, Forgotten, Pieced
from titan.storage import documents
from titan.storage.cache import drop, header, put, put_chunk
from titan.storage.documents import ChunkRow
from titan.storage.postgres import Connection, reachable


async def operations(connection: Connection, copies: Sequence[Copy], prefix: bytes) -> list[bytes]:
    """The operations that bring Redis from before the batch to after it.

    What the state holds of a large document may be newer than the batch. Such a document is dropped instead of being
    put together from two revisions; the event that made it newer is still to come.
    """
    pieced = [copy.event for copy in copies if isinstance(copy, Pieced)]
    whole = [event.key for event in pieced if event.chunk < 0]
    parts = [(event.key, event.chunk) for event in pieced if event.chunk >= 0]
    with reachable():
        found = await documents.fetch(connection, whole) if whole else {}
        chunks = await documents.chunks(connection, parts) if parts else {}
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
