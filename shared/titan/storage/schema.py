"""The database's schema: bring it up to date, or refuse to work on one that this code does not know."""

import time
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from titan.config import database
from titan.errors import Misconfigured, Unavailable

KNOWN = "0002"
"""The revision of the schema that this code was written for."""

CURRENT = "SELECT version_num FROM public.alembic_version"


def _config(url: str) -> Config:
    beside_the_code = Path(__file__).resolve().parents[3]
    in_a_wheel = Path(__file__).resolve().parents[1]
    root = next(path for path in (beside_the_code, in_a_wheel) if (path / "migrations" / "env.py").exists())
    config = Config()
    config.set_main_option("script_location", str(root / "migrations"))
    config.set_main_option("prepend_sys_path", str(root / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def migrate(url: str, to: str = "head") -> None:
    """Run the migrations that are missing; several processes may call this at once."""
    command.upgrade(_config(url), to)


def newest() -> str:
    """Revision of the newest migration on disk; a test holds it equal to `KNOWN`."""
    return ScriptDirectory.from_config(_config("")).get_current_head() or ""


def check(url: str) -> None:
    """See that the database has the schema that this code knows.

    Raises:
        Misconfigured: where it has none, an older or a newer one; the sentence says what to do.
    """
    try:
        with psycopg.connect(database(url).conninfo, connect_timeout=5) as connection:
            row = connection.execute(CURRENT).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is None:
        message = "The database has no schema yet: run `titan migrate` first."
        raise Misconfigured(message)
    if row[0] != KNOWN:
        message = (
            f"The database has schema {row[0]}, this version of Titan knows {KNOWN}: run `titan migrate` if the "
            "database is older, or start the version of Titan that belongs to it if it is newer."
        )
        raise Misconfigured(message)


def wait_and_check(url: str, *, patience_s: float = 60.0) -> None:
    """The same for a process that may start before its database does.

    Raises:
        Misconfigured: as `check`.
        Unavailable: where the database does not answer in time.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            check(url)
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                message = "The database does not answer."
                raise Unavailable(message) from error
            time.sleep(0.5)
        else:
            return
