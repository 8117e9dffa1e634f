"""`titan warm`: have replicas load what they will be asked for, before they are asked."""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus

import httpx
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress, TaskID

from titan.addresses import Address, database
from titan.codec.ids import encode_id
from titan.metamodel.kinds import KINDS
from titan.operate.terminal import progress, say
from titan.storage import listings
from titan.storage.postgres import connect

CONCURRENCY = 16
"""Requests under way at each replica: less than a client or two would send, so that nobody feels it."""
ANSWER_S = 60.0
EVERYTHING = 1 << 62
SHOWN = 20
"""How many failures of each replica are told."""
AWAY = 50
"""After so many failures in a row a replica is given up."""


class Failure(Struct, frozen=True):
    """A request that did not do what it was sent for."""

    path: str
    why: str


async def warm(
    urls: Sequence[str], *, database_url: Address, limit: int | None, console: Console, concurrency: int = CONCURRENCY
) -> int:
    """GET the first page of every list, and every document or the newest of them, at every URL.

    The newest come last: where memory has no room for all, they are what stays. Each replica has a memory of its own,
    so each is to be named; behind a gateway, only one of them is asked for each document.

    Gives 0 where everything was answered, 1 where something was not, 2 where a replica had to be given up.

    Raises:
        Unavailable: where the database is away.
    """
    began = time.monotonic()
    replicas = [Warming(url, concurrency) for url in urls]
    with progress() as bar:
        async with asyncio.TaskGroup() as group:
            for replica in replicas:
                group.create_task(replica.run(database_url, limit, bar))
    for replica in replicas:
        replica.show(console, time.monotonic() - began)
    return max(replica.status for replica in replicas)


class Warming:
    """One replica that is being warmed."""

    def __init__(self, url: str, concurrency: int) -> None:
        self._url = url
        self._concurrency = concurrency
        self._answered = 0
        self._gone = 0
        self._bytes = 0
        self._failures: list[Failure] = []
        self._failed = 0
        self._in_a_row = 0

    @property
    def status(self) -> int:
        """As an exit status."""
        return 2 if self._is_away else 1 if self._failed else 0

    @property
    def _is_away(self) -> bool:
        return self._in_a_row >= AWAY or (self._failed > 0 and not self._answered)

    async def run(self, database_url: Address, limit: int | None, bar: Progress) -> None:
        """Ask for everything, so much at once."""
        connection = await connect(database(database_url).conninfo, name="warm")
        try:
            kinds = list(KINDS)
            after, count = await listings.newest(connection, kinds, limit=EVERYTHING if limit is None else limit)
            task = bar.add_task(self._url, total=count)
            limits = httpx.Limits(max_connections=self._concurrency, max_keepalive_connections=self._concurrency)
            async with httpx.AsyncClient(base_url=self._url, limits=limits, timeout=ANSWER_S) as client:
                for kind in KINDS.values():
                    await self._get(client, f"/{kind.collection}")
                async for page in listings.walk(connection, kinds, after=after):
                    await self._page(client, page, bar, task)
                    if self._is_away:
                        return
        finally:
            await connection.close()

    async def _page(
        self, client: httpx.AsyncClient, page: Sequence[tuple[str, str]], bar: Progress, task: TaskID
    ) -> None:
        ahead = iter(page)

        async def work() -> None:
            for kind, id in ahead:
                if self._is_away:
                    return
                await self._get(client, f"/{KINDS[kind].collection}/{encode_id(id)}")
                bar.advance(task)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(work())

    async def _get(self, client: httpx.AsyncClient, path: str) -> None:
        try:
            async with client.stream("GET", path) as answer:
                # Read to its end and kept nowhere: a document may be long.
                async for piece in answer.aiter_raw():
                    self._bytes += len(piece)
        except httpx.HTTPError as error:
            self._fail(path, repr(error))
            return
        if answer.status_code == HTTPStatus.OK:
            self._answered += 1
            self._in_a_row = 0
        elif answer.status_code == HTTPStatus.NOT_FOUND and path.count("/") > 1:
            # Removed since it was listed.
            self._gone += 1
            self._in_a_row = 0
        else:
            self._fail(path, f"{answer.status_code} {answer.reason_phrase}")

    def _fail(self, path: str, why: str) -> None:
        self._failed += 1
        self._in_a_row += 1
        if len(self._failures) < SHOWN:
            self._failures.append(Failure(path, why))

    def show(self, console: Console, seconds: float) -> None:
        """Tell what came of it."""
        for failure in self._failures:
            say(console, f"{self._url}{failure.path}: {failure.why}", style="red")
        if self._failed > len(self._failures):
            say(console, f"and {self._failed - len(self._failures)} more")
        told = [
            f"{self._answered} answers",
            f"{self._bytes:,} bytes",
            f"{self._answered / max(seconds, 0.001):,.0f} a second",
        ]
        told += [f"{self._gone} gone meanwhile"] * (self._gone > 0) + [f"{self._failed} failed"] * (self._failed > 0)
        told += ["given up"] * self._is_away
        say(console, f"{self._url}: {', '.join(told)}", style="bold red" if self._failed else None)
