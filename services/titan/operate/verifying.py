"""`titan verify`: the journal against the state, the read model, Redis and replicas, while everything runs."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager

import psycopg
from rich.console import Console
from rich.progress import Progress

from titan.addresses import Address, database
from titan.codec.within import LostError
from titan.events.decide import Document
from titan.events.project import Listed
from titan.events.replay import Replay, Told
from titan.metamodel.kinds import KINDS, Subject
from titan.operate import evidence
from titan.operate.copies import Copies
from titan.operate.evidence import Dated, Extent
from titan.operate.listed import listed
from titan.operate.shown import Shown, showing
from titan.operate.terminal import progress, say
from titan.storage import documents, redis
from titan.storage.postgres import Connection, connect, reachable
from titan.storage.rebuild import Stands
from titan.storage.redis import Names

SHOWN = 20
"""How many differences of each kind are told."""
WHOLE_TABLES = "-c jit=off"


class Differences:
    """What differs: how much of each kind, and the first of it."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.sentences: dict[str, list[str]] = {}

    def add(self, about: str, sentence: str) -> None:
        """Take note of one thing that is wrong."""
        self.counts[about] = self.counts.get(about, 0) + 1
        told = self.sentences.setdefault(about, [])
        if len(told) < SHOWN:
            told.append(sentence)

    def show(self, console: Console) -> None:
        """Tell them, a kind after the other."""
        for about, count in self.counts.items():
            say(console, f"{about}: {count} {'difference' if count == 1 else 'differences'}", style="bold red")
            for sentence in self.sentences[about]:
                say(console, f"  {sentence}")
            if count > SHOWN:
                say(console, f"  and {count - SHOWN} more")


async def verify(
    *, database_url: Address, redis_url: Address | None, names: Names, console: Console, replicas: Sequence[str] = ()
) -> int:
    """Say OK, or what differs; gives 0 or 1.

    Replicas are asked at their URLs for every document, as clients ask them; each has a memory of its own.

    Raises:
        Unavailable: where the database is away.
    """
    client = redis.connect(redis_url) if redis_url else None
    try:
        async with _connections(database(database_url).conninfo) as (snapshot, fresh):
            copies = Copies(client, names, fresh) if client else None
            async with showing(replicas, fresh) as shown:
                verification = Verification(snapshot, copies, shown)
                with reachable(), progress() as bar:
                    await verification.run(bar)
    finally:
        if client:
            await client.aclose()
    return verification.show(console)


@asynccontextmanager
async def _connections(conninfo: Address) -> AsyncGenerator[tuple[Connection, Connection]]:
    snapshot = await connect(conninfo, name="verify", options=WHOLE_TABLES)
    try:
        await snapshot.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await snapshot.set_read_only(True)
        fresh = await connect(conninfo, name="verify now")
        try:
            yield snapshot, fresh
        finally:
            await fresh.close()
    finally:
        await snapshot.close()


class Verification:
    """A verification under way, within one snapshot of PostgreSQL."""

    def __init__(self, snapshot: Connection, copies: Copies | None, replicas: Sequence[Shown]) -> None:
        self._snapshot = snapshot
        self._copies = copies
        self._replicas = replicas
        self._differences = Differences()
        self._extent = Extent(0, 0, 0, [])
        self._behind = 0

    def show(self, console: Console) -> int:
        """Tell what was found; gives the exit status."""
        if self._behind:
            say(
                console, f"The projector has yet to come to {self._behind} documents: not compared with what is listed."
            )
        if self._copies and self._copies.silence:
            say(console, self._copies.silence, style="yellow")
        self._differences.show(console)
        looked_at = f"{self._extent.last} events, {self._extent.documents} documents"
        if self._copies:
            looked_at += f", {self._copies.found} of them in Redis"
        for replica in self._replicas:
            looked_at += f", {replica.answered} at {replica.url}"
        if self._differences.counts:
            say(console, f"DIFFERS: {looked_at}.", style="bold red")
            return 1
        say(console, f"OK: {looked_at}.", style="bold green")
        return 0

    async def run(self, bar: Progress) -> None:
        """Look at everything, in one snapshot."""
        if self._copies:
            await self._copies.begin()
        async with self._snapshot.transaction():
            await self._look(bar)
        if self._copies:
            async for sentence in self._copies.strangers():
                self._differences.add("Redis", sentence)
        for replica in self._replicas:
            async for sentence in replica.lists():
                self._differences.add(replica.url, sentence)

    async def _look(self, bar: Progress) -> None:
        self._extent = extent = await evidence.begin(self._snapshot)
        task = bar.add_task("Documents", total=extent.documents)
        for question in evidence.QUESTIONS:
            async for sentence in evidence.sentences(self._snapshot, question):
                self._differences.add(question.about, sentence)
        async for keys in evidence.pages(self._snapshot):
            await self._page(keys, extent)
            bar.advance(task, len(keys))

    async def _page(self, keys: Sequence[bytes], extent: Extent) -> None:
        state = await documents.fetch(self._snapshot, keys)
        await self._replay(state)
        rows = await evidence.rows(self._snapshot, keys)
        for document in state.values():
            if document.position > extent.bookmark:
                self._behind += 1
            elif document.key not in extent.parked:
                for sentence in _unlike(document, rows[document.key]):
                    self._differences.add("the read model", sentence)
        if self._copies:
            for sentence in await self._copies.compare(list(state.values())):
                self._differences.add("Redis", sentence)
        for replica in self._replicas:
            for sentence in await replica.compare(list(state.values())):
                self._differences.add(replica.url, sentence)

    async def _replay(self, state: dict[bytes, Document]) -> None:
        replay: Replay | None = None
        key = b""
        async for tale in evidence.tales(self._snapshot, list(state)):
            if tale.key != key:
                self._settle(state.get(key), replay)
                key, replay = tale.key, Replay()
            if replay is not None:
                replay = self._tell(replay, tale, state[key])
        self._settle(state.get(key), replay)

    def _tell(self, replay: Replay, tale: Told, document: Document) -> Replay | None:
        try:
            replay(tale)
        except (LostError, ValueError) as error:
            sentence = f"What the journal tells of {_named(document)} at {tale.path!r} cannot be followed: {error!r}"
            self._differences.add("the state", sentence)
            return None
        return replay

    def _settle(self, document: Document | None, replay: Replay | None) -> None:
        if document is None or replay is None:
            return
        for sentence in _untold(document, replay):
            self._differences.add("the state", sentence)


def _named(document: Document) -> str:
    return f"{document.kind} {document.id}"


def _untold(document: Document, replay: Replay) -> Iterator[str]:
    """What the state says otherwise than the journal."""
    if KINDS.get(document.kind) is None or Subject(KINDS[document.kind], document.id).key != document.key:
        yield f"{_named(document)} is kept under the key of another."
    if document.removed != replay.removed:
        yield f"{_named(document)} {'was not removed' if document.removed else 'was removed'}, says the journal."
    elif not document.removed and b"".join(document.pieces) != replay.body:
        yield f"{_named(document)}, revision {document.revision}, has other bytes than the journal tells."
    elif not document.removed and document.blobs != replay.blobs:
        yield f"{_named(document)} {'has no' if document.blobs else 'has a'} Blob, says the journal."


def _unlike(document: Document, dated: Dated) -> Iterator[str]:
    """What the read model says otherwise than the state."""
    if document.removed:
        return
    if dated.row is None:
        yield f"{_named(document)} is not listed."
        return
    expected = _expected(document, dated)
    if expected is None:
        yield f"{_named(document)} is listed, and cannot be projected."
        return
    for name in Listed.__struct_fields__:
        if getattr(dated.row, name) != getattr(expected, name):
            yield f"{_named(document)} is listed with another {name} than it has."


def _expected(document: Document, dated: Dated) -> Listed | None:
    stands = Stands(
        kind=document.kind,
        created=document.created,
        key=document.key,
        id=document.id,
        position=document.position,
        created_at=dated.created_at,
        updated_at=dated.updated_at,
        head=document.head,
    )
    try:
        return listed(stands)
    except (ValueError, KeyError):
        return None
