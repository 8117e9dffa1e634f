"""Runs the migrations, for `titan migrate` and for the alembic command line alike."""

import os

import psycopg
from alembic import context
from migrations_tables import metadata
from sqlalchemy import create_engine, pool

from titan.config import database

# One migration at a time, whoever starts it: several replicas may come up together.
MIGRATION_LOCK = 7241002


def migrate() -> None:
    """Apply what the command line asks for, on `DATABASE_URL` or on the connection that was handed in."""
    url = context.config.attributes.get("url") or os.environ.get("DATABASE_URL")  # noqa: TID251  # alembic runs this, not titan.main
    if not url:
        message = "DATABASE_URL is not set: say which database to migrate."
        raise SystemExit(message)
    conninfo = database(url).conninfo
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_schemas=True,
            include_name=lambda name, kind, _: kind != "schema" or name in {"journal", "read"},
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


migrate()
