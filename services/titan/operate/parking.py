"""`titan events`: what the projector could not follow, shown, and put right from the state of the documents."""

from collections.abc import Sequence

import msgspec
import psycopg
from rich.console import Console
from rich.table import Table

from titan.addresses import Address, database
from titan.errors import Misconfigured
from titan.operate.listed import listed
from titan.operate.renewing import renew_cache
from titan.operate.terminal import progress, say
from titan.storage import parked as storage
from titan.storage.parked import Parked
from titan.storage.postgres import Connection, connect, reachable
from titan.storage.redis import Names


async def parked(*, database_url: Address) -> list[Parked]:
    """Every event that is parked, by position.

    Raises:
        Unavailable: where the database is away.
        Misconfigured: where it has no schema.
    """
    connection = await connect(database(database_url).conninfo, name="events")
    try:
        return await storage.parked(connection)
    except psycopg.errors.UndefinedTable as error:
        raise Misconfigured("The database has no schema yet: run `titan migrate` first.") from error
    finally:
        await connection.close()


def show(events: Sequence[Parked], console: Console, *, as_json: bool) -> None:
    """Tell them, as a table or, with the names of the table's columns, as one object of JSON a line."""
    if as_json:
        for one in events:
            console.out(msgspec.json.encode(_told(one)).decode(), highlight=False)
        return
    if not events:
        say(console, "Nothing is parked.", style="green")
        return
    table = Table(box=None, pad_edge=False)
    for name in Told.__struct_fields__:
        table.add_column(name, overflow="fold", justify="right" if name == "position" else "left")
    for one in events:
        told = _told(one)
        since = f"{one.since:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(told.position), told.follower, told.document, told.fact, since, told.error)
    console.print(table, markup=False, highlight=False)


class Told(msgspec.Struct, frozen=True):
    """What is said of an event."""

    position: int
    follower: str
    document: str
    """Kind and identifier; empty where the journal knows of no such event."""
    fact: str
    since: str
    error: str


def _told(one: Parked) -> Told:
    return Told(one.position, one.follower, f"{one.kind} {one.id}".strip(), one.fact, one.since.isoformat(), one.error)


async def retry(
    positions: Sequence[int],
    *,
    everything: bool,
    database_url: Address,
    redis_url: Address | None,
    names: Names,
    console: Console,
) -> int:
    """Put right the documents of these events, or of all that are parked; gives the exit status.

    Gives 0 where nothing of it is parked any more, also where it was not before; 1 where something stays parked, with
    its new error; 2 where Redis did not hear of it, so that lists in the memory of replicas may lack what is right now.

    Raises:
        Misconfigured: where it is not said what to try again.
        Unavailable: where the database is away.
    """
    if everything == bool(positions):
        raise Misconfigured("Say which: `titan events retry POSITION…`, or `--all`.")
    found = [one for one in await parked(database_url=database_url) if one.follower == "projector"]
    there = [one for one in found if everything or one.position in positions]
    for position in sorted({*positions} - {one.position for one in there}):
        say(console, f"Position {position} is not parked.")
    connection = await connect(database(database_url).conninfo, name="events retry")
    try:
        retrying = Retrying(connection, console)
        await retrying.run(there)
    finally:
        await connection.close()
    status = retrying.show(len(there))
    # Caches, and lists in the memory of replicas, are of before. No announcement can say so: it takes a new position.
    if retrying.is_changed and not await renew_cache(redis_url, names, console):
        return 2
    return status


class Retrying:
    """Documents that are put right one by one, each in a transaction of its own."""

    def __init__(self, connection: Connection, console: Console) -> None:
        self._connection = connection
        self._console = console
        self._settled: set[int] = set()
        self._left: set[int] = set()

    @property
    def is_changed(self) -> bool:
        """Whether something was put right."""
        return bool(self._settled)

    async def run(self, events: Sequence[Parked]) -> None:
        """Try the document of every event once, and tell what fails again."""
        keys: dict[bytes, list[Parked]] = {}
        for one in events:
            keys.setdefault(one.key, []).append(one)
        with reachable(), progress() as bar:
            task = bar.add_task("Documents", total=len(keys))
            for key, ours in keys.items():
                await self._try(key, ours)
                bar.advance(task)

    def show(self, asked: int) -> int:
        """Say what came of it; gives the exit status."""
        if not asked:
            say(self._console, "Nothing is to be done.")
        else:
            say(self._console, f"{len(self._settled)} events are put right, {len(self._left)} stay parked.")
        return 1 if self._left else 0

    async def _try(self, key: bytes, events: Sequence[Parked]) -> None:
        ours = {one.position for one in events}
        try:
            async with self._connection.transaction():
                bookmark = await storage.hold(self._connection)
                stands = await storage.stands(self._connection, key)
                row = None if stands is None else listed(stands)
                settled = await storage.put_right(self._connection, key, row, bookmark=bookmark)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001  # as in the projector: one document must not stop the others
            for one in events:
                await storage.park(self._connection, one.position, follower=one.follower, key=key, error=repr(error))
                say(self._console, f"Position {one.position}, {one.kind} {one.id}, stays parked: {error!r}")
            self._left |= ours
            return
        self._settled |= {*settled}
        self._left |= ours - {*settled}
        for position in sorted(ours - {*settled}):
            say(self._console, f"Position {position} stays parked: the projector is just coming to it.")
