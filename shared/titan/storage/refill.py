"""Rows back into the database, as `titan.storage.dump` gave them, within one transaction.

The connection is a synchronous one, since it is shared with the migrations.
"""

import psycopg
from msgspec import Struct
from psycopg import sql

from titan.storage.dump import Table, tables_of


class Held(Struct, frozen=True):
    """What a database holds."""

    rows: bool
    """Whether there is anything that could be lost."""
    events: int
    documents: int
    position: int


THERE = """
SELECT to_regclass('journal.event') IS NOT NULL AND to_regclass('journal.head') IS NOT NULL
"""
HELD = """
SELECT (SELECT count(*) FROM journal.event),
       (SELECT count(*) FROM journal.head WHERE NOT removed),
       (SELECT coalesce(max(position), 0) FROM journal.event),
       (SELECT count(*) FROM journal.head)
"""


def held(connection: psycopg.Connection) -> Held:
    """Look what there is; writers wait from here to the end of the transaction."""
    row = connection.execute(THERE).fetchone()
    if row is None or not row[0]:
        return Held(rows=False, events=0, documents=0, position=0)
    connection.execute("LOCK TABLE journal.event, journal.head IN EXCLUSIVE MODE")
    counted = connection.execute(HELD).fetchone() or (0, 0, 0, 0)
    return Held(rows=bool(counted[0] or counted[3]), events=counted[0], documents=counted[1], position=counted[2])


CLEAR = (
    "DROP SCHEMA IF EXISTS read_next CASCADE",
    "DROP SCHEMA IF EXISTS read CASCADE",
    "DROP SCHEMA IF EXISTS journal CASCADE",
    "DROP TABLE IF EXISTS public.alembic_version",
    "DROP TABLE IF EXISTS public.titan_compatible",
)


def clear(connection: psycopg.Connection) -> None:
    """Drop the schemas; whoever reads or writes waits for the end of the transaction."""
    for statement in CLEAR:
        connection.execute(statement)


def prepare(connection: psycopg.Connection) -> list[Table]:
    """Take out of new tables what they begin with; gives those that a backup of this schema has."""
    tables = tables_of(connection)
    names = sql.SQL(", ").join(table.identifier for table in tables)
    connection.execute(sql.SQL("TRUNCATE {}").format(names))
    return tables


class Copying:
    """A table that is being filled."""

    def __init__(self, connection: psycopg.Connection, table: Table) -> None:
        self.table = table
        self._cursor = connection.cursor()
        self._context = self._cursor.copy(table.from_stdin)
        self._copy = self._context.__enter__()

    def write(self, rows: bytes) -> None:
        """Take bytes as COPY gave them, wherever they were divided."""
        self._copy.write(rows)

    def finish(self) -> int:
        """End it; gives how many rows it was.

        Raises:
            psycopg.Error: where the database refuses one of them.
        """
        self._context.__exit__(None, None, None)
        return self._cursor.rowcount


POSITION = """
SELECT coalesce(max(position), 0) FROM journal.event
"""


def position(connection: psycopg.Connection) -> int:
    """Position of the newest event."""
    row = connection.execute(POSITION).fetchone()
    return row[0] if row else 0


def analyze(connection: psycopg.Connection) -> None:
    """Let the planner know what it has now."""
    for table in tables_of(connection):
        connection.execute(sql.SQL("ANALYZE {}").format(table.identifier))


# Who connects again waits for our locks, and then sees what we have committed.
END_SESSIONS = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND pid <> pg_backend_pid()
   AND application_name LIKE 'titan %'
"""


def end_sessions(connection: psycopg.Connection) -> int:
    """End what Titan's processes have open here: what they know is of what was there before. Gives how many."""
    # What is known of sessions is looked up once a transaction, and this one may have ended some before.
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute(END_SESSIONS).fetchone()
    return row[0] if row else 0
