"""The database's schema: refuse to work on one that this code does not know.

A release is rolled out while the one before it serves: the schema is migrated first, and processes of both work on it
until the last old one is gone. So each migration says since which revision code can work on what it makes. It expands
first, with tables, columns and functions that older code does not miss; what older code needs is taken away by a
migration of a later release, which is compatible since the one that stopped to need it.
"""

import time
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow

from titan.addresses import Address, current, database
from titan.errors import Misconfigured, Unavailable
from titan.observability.logs import logger
from titan.storage.postgres import reachable

KNOWN = "0002"
"""The revision of the schema that this code was written for. Revisions are numbers of four digits, in their order."""

CURRENT = "SELECT version_num FROM public.alembic_version"
COMPATIBLE = "SELECT since FROM public.titan_compatible"


def check(url: Address) -> None:
    """See that the database has the schema that this code knows, or a newer one that leaves it what it needs.

    Raises:
        Misconfigured: where it has none, an older one, or one that is too new; the sentence says what to do.
    """
    with psycopg.connect(current(database(url).conninfo), connect_timeout=5, autocommit=True) as connection:
        found = _first(connection, CURRENT)
        if found is None:
            message = "The database has no schema yet: run `titan migrate` first."
            raise Misconfigured(message)
        if found == KNOWN:
            return
        since = _first(connection, COMPATIBLE)
    if found < KNOWN:
        message = f"The database has schema {found}, this version of Titan needs {KNOWN}: run `titan migrate` first."
        raise Misconfigured(message)
    if since is None or since > KNOWN:
        message = (
            f"The database has schema {found}, which versions of Titan from schema {since or found} on can work with; "
            f"this one knows {KNOWN}: start a newer one."
        )
        raise Misconfigured(message)


def _first(connection: "psycopg.Connection[TupleRow]", query: LiteralString) -> str | None:
    """What the first row says; None where there is none, or no such table."""
    try:
        row = connection.execute(query).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None


def wait_and_check(url: Address, *, patience_s: float = 60.0) -> None:
    """The same for a process that may start before its database does.

    Raises:
        Misconfigured: as `check`.
        Unavailable: where the database does not answer in time.
    """
    until = time.monotonic() + patience_s
    refusal = ""
    while True:
        try:
            with reachable():
                check(url)
        except Unavailable as error:
            if time.monotonic() > until:
                if error.is_refusal:
                    raise
                message = "The database does not answer."
                raise Unavailable(message) from error
            if error.is_refusal and refusal != (refusal := str(error)):
                logger("titan.schema").warning("waiting for the database", reason=refusal)
            time.sleep(0.5)
        else:
            return
