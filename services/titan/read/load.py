"""Where a document comes from when memory has no answer: Redis while it can be trusted, else PostgreSQL."""

from collections.abc import Sequence

from msgspec import Struct

from titan.errors import Unavailable
from titan.events.decide import Document
from titan.http.reached import Reached
from titan.metamodel.kinds import Subject
from titan.observability.metrics import Metrics
from titan.read.fresh import Fresh
from titan.storage.cache import Cache, Finished
from titan.storage.together import Together


class Loaded(Struct, frozen=True):
    """A document, as fresh as whatever was announced before it was asked for."""

    revision: int
    position: int
    blobs: bool
    pieces: Sequence[bytes]
    """The canonical bytes, in pieces that are to be joined."""


class Load:
    """Loads documents, one a call."""

    def __init__(self, fresh: Fresh, cache: Cache | None, state: Together[Document], metrics: Metrics) -> None:
        self._fresh = fresh
        self._cache = cache
        self._found = Together(cache.find) if cache is not None else None
        self._state = state
        self._redis = metrics.lookups("redis")

    async def __call__(self, subject: Subject) -> Loaded | None:
        """Give the document; None where there is none.

        Raises:
            Unavailable: where PostgreSQL is asked and away.
        """
        finished = await self._from_redis(subject.key)
        if finished is not None:
            return Loaded(finished.revision, finished.position, finished.blobs, finished.pieces)
        document = await self._state.get(subject.key)
        if document is None or document.removed:
            return None
        return Loaded(document.revision, document.position, document.blobs, document.pieces)

    async def confirm(self, where: Reached) -> None:
        """See whether the shell that a submodel was reached by refers to it still.

        Raises:
            NotFound: where it does not, or is not there.
        """
        if where.by is not None:
            shell = await self(where.by)
            where.confirm(None if shell is None else shell.pieces)

    async def run(self) -> None:
        """Ask Redis for what is wanted, until cancelled."""
        if self._found is not None:
            await self._found.run()

    async def _from_redis(self, key: bytes) -> Finished | None:
        if self._cache is None or self._found is None or not self._fresh.is_fresh:
            return None
        # A Redis that came back older than it was says so itself: it knows less than what we have been told already.
        applied = self._fresh.applied
        try:
            cached = await self._found.get(self._cache.name(self._fresh.generation, key))
        except Unavailable:
            return None
        if cached is None or cached.document is None or cached.projected < applied:
            self._redis.miss()
            return None
        self._redis.hit()
        return cached.document
