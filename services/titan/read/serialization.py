"""GET /serialization: documents in one envelope, streamed; with the concepts that they refer to.

Documents that are asked for by their identifiers, and concepts, come from the journal's state. The whole repository
comes in the order of its lists, page by page; what is removed meanwhile is left out, what is created may be missing.

Spec: IDTA-01002, "GenerateSerializationByIds". Without identifiers it means everything that the service has: the whole
repository, or where a shell or a submodel is a service by itself what belongs to it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import cast

from titan.codec.aasx import Package
from titan.codec.envelope import JsonEnvelope, referred
from titan.codec.files import held_digests
from titan.codec.ids import decode_id
from titan.codec.json import stored
from titan.codec.shells import names_of, submodel_references
from titan.codec.xml import XmlEnvelope
from titan.errors import Invalid, NotFound
from titan.events.decide import Document
from titan.http.accept import chosen
from titan.http.reached import missing
from titan.http.requests import Query
from titan.http.responses import NO_CACHE, Header, send_bytes
from titan.http.routes import Call
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL, Kind, Subject
from titan.read.answers import await_position
from titan.read.fresh import Fresh
from titan.read.load import Load
from titan.read.modifiers import Restore
from titan.storage import documents
from titan.storage.blobs.store import Blobs
from titan.storage.listings import Page
from titan.storage.postgres import Pool, reachable

FETCHED_BYTES = 4 * 1024 * 1024
"""Documents are fetched in groups of about this size."""
PLACES = 1000
"""How many entries of a list are read at once."""
SENT_BYTES = 64 * 1024
"""Small documents are sent together, about so much at once."""
LONG_BYTES = 256 * 1024
"""Longer documents are turned into something else beside the loop: 1 MB takes about 45 ms."""
CONCEPTS = 64
"""How many concepts are fetched at once; few are longer than a few KB."""

ENVELOPES: dict[str, type[JsonEnvelope | XmlEnvelope | Package]] = {
    "application/json": JsonEnvelope,
    "application/xml": XmlEnvelope,
    "text/xml": XmlEnvelope,
    # What a package is called by the registry of media types, the OpenAPI, the prose, and the next version.
    "application/asset-administration-shell-package": Package,
    "application/asset-administration-shell-package+xml": Package,
    "application/aasx+xml": Package,
    "application/aas+zip": Package,
}
"""By media type; without `Accept`, or where all are welcome, it is the first."""


Found = AsyncIterator[tuple[Kind, Document]]
Pieces = Sequence[bytes]


class Serialization:
    """Serves documents together."""

    def __init__(self, fresh: Fresh, load: Load, pool: Pool, blobs: Blobs, restore: Restore) -> None:
        self._fresh = fresh
        self._load = load
        self._pool = pool
        self._blobs = blobs
        self._restore = restore

    async def show(self, call: Call) -> None:
        """GET /serialization, also of a shell or a submodel that is a service by itself.

        Raises:
            Invalid: where a parameter is not what the standard says it is.
            NotAcceptable: where the client takes nothing that there is.
            NotFound: where there is no document of an identifier that is asked for.
        """
        named = _named(call.query)
        concepts = _with_concepts(call.query)
        media_type = chosen(call.scope["headers"], tuple(ENVELOPES))
        wanted = await await_position(call, self._fresh)
        subjects = await self._subjects(call, named)
        headers: list[Header] = [(b"content-type", media_type.encode()), NO_CACHE, (b"vary", b"accept")]
        if ENVELOPES[media_type] is Package:
            headers.append((b"content-disposition", b'attachment; filename="environment.aasx"'))
        if call.scope["method"] == "HEAD":
            await send_bytes(call.send, 200, headers)
            return
        found = self._chosen(subjects, concepts=concepts) if subjects else self._all(concepts=concepts, wanted=wanted)
        pieces = _gathered(self._enveloped(ENVELOPES[media_type](), self._whole(found)))
        # A store that is away from the start can still be told of.
        first = await anext(pieces)
        await call.send({"type": "http.response.start", "status": 200, "headers": headers})
        await call.send({"type": "http.response.body", "body": first, "more_body": True})
        async for piece in pieces:
            await call.send({"type": "http.response.body", "body": piece, "more_body": True})
        await call.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _subjects(self, call: Call, named: Sequence[Subject]) -> Sequence[Subject]:
        """The documents that are asked for by name; none where it is the whole repository."""
        if call.operation.kind is None:
            await self._expect(named)
            return named
        service = Subject(KINDS[call.operation.kind], call.identifiers[0])
        standing = await self._fetch([service.key])
        if not standing:
            raise missing(service)
        below = names_of(submodel_references(standing[0].head)) if service.kind is SHELL else []
        served = [service, *(Subject(SUBMODEL, id) for id in below)]
        if not named:
            return served
        if strangers := [subject for subject in named if subject not in served]:
            raise NotFound(f"There is no {_listed(strangers)} in this service.")
        await self._expect(named)
        return named

    async def _expect(self, named: Sequence[Subject]) -> None:
        with reachable():
            async with self._pool.connection() as connection:
                stand = await documents.look(connection, [subject.key for subject in named])
        absent = [subject for subject in named if subject.key not in stand or not stand[subject.key].exists]
        if absent:
            # A removal is told of once nobody shows what was removed.
            stands = await self._load.standing([subject.key for subject in absent])
            absent = [subject for subject in absent if subject.key not in stands]
        if absent:
            raise NotFound(f"There is no {_listed(absent)}.")

    async def _chosen(self, named: Sequence[Subject], *, concepts: bool) -> Found:
        """Give the documents that are asked for, then the concepts that they or other such concepts refer to."""
        known: set[str] = set()
        for subject in named:
            for document in await self._fetch([subject.key]):
                if concepts:
                    known |= referred(document.pieces)
                yield subject.kind, document
        waiting = sorted(known)
        while waiting:
            keys = [Subject(CONCEPT_DESCRIPTION, id).key for id in waiting[:CONCEPTS]]
            del waiting[:CONCEPTS]
            for concept in await self._fetch(keys):
                new = referred(concept.pieces) - known
                known |= new
                waiting += sorted(new)
                yield CONCEPT_DESCRIPTION, concept

    async def _all(self, *, concepts: bool, wanted: int) -> Found:
        for kind in KINDS.values():
            if kind is CONCEPT_DESCRIPTION and not concepts:
                continue
            after, more = 0, True
            while more:
                page = await self._load.page(kind, (), after=after, limit=PLACES, wanted=wanted)
                for keys in _groups(page):
                    for document in await self._fetch(keys):
                        yield kind, document
                after, more = page.places[-1].sort if page.places else after, page.more

    async def _fetch(self, keys: Sequence[bytes]) -> list[Document]:
        """Give those of the documents that stand, in the order of their keys."""
        stand = await self._load.standing(keys)
        return [stand[key] for key in keys if key in stand]

    async def _whole(self, found: Found) -> AsyncIterator[tuple[Kind, Pieces]]:
        """Give the documents with the values of their Blobs, wherever those are kept."""
        async for kind, document in found:
            yield kind, await self._restore(document.pieces) if document.blobs else document.pieces

    async def _enveloped(
        self, envelope: JsonEnvelope | XmlEnvelope | Package, whole: AsyncIterator[tuple[Kind, Pieces]]
    ) -> AsyncIterator[bytes]:
        if isinstance(envelope, Package):
            async for piece in self._packed(envelope, whole):
                yield piece
            return
        async for kind, pieces in whole:
            added = envelope.add(kind, pieces)
            if isinstance(envelope, XmlEnvelope) and sum(map(len, pieces)) > LONG_BYTES:
                added = await asyncio.to_thread(list, added)
            for piece in added:
                yield piece
        yield envelope.end()

    async def _packed(self, package: Package, whole: AsyncIterator[tuple[Kind, Pieces]]) -> AsyncIterator[bytes]:
        sizes: dict[str, int] = {}
        async for kind, pieces in whole:
            for digest in held_digests(pieces) - sizes.keys():
                size = await self._blobs.size(digest)
                if size is not None:
                    sizes[digest] = size
            yield await asyncio.to_thread(_add, package, kind, pieces, sizes)
        for file in package.enclosed:
            yield package.begin(file)
            async with aclosing(cast("AsyncGenerator[bytes]", self._blobs.read(file.digest))) as content:
                async for piece in content:
                    yield await asyncio.to_thread(package.go_on, piece)
        yield await asyncio.to_thread(package.end)


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces that are worth a message."""
    held: list[bytes] = []
    size = 0
    async for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= SENT_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _add(package: Package, kind: Kind, pieces: Pieces, sizes: dict[str, int]) -> bytes:
    return package.add(kind, stored(kind.model, b"".join(pieces)), sizes)


def _listed(subjects: Sequence[Subject]) -> str:
    return ", no ".join([f"{subject.kind.name} {subject.id!r}" for subject in subjects])


def _groups(page: Page) -> Iterable[list[bytes]]:
    """Keys of neighbours that together are not too long to be fetched at once."""
    keys: list[bytes] = []
    size = 0
    for place in page.places:
        if keys and size + place.size > FETCHED_BYTES:
            yield keys
            keys, size = [], 0
        keys.append(place.key)
        size += place.size
    if keys:
        yield keys


def _named(query: Query) -> tuple[Subject, ...]:
    """The documents that are asked for, shells first, each once."""
    subjects: dict[bytes, Subject] = {}
    for name, kind in (("aasIds", SHELL), ("submodelIds", SUBMODEL)):
        for given in query.all(name):
            # OpenAPI repeats the parameter, clients also send a list with commas: both are understood.
            for part in given.split(","):
                subject = Subject(kind, _identifier(name, part))
                subjects.setdefault(subject.key, subject)
    return tuple(subjects.values())


def _identifier(name: str, part: str) -> str:
    try:
        return decode_id(part)
    except Invalid as error:
        raise Invalid(str(error), path=name) from error


_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
"""As JSON writes them, and as Python does."""


def _with_concepts(query: Query) -> bool:
    given = query.first("includeConceptDescriptions")
    if given is None:
        return True
    if given not in _BOOLEANS:
        raise Invalid("It must be true or false.", path="includeConceptDescriptions")
    return _BOOLEANS[given]
