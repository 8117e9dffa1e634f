"""Where a document comes from when memory has no answer: Redis while it can be trusted, else PostgreSQL.

What was just changed is held back until no other replica can show anything older. Without that, one client could see a
change, and the next one, at another replica, what was before it.
"""

from collections.abc import Sequence

from msgspec import Struct

from titan.errors import Unavailable
from titan.events.decide import Document
from titan.events.edit import Branch
from titan.http.reached import Reached
from titan.metamodel.kinds import Kind, Subject
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces
from titan.read.fresh import Fresh
from titan.storage import documents, elements, listings
from titan.storage.cache import Cache, Finished
from titan.storage.elements import Outline
from titan.storage.listings import Page
from titan.storage.notices import PROJECTED, Notices
from titan.storage.postgres import Pool, reachable
from titan.storage.together import Together
from titan.storage.visibility import Visibility
from titan.tasks import lasting

_POSTGRESQL = {"db.system.name": "postgresql"}
_REDIS = {"db.system.name": "redis"}

PATIENCE_S = 5.0
"""How long an answer is held back before the client is told to come again."""


class Loaded(Struct, frozen=True):
    """A document, as fresh as whatever was announced before it was asked for."""

    revision: int
    position: int
    blobs: bool
    pieces: Sequence[bytes]
    """The canonical bytes, in pieces that are to be joined."""


class Load:
    """Loads documents, one a call, and parts of them."""

    def __init__(  # the stores that it loads from
        self,
        fresh: Fresh,
        cache: Cache | None,
        pool: Pool,
        notices: Notices,
        visibility: Visibility,
        *,
        metrics: Metrics,
        traces: Traces = OFF,
    ) -> None:
        self._fresh = fresh
        self._cache = cache
        self._found = Together(cache.find) if cache is not None else None
        self._pool = pool
        self._state = documents.together(pool, documents.fetch)
        self._branches = documents.together(pool, documents.branch)
        self._notices = notices
        self._visibility = visibility
        self._redis = metrics.lookups("redis")
        self._traces = traces

    async def __call__(self, subject: Subject) -> Loaded | None:
        """Give the document; None where there is none.

        Raises:
            Unavailable: where PostgreSQL is asked and away, or a change of the document does not get about.
        """
        finished = await self._from_redis(subject.key)
        if finished is not None:
            await self._hold(finished.position)
            return Loaded(finished.revision, finished.position, finished.blobs, finished.pieces)
        with self._traces.during("PostgreSQL", **_POSTGRESQL):
            document = await self._state.get(subject.key)
        if document is None:
            return None
        await self._hold(document.position)
        if document.removed:
            return None
        return Loaded(document.revision, document.position, document.blobs, document.pieces)

    async def branch(self, subject: Subject, id_short: str) -> Branch | None:
        """Give a document with one branch; None where there is no such document.

        Raises:
            Unavailable: as above.
        """
        with self._traces.during("PostgreSQL", **_POSTGRESQL):
            found = await self._branches.get(documents.branch_name(subject.key, id_short))
        if found is None:
            return None
        await self._hold(found.position)
        return None if found.removed else found

    async def outline(self, subject: Subject) -> Outline | None:
        """Give what the elements of a submodel are called; None where there is no such submodel.

        Raises:
            Unavailable: as above.
        """
        found = await elements.outline(self._pool, subject.key)
        if found is None:
            return None
        await self._hold(found.position)
        return None if found.removed else found

    async def standing(self, keys: Sequence[bytes]) -> dict[bytes, Document]:
        """Give those documents that stand, by their keys.

        Raises:
            Unavailable: as above.
        """
        with reachable():
            async with self._pool.connection() as connection:
                found = await documents.fetch(connection, keys)
        await self._hold(max((document.position for document in found.values()), default=0))
        return {key: document for key, document in found.items() if not document.removed}

    async def page(self, kind: Kind, facets: Sequence[bytes], *, after: int, limit: int, wanted: int) -> Page:
        """Give a page of a read model that knows at least what this replica was told, and what the client wants.

        Raises:
            Unavailable: as above, or where the read model does not come as far.
        """
        need = max(wanted, self._fresh.applied)
        for _ in range(20):
            with self._traces.during("PostgreSQL", **_POSTGRESQL), reachable():
                async with self._pool.connection() as connection:
                    found = await listings.page(connection, kind.name, facets, after=after, limit=limit)
            if found.position >= need:
                await self._hold(found.shows)
                return found
            await self._notices.wait(PROJECTED, found.position, timeout_s=PATIENCE_S / 20)
        raise Unavailable(f"The read model has not reached position {need} yet.")

    async def _hold(self, position: int) -> None:
        """Wait until what happened up to a position may be shown.

        Raises:
            Unavailable: where it takes too long.
        """
        if position > self._visibility.reached:
            with self._traces.during("wait until visible"):
                await self._visibility.hold(position, timeout_s=PATIENCE_S)

    async def confirm(self, where: Reached) -> None:
        """See whether the shell that a submodel was reached by refers to it still.

        Raises:
            NotFound: where it does not, or is not there.
        """
        if where.by is not None:
            shell = await self(where.by)
            where.confirm(None if shell is None else shell.pieces)

    async def run(self) -> None:
        """Ask for what is wanted, until cancelled."""
        works = [self._state.run(), self._branches.run(), self._visibility.run()]
        if self._found is not None:
            works.append(self._found.run())
        await lasting(*works)

    async def _from_redis(self, key: bytes) -> Finished | None:
        if self._cache is None or self._found is None or not self._fresh.is_fresh:
            return None
        # A Redis that came back older than it was says so itself: it knows less than what we have been told already, or
        # its projector has begun another generation meanwhile.
        applied, generation = self._fresh.applied, self._fresh.generation
        try:
            with self._traces.during("Redis", **_REDIS):
                cached = await self._found.get(self._cache.name(generation, key))
        except Unavailable:
            return None
        if cached is None or cached.document is None or cached.projected < applied or cached.generation != generation:
            self._redis.miss()
            return None
        self._redis.hit()
        return cached.document
