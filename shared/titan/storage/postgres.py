"""Connections to PostgreSQL, and what its errors mean to us.

A database that is stopped or cut off says nothing at all: whoever waits for it hangs up after a while. One that refuses
our password is as good as away: passwords are changed while the system runs, and the file with the new one may come
later than the change.
"""

import asyncio
import os
import select
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import LiteralString, Self

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from titan.addresses import Address, current
from titan.errors import Unavailable

Connection = AsyncConnection[TupleRow]

# A plan made while the journal was empty scans it for ever; without index scans to fall back on, JIT compiles each
# call. The two belong together: only one of them makes it worse. A bitmap would fetch a whole facet to sort it for the
# sake of one page.
# A server that is not told otherwise takes two hours to notice that the other side is gone without a word, and keeps
# its locks as long: nobody could lead after a machine that lost its power.
PLANNING = (
    "-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off"
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3 -c tcp_user_timeout=10000"
)

# Who stops in the middle of a transaction that holds the lock of all writers is sent away.
WRITING = f"{PLANNING} -c idle_in_transaction_session_timeout=10000"

# A commit of the read model need not reach the disk before it is answered: it is rebuilt from the journal by its
# bookmark, which is lost or kept with it.
REBUILDABLE = f"{PLANNING} -c synchronous_commit=off"

LEAD_AGAIN_S = 0.1

STATEMENT_S = 15.0
"""How long the database may take to answer somebody for whom a client waits."""
CONNECTION_S = 3.0
"""How long one waits for a connection of a pool."""
SIGN_OF_LIFE_S = 0.25
"""The same while the database was away when it was asked last: whoever comes then is told at once."""

_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    TooManyRequests,
    ReadOnlySqlTransaction,
    OSError,
)


@contextmanager
def reachable() -> Generator[None]:
    """Turn what the driver says of a database that is away into our word for it.

    Raises:
        Unavailable: where the database cannot be reached, is starting, stopping or full, or takes no writes.
    """
    try:
        yield
    except _AWAY as error:
        if is_refusal(error):
            raise Unavailable(REFUSED, is_refusal=True) from error
        message = "The database is away."
        raise Unavailable(message) from error


REFUSED = "The database refuses our credentials: see DATABASE_URL and DATABASE_PASSWORD."


def is_refusal(error: Exception) -> bool:
    """Whether the database does not let us in. A failed start of a session has no code, only words."""
    return isinstance(error, psycopg.OperationalError) and (
        "authentication failed" in str(error) or (error.pgconn is not None and bool(error.pgconn.needs_password))
    )


@contextmanager
def bounded(connection: Connection, seconds: float = STATEMENT_S) -> Generator[None]:
    """Hang up on a database that does not answer in time; what waits for it then fails as if the connection was lost.

    To cancel would not do: the driver first asks the database to stop, and waits for that.
    """
    hanging_up = asyncio.get_running_loop().call_later(seconds, _hang_up, connection)
    try:
        yield
    finally:
        hanging_up.cancel()


def _hang_up(connection: Connection) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


async def see(connection: Connection) -> None:
    """See that a connection which rested is still there: one that was ended would fail whoever uses it next.

    Costs nothing as long as the server has said nothing: only then is it asked.

    Raises:
        psycopg.OperationalError: where it is not.
    """
    listening = select.poll()
    listening.register(connection.fileno(), select.POLLIN)
    if listening.poll(0):
        await connection.execute("")


class Entrance(Struct):
    """Where a pool connects to, and what kept it out the last time, which the pool itself only logs."""

    address: Address
    name: str
    refusal: Unavailable | None = None


class Line(AsyncConnection[TupleRow]):
    """A connection of a pool."""

    @classmethod
    async def connect(  # pyright: ignore[reportIncompatibleMethodOverride]  # a pool calls it, with what `pool` gives
        cls,
        conninfo: str = "",  # noqa: ARG003  # the address is asked for here, so that it is known what became of that
        *,
        entrance: Entrance,
        connect_timeout: int = 3,
    ) -> Self:
        """Connect by what the address is now."""
        try:
            connection = await super().connect(
                current(entrance.address),
                autocommit=True,
                prepare_threshold=1,
                connect_timeout=connect_timeout,
                application_name=f"titan {entrance.name}",
                options=PLANNING,
                tcp_user_timeout=10_000,
            )
        except psycopg.OperationalError as error:
            entrance.refusal = Unavailable(REFUSED, is_refusal=True) if is_refusal(error) else None
            raise
        except Unavailable as refusal:
            entrance.refusal = refusal
            raise
        entrance.refusal = None
        return connection


class Pool(AsyncConnectionPool[Connection]):
    """Connections for short statements. While the database is away, whoever asks for one is told so quickly."""

    _was_away = False

    def __init__(self, entrance: Entrance, *, size: int) -> None:
        self._entrance = entrance
        super().__init__(
            connection_class=Line,
            kwargs={"entrance": entrance},
            min_size=1,
            max_size=size,
            open=False,
            name=entrance.name,
            timeout=CONNECTION_S,
            max_waiting=size * 64,
            # Longer, and the pauses between two attempts grow to half a minute; whoever asks begins the next one.
            reconnect_timeout=2,
            configure=_configure,
        )

    @asynccontextmanager
    async def connection(
        self, timeout: float | None = None, *, statement_s: float = STATEMENT_S
    ) -> AsyncGenerator[Connection]:
        """Lend a connection.

        Args:
            timeout: How long to wait for one, in seconds.
            statement_s: How long it is lent at most; then it is closed.
        """
        patience_s = timeout or (SIGN_OF_LIFE_S if self._was_away else CONNECTION_S)
        try:
            connection = await self._living(patience_s)
            try:
                with bounded(connection, statement_s):
                    async with connection:
                        yield connection
            finally:
                await self.putconn(connection)
        except psycopg.errors.AdminShutdown:
            # Somebody ended this one session, or all: whether the database is away is for the next one to find out.
            raise
        except _AWAY as error:
            self._was_away = True
            if isinstance(error, ReadOnlySqlTransaction):
                # It may have been the primary until now: a connection that is made anew may find another.
                await self.drain()
            if self._entrance.refusal is not None and isinstance(error, PoolTimeout):
                raise Unavailable(str(self._entrance.refusal), is_refusal=True) from error
            raise
        self._was_away = False

    async def _living(self, patience_s: float) -> Connection:
        """A connection that was not ended while it rested.

        The pool's own check pauses for a second, and longer, after each that was. Sessions are seldom ended one by one,
        so here the first that is found dead takes all that rest with it.
        """
        connection = await self.getconn(patience_s)
        try:
            await see(connection)
        except psycopg.Error:
            await self.putconn(connection)
            await self.drain()
            return await self.getconn(patience_s)
        except BaseException:
            await self.putconn(connection)
            raise
        return connection


async def connect(conninfo: Address, *, name: str, options: str = PLANNING) -> Connection:
    """Open one connection in autocommit mode, for a process that keeps it.

    Raises:
        Unavailable: where the database cannot be reached within 5 seconds.
    """
    with reachable():
        connection = await AsyncConnection.connect(
            current(conninfo),
            autocommit=True,
            prepare_threshold=1,
            connect_timeout=5,
            application_name=f"titan {name}",
            options=options,
            keepalives_idle=10,
            keepalives_interval=3,
            keepalives_count=3,
            tcp_user_timeout=10_000,
        )
    _settle_numbers(connection)
    return connection


def _settle_numbers(connection: Connection) -> None:
    """Send every integer as 8 bytes: by its size it would give one query several prepared statements."""
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(int, Int8Dumper)


async def _configure(connection: Connection) -> None:
    _settle_numbers(connection)


def pool(conninfo: Address, *, name: str, size: int) -> Pool:
    """A pool for short reads, made closed; whoever composes the process opens it."""
    return Pool(Entrance(conninfo, name), size=size)


def in_use(pool: Pool) -> int:
    """How many connections of a pool are lent out."""
    stats = pool.get_stats()
    return stats.get("pool_size", 0) - stats.get("pool_available", 0)


async def alive(pool: Pool) -> None:
    """Ask the database for a sign of life.

    Raises:
        Unavailable: where it gives none.
    """
    with reachable():
        # A little less than health's own patience, which would only say that there was no answer.
        async with pool.connection(timeout=0.8, statement_s=1) as connection:
            await connection.execute("SELECT 1")


async def lead(connection: Connection, lock: LiteralString) -> None:
    """Wait until a lock is ours, for as long as the connection lives: a leader that is killed has lost it at once.

    It is asked for again and again: a session that waits inside one statement would hold back vacuum.
    """
    with reachable():
        while True:
            row = await (await connection.execute(lock)).fetchone()
            if row is not None and row[0]:
                return
            await asyncio.sleep(LEAD_AGAIN_S)
