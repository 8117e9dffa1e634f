"""Migrations of the database's schema: run, listed, and run within a transaction that does more.

Apart from `schema`, which every process needs: the tools of migration are a third of what it takes to start one.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool

from titan.addresses import Address, current, database
from titan.storage.postgres import reachable


def _config(url: Address) -> Config:
    beside_the_code = Path(__file__).resolve().parents[3]
    in_a_wheel = Path(__file__).resolve().parents[1]
    root = next(path for path in (beside_the_code, in_a_wheel) if (path / "migrations" / "env.py").exists())
    config = Config()
    config.set_main_option("script_location", str(root / "migrations"))
    config.set_main_option("prepend_sys_path", str(root / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def migrate(url: Address, to: str = "head") -> None:
    """Run the migrations that are missing; several processes may call this at once."""
    command.upgrade(_config(url), to)


def newest() -> str:
    """Revision of the newest migration on disk; a test holds it equal to `KNOWN`."""
    return ScriptDirectory.from_config(_config("")).get_current_head() or ""


def known() -> list[str]:
    """Every revision that this code can bring up to date, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config("")).walk_revisions()]


class Anew:
    """A transaction in which migrations and everything else that is done stand or fall together."""

    def __init__(self, connection: Connection, shared: psycopg.Connection) -> None:
        self._connection = connection
        self.connection = shared
        """For everything else; whoever composed the transaction ends it."""

    def migrate(self, to: str = "head") -> None:
        """Run the migrations that are missing."""
        config = _config("")
        config.attributes["connection"] = self._connection
        command.upgrade(config, to)


LOCK = """
SELECT pg_advisory_xact_lock(7241002)
"""


@contextmanager
def anew(url: Address) -> Generator[Anew]:
    """Begin such a transaction, while nobody migrates; committed at the end of the context, or nothing was done."""
    conninfo = database(url).conninfo

    def connect() -> psycopg.Connection:
        with reachable():
            return psycopg.connect(current(conninfo), connect_timeout=5, application_name="titan restore")

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(LOCK)
        yield Anew(connection, cast("psycopg.Connection", connection.connection.driver_connection))
    engine.dispose()
