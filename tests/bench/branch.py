"""What a change of one element costs in a small document and in a large one, step by step as it travels."""

import time
from collections.abc import Awaitable
from typing import TypeVar

from msgspec import Struct

from bench.documents import identifier
from titan.codec.json import encode
from titan.codec.parts import Parts, parts, replace_branch
from titan.events.facts import ELEMENT_REPLACED, Changed, DocumentPut, Fact, Recorded, Rows
from titan.events.project import latest_copies, latest_rows, project
from titan.metamodel.elements import Property, SubmodelElement
from titan.metamodel.identifiables import Submodel
from titan.metamodel.kinds import SUBMODEL, Subject
from titan.projector.copies import operations
from titan.storage import journal, listings, redis
from titan.storage.cache import Announcement, Announcer
from titan.storage.postgres import REBUILDABLE, Connection, connect
from titan.storage.redis import Names

GENERATION = "bench"
Steps = dict[str, list[float]]
Answer = TypeVar("Answer")


class _Standing(Struct):
    subject: Subject
    document: Submodel
    parts: Parts
    revision: int = 0


def _document(number: int, size: int) -> _Standing:
    each = 400
    elements: list[SubmodelElement] = [
        Property(id_short=f"Element{at:06d}", value_type="xs:string", value="x" * (each - 80))
        for at in range(size // each)
    ]
    document = Submodel(id=identifier(number), id_short="Large", submodel_elements=elements)
    return _Standing(Subject(SUBMODEL, document.id), document, parts(document))


def _changed(standing: _Standing, turn: int) -> Fact:
    """One element in the middle has another value: its chunk is written, or the whole where there are no chunks."""
    elements = standing.document.submodel_elements or []
    at = len(elements) // 2
    element = Property(id_short=f"Element{at:06d}", value_type="xs:string", value=f"{turn:06d}" + "y" * 314)
    if not standing.parts.chunks:
        elements[at] = element
        standing.parts = parts(standing.document)
        return DocumentPut(standing.parts, created=False)
    id_short = element.id_short or ""
    ordinal, chunk = next((n, chunk) for n, chunk in enumerate(standing.parts.chunks) if id_short in chunk.id_shorts)
    body = encode(element)
    chunk = replace_branch(chunk, chunk.id_shorts.index(id_short), id_short=id_short, element=body)
    rows = Rows(chunks=((ordinal, chunk),), count=len(standing.parts.chunks))
    return Changed(ELEMENT_REPLACED, id_short, body, rows)


class _Way:
    """The way of an event: journal, read model, Redis."""

    def __init__(self, writing: Connection, projecting: Connection, announcer: Announcer) -> None:
        self._writing = writing
        self._projecting = projecting
        self._announcer = announcer
        self._position = 0

    async def go(self, standing: _Standing, turn: int, steps: Steps) -> None:
        """Change one element and carry the change to Redis."""
        began = time.perf_counter()
        fact = _changed(standing, turn) if standing.revision else DocumentPut(standing.parts, created=True)
        recorded = Recorded(standing.subject, expected=standing.revision, fact=fact)
        _note(steps, "change", began)
        await _timed(steps, "append", journal.append(self._writing, [recorded]))
        standing.revision += 1
        events = await _timed(steps, "follow", journal.after(self._projecting, self._position))
        changes, upto = [project(event) for event in events], events[-1].position
        rows, copies = latest_rows(changes), latest_copies(changes)
        await _timed(steps, "list", listings.write(self._projecting, rows, after=self._position, upto=upto))
        said = await _timed(steps, "fetch", operations(self._projecting, copies, self._announcer.prefix(GENERATION)))
        keys = [event.key for event in events]
        announcement = Announcement(after=self._position, upto=upto, keys=keys, kinds=["submodel"])
        assert await _timed(steps, "announce", self._announcer.publish(GENERATION, said, announcement))
        self._position = upto
        _note(steps, "whole", began)


async def _timed(steps: Steps, name: str, work: Awaitable[Answer]) -> Answer:
    began = time.perf_counter()
    answer = await work
    _note(steps, name, began)
    return answer


def _note(steps: Steps, name: str, began: float) -> None:
    steps.setdefault(name, []).append((time.perf_counter() - began) * 1000)


async def changes(database_url: str, redis_url: str, turns: int) -> dict[str, Steps]:
    """Milliseconds of each step, by turns in both documents."""
    writing = await connect(database_url, name="bench writing")
    projecting = await connect(database_url, name="bench projecting", options=REBUILDABLE)
    client = redis.connect(redis_url)
    announcer = Announcer(client, Names(), lease_ms=60_000)
    try:
        await announcer.take()
        await announcer.begin(GENERATION, 0, owing=False)
        way = _Way(writing, projecting, announcer)
        documents = {"10 KB": _document(0, 10_000), "10 MB": _document(1, 10_000_000)}
        for standing in documents.values():
            await way.go(standing, 0, {})
        measured: dict[str, Steps] = {name: {} for name in documents}
        for turn in range(turns):
            for name, standing in documents.items():
                await way.go(standing, turn, measured[name])
        return measured
    finally:
        await client.aclose()
        await projecting.close()
        await writing.close()
