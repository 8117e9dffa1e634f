"""All rows of the database as of one position, table by table, in the binary form of COPY: for a backup.

Tables are found in the catalogue, so that one that is new is part of a backup from its first day. What is left out is
named here, with its reason.
"""

from collections.abc import Sequence
from datetime import datetime

import psycopg
from msgspec import Struct
from psycopg import sql

from titan.storage.postgres import Connection

SCHEMAS = ("journal", "read")

LEFT_OUT = ("journal.condemned",)
"""Contents that are about to be removed: after a restore their graces begin anew."""


class Column(Struct, frozen=True):
    """A column, as its values stand in a backup."""

    name: str
    type: str


class Table(Struct, frozen=True):
    """A table, as its rows stand in a backup."""

    schema: str
    name: str
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        """How people call it."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """How SQL does."""
        return sql.Identifier(self.schema, self.name)

    @property
    def _columns(self) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(column.name) for column in self.columns)

    @property
    def to_stdout(self) -> sql.Composed:
        """The statement that gives all its rows."""
        return sql.SQL("COPY {} ({}) TO STDOUT (FORMAT BINARY)").format(self.identifier, self._columns)

    @property
    def from_stdin(self) -> sql.Composed:
        """The statement that takes them."""
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(self.identifier, self._columns)


TABLES = """
SELECT n.nspname::text, c.relname::text,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
              ORDER BY a.attnum),
       ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
              ORDER BY a.attnum)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(%(schemas)s::text[])
   AND c.relkind = 'r'
   AND c.relpersistence = 'p'
   AND n.nspname || '.' || c.relname <> ALL(%(left_out)s::text[])
 ORDER BY n.nspname, c.relname
"""


def _table(schema: str, name: str, columns: list[str], types: list[str]) -> Table:
    return Table(schema, name, tuple(Column(*column) for column in zip(columns, types, strict=True)))


PARAMETERS = {"schemas": list(SCHEMAS), "left_out": list(LEFT_OUT)}


async def tables(connection: Connection) -> list[Table]:
    """Every table that belongs into a backup, in the order of their names."""
    return [_table(*row) for row in await (await connection.execute(TABLES, PARAMETERS)).fetchall()]


def tables_of(connection: psycopg.Connection) -> list[Table]:
    """The same on a connection that is shared with the migrations."""
    return [_table(*row) for row in connection.execute(TABLES, PARAMETERS).fetchall()]


async def hold(connection: Connection, tables: Sequence[Table]) -> None:
    """Keep the tables from being swapped or altered until the end of the transaction, at its beginning.

    A lock is not a look: the snapshot is taken by the statement behind it. A table that was swapped before that would
    be empty in an older snapshot.
    """
    names = sql.SQL(", ").join(table.identifier for table in tables)
    await connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))


class Moment(Struct, frozen=True):
    """What the database is at the moment of the snapshot."""

    schema: str
    """Revision of the schema."""
    position: int
    at: datetime


MOMENT = """
SELECT (SELECT version_num FROM public.alembic_version),
       (SELECT coalesce(max(position), 0) FROM journal.event),
       clock_timestamp()
"""


async def moment(connection: Connection) -> Moment:
    """Take the snapshot, within the transaction that this is called in.

    Positions are committed in their order: what the snapshot sees of the state is the state at its last position.
    """
    row = await (await connection.execute(MOMENT)).fetchone()
    assert row is not None  # noqa: S101  a SELECT without FROM gives a row
    return Moment(*row)


STANDING = """
SELECT kind, count(*) FROM journal.head WHERE NOT removed GROUP BY kind ORDER BY kind
"""


async def standing(connection: Connection) -> dict[str, int]:
    """How many documents of each kind there are."""
    return dict(await (await connection.execute(STANDING)).fetchall())
