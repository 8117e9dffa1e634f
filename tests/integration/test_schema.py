"""The schema: what migrations make is what the code knows, and no process works on another one."""

import io
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from sqlalchemy import MetaData, create_engine, pool

from titan.errors import Misconfigured
from titan.storage import migrating, schema

ROOT = Path(__file__).resolve().parents[2]
TIERS = ["write", "read", "projector", "bridge"]


def run(*words: str, url: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment against a database, as somebody at a terminal does."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "TITAN_HOST": "127.0.0.1", "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def pretend(url: str, revision: str) -> None:
    """Let the database say that it has a schema of another version."""
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE public.alembic_version SET version_num = %s", [revision])


def declare(url: str, since: str) -> None:
    """Let the database say which versions can work on it."""
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE public.titan_compatible SET since = %s", [since])


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_schema IN ('journal', 'read') ORDER BY 1"
        )
        return [name for (name,) in found]


def test_the_code_knows_the_newest_schema() -> None:
    assert migrating.newest() == schema.KNOWN


def test_the_migrated_schema_is_the_one_that_is_compared_with(database_url: str) -> None:
    metadata = runpy.run_path(str(ROOT / "migrations/migrations_tables.py"))["metadata"]
    assert isinstance(metadata, MetaData)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database_url), poolclass=pool.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name in {"journal", "read"},
            },
        )
        assert compare_metadata(context, metadata) == []


def test_a_migration_can_be_taken_back_and_run_again(database_url: str) -> None:
    there = tables(database_url)
    assert there
    down = run("alembic", "downgrade", "-1", url=database_url)
    assert down.returncode == 0, down.stderr
    before = tables(database_url)
    assert set(before) < set(there)
    down = run("alembic", "downgrade", "base", url=database_url)
    assert down.returncode == 0, down.stderr
    assert tables(database_url) == []
    up = run("alembic", "upgrade", "head", url=database_url)
    assert up.returncode == 0, up.stderr
    assert tables(database_url) == there


def test_alembic_migrates_an_empty_database_and_says_where_it_is(empty_database_url: str) -> None:
    up = run("alembic", "upgrade", "head", url=empty_database_url)
    assert up.returncode == 0, up.stderr
    current = run("alembic", "current", url=empty_database_url)
    assert current.returncode == 0, current.stderr
    assert current.stdout.split() == [schema.KNOWN, "(head)"]
    schema.check(empty_database_url)


def test_titan_migrates_an_empty_database(empty_database_url: str) -> None:
    for _ in range(2):
        done = run("titan.main", "migrate", url=empty_database_url, REDIS_URL="redis://127.0.0.1:1/0")
        assert done.returncode == 0, done.stderr
        assert schema.KNOWN in done.stderr
    schema.check(empty_database_url)


def test_a_database_without_a_schema_is_refused(empty_database_url: str) -> None:
    with pytest.raises(Misconfigured, match="run `titan migrate` first"):
        schema.check(empty_database_url)


def test_a_database_that_was_migrated_down_is_refused(database_url: str) -> None:
    assert run("alembic", "downgrade", "base", url=database_url).returncode == 0
    with pytest.raises(Misconfigured, match="run `titan migrate` first"):
        schema.check(database_url)


def test_an_older_schema_is_refused_with_what_to_do(database_url: str) -> None:
    pretend(database_url, "0000")
    with pytest.raises(Misconfigured, match=rf"0000, this version of Titan needs {schema.KNOWN}: run `titan migrate`"):
        schema.check(database_url)


def test_a_newer_schema_that_leaves_us_what_we_need_is_worked_on(database_url: str) -> None:
    pretend(database_url, "9999")
    declare(database_url, schema.KNOWN)
    schema.check(database_url)
    declare(database_url, "0001")
    schema.check(database_url)


def test_a_newer_schema_that_took_away_what_we_need_is_refused_with_what_to_do(database_url: str) -> None:
    pretend(database_url, "9999")
    declare(database_url, "9998")
    with pytest.raises(Misconfigured, match=rf"from schema 9998 on .* this one knows {schema.KNOWN}: start a newer"):
        schema.check(database_url)


def test_a_newer_schema_that_does_not_say_for_whom_it_is_fit_is_refused(database_url: str) -> None:
    pretend(database_url, "9999")
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP TABLE public.titan_compatible")
    with pytest.raises(Misconfigured, match="has schema 9999, which versions of Titan from schema 9999 on"):
        schema.check(database_url)


def migrations() -> list[Script]:
    """Every migration, the oldest first."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "os")
    return [*ScriptDirectory.from_config(config).walk_revisions()][::-1]


def said_since(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [since for (since,) in connection.execute("SELECT since FROM public.titan_compatible")]


def test_the_database_says_for_whom_it_is_fit_on_the_way_up_and_down(empty_database_url: str) -> None:
    for script in migrations():
        migrating.migrate(empty_database_url, script.revision)
        assert said_since(empty_database_url) == [script.module.compatible_since]
    for script in migrations()[-2::-1]:
        down = run("alembic", "downgrade", script.revision, url=empty_database_url)
        assert down.returncode == 0, down.stderr
        assert said_since(empty_database_url) == [script.module.compatible_since]


CONTRACTS = re.compile(
    r"\b(DROP\s+(TABLE|COLUMN|SCHEMA|FUNCTION|VIEW|INDEX|CONSTRAINT)|RENAME|SET\s+NOT\s+NULL|TRUNCATE"
    r"|ALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE|ADD\s+CONSTRAINT|(UPDATE|DELETE\s+FROM)\s+journal\.event)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("script", migrations(), ids=lambda script: script.revision)
def test_a_migration_that_older_code_is_to_work_on_only_expands(script: Script) -> None:
    since = script.module.compatible_since
    earlier = [one.revision for one in migrations() if one.revision < script.revision]
    assert re.fullmatch(r"\d{4}", script.revision)
    assert since in {*earlier, script.revision}
    assert since >= max((one.module.compatible_since for one in migrations() if one.revision in earlier), default="")
    said = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": said})
    with Operations.context(context):
        script.module.upgrade()
    assert "SET lock_timeout" in said.getvalue()
    if since < script.revision:
        # Bodies of functions may delete what they like; a table of its own that a migration fills is no old one.
        assert not CONTRACTS.findall(re.sub(r"\$\$.*?\$\$", "", said.getvalue(), flags=re.DOTALL))


@pytest.mark.parametrize("tier", TIERS)
def test_no_tier_starts_on_a_schema_that_it_does_not_know(database_url: str, tier: str) -> None:
    pretend(database_url, "9999")
    declare(database_url, "9999")
    refused = run("titan.main", tier, url=database_url, REDIS_URL="redis://127.0.0.1:1/0", TITAN_PORT="1")
    assert refused.returncode == 2
    assert "has schema 9999" in refused.stderr
    assert "start a newer one" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_no_tier_starts_on_an_empty_database(empty_database_url: str) -> None:
    refused = run("titan.main", "write", url=empty_database_url, REDIS_URL="redis://127.0.0.1:1/0", TITAN_PORT="1")
    assert refused.returncode == 2
    assert "run `titan migrate` first" in refused.stderr
    assert "Traceback" not in refused.stderr
