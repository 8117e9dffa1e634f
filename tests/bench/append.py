"""Facts straight into the journal, without HTTP.

python -m bench.append < plan.json
"""

import asyncio
import sys
import time
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from bench.documents import BODY, SMALL, identifier, numbered
from titan.codec.parts import Parts
from titan.events.facts import DocumentPut, Recorded
from titan.metamodel.kinds import SUBMODEL, Subject
from titan.storage import journal
from titan.storage.postgres import connect


class Appending(Struct, frozen=True, kw_only=True):
    """What one process appends, and for how long."""

    database_url: str
    seconds: float
    small: bool
    writer: int = 0
    """Keeps the identifiers of several processes apart."""


def created(number: int, body: str) -> Recorded:
    """The fact that a document was created."""
    stored = Parts(head=numbered(number, body).encode(), chunks=(), blobs=False)
    return Recorded(Subject(SUBMODEL, identifier(number)), expected=0, fact=DocumentPut(stored, created=True))


def _batches(body: str, first: int, count: int) -> Iterator[list[Recorded]]:
    for start in range(first, first + count, journal.BATCH_ITEMS):
        upto = min(start + journal.BATCH_ITEMS, first + count)
        yield [created(number, body) for number in range(start, upto)]


async def fill_small(database_url: str, count: int) -> float:
    """Append so many small documents; gives the seconds."""
    connection = await connect(database_url, name="bench")
    began = time.monotonic()
    try:
        for batch in _batches(SMALL, 0, count):
            await journal.append(connection, batch)
    finally:
        await connection.close()
    return time.monotonic() - began


async def append(plan: Appending) -> float:
    """Append until the time is over; gives the rate."""
    connection = await connect(plan.database_url, name="bench")
    body, appended, began = SMALL if plan.small else BODY, 0, time.monotonic()
    try:
        for batch in _batches(body, plan.writer * 10_000_000, 10_000_000):
            await journal.append(connection, batch)
            appended += len(batch)
            if time.monotonic() > began + plan.seconds:
                break
    finally:
        await connection.close()
    return appended / (time.monotonic() - began)


if __name__ == "__main__":
    print(asyncio.run(append(msgspec.json.decode(sys.stdin.buffer.read(), type=Appending))))
