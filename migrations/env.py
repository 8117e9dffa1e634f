"""Runs the migrations, for `titan migrate` and for the alembic command line alike.

Beside the revision that alembic notes, it is noted which versions of the code can work on the schema: a version that is
older than the database has no migration to look it up in.
"""

import os
from collections.abc import Collection, Mapping

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext
from migrations_tables import metadata
from sqlalchemy import Connection, create_engine, pool, text

from titan.addresses import current, database
from titan.config import Settings
from titan.storage.postgres import reachable

# One migration at a time, whoever starts it: several replicas may come up together.
MIGRATION_LOCK = 7241002

COMPATIBLE = """
CREATE TABLE IF NOT EXISTS public.titan_compatible (since text NOT NULL)
"""


def note(ctx: MigrationContext, step: object, heads: Collection[str], run_args: Mapping[str, object]) -> None:  # noqa: ARG001  # alembic calls it so
    """Note, in the transaction of the migration that was just run, the oldest revision whose code can go on."""
    if ctx.connection is None:
        return
    ctx.connection.execute(text(COMPATIBLE))
    ctx.connection.execute(text("DELETE FROM public.titan_compatible"))
    for head in heads:
        since = context.script.get_revision(head).module.compatible_since
        ctx.connection.execute(text("INSERT INTO public.titan_compatible (since) VALUES (:since)"), {"since": since})


def migrate() -> None:
    """Apply what the command line asks for, on `DATABASE_URL` or on the connection or URL that was handed in."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        # In the transaction of whoever handed it in.
        run(connection)
        return
    address = context.config.attributes.get("url") or Settings.load(os.environ).database  # noqa: TID251  # alembic runs this, not titan.main
    if not address:
        message = "DATABASE_URL is not set: say which database to migrate."
        raise SystemExit(message)
    conninfo = database(address).conninfo

    def connect() -> psycopg.Connection:
        with reachable():
            return psycopg.connect(current(conninfo))

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
        connection.commit()
        run(connection)
    engine.dispose()


def run(connection: Connection) -> None:
    """Apply it there."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=lambda name, kind, _: kind != "schema" or name in {"journal", "read"},
        transaction_per_migration=True,
        on_version_apply=note,
    )
    with context.begin_transaction():
        context.run_migrations()


migrate()
