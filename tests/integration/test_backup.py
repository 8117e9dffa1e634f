"""`titan backup` and `titan restore`: everything back, or nothing changed."""

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import psycopg
import pytest
from typing_extensions import Buffer

from support import servers
from support.backups import backed_up, brought_back, everything, files_of, stored
from support.followers import projecting
from support.histories import History
from support.operating import projected, quiet, told, until, write
from support.writes import put, subject
from titan.codec.parts import parts
from titan.errors import Misconfigured, Unavailable
from titan.events.facts import DocumentPut, Recorded
from titan.metamodel.elements import Blob, File, SubmodelElement
from titan.metamodel.identifiables import Submodel
from titan.operate.placing import Target, backups, newest
from titan.operate.restoring import Origin, check
from titan.operate.verifying import verify
from titan.storage import journal, migrating, refill, schema
from titan.storage.blobs.collect import LEAD
from titan.storage.dump import LEFT_OUT, SCHEMAS, tables
from titan.storage.life import life
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names

CONTENTS = (b"a manual", os.urandom(1 << 20), b"")


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="of a test")
    yield connection
    await connection.close()


@pytest.fixture
async def other_url(shared_postgres: str) -> AsyncIterator[str]:
    """A database that has nothing in it."""
    with servers.fresh_database(shared_postgres) as url:
        yield url


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Where contents are before the disaster."""
    return tmp_path / "before"


@pytest.fixture
def after(tmp_path: Path) -> Path:
    return tmp_path / "after"


def referring(number: int, *digests: str) -> Recorded:
    """The fact that a submodel was created that refers to contents, as File or as Blob."""
    elements: list[SubmodelElement] = [
        File(id_short=f"File{n}", content_type="text/plain", value=f"/attachments/{digest}/a.txt")
        if n % 2
        else Blob(id_short=f"Blob{n}", content_type="text/plain", value=f"titan:sha256:{digest}")
        for n, digest in enumerate(digests)
    ]
    document = Submodel(id=subject(number).id, submodel_elements=elements)
    return Recorded(subject(number), expected=0, fact=DocumentPut(parts(document), created=True))


@pytest.fixture
async def filled(connection: Connection, database_url: str, before: Path) -> str:
    """URL of a database with a history, a read model that is behind it, and contents."""
    digests = await stored(before, *CONTENTS, b"an orphan")
    history = History(5, documents=40)
    async with projecting(database_url, None, Names()):
        await write(connection, [*history.take(200), referring(1, *digests[:3])])
        await projected(connection)
    await write(connection, [*history.take(20), put(2, elements=400, text_bytes=500)])
    return database_url


async def test_a_restored_database_has_every_row_and_every_content(
    filled: str, other_url: str, before: Path, after: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "a backup"
    assert await backed_up(archive, filled, before) == 0
    assert await brought_back(archive, other_url, after) == 0
    assert everything(other_url) == everything(filled)
    assert sorted(files_of(after).values()) == sorted(CONTENTS)
    assert schema.check(other_url) is None
    console = quiet()
    assert await verify(database_url=other_url, redis_url=None, names=Names(), console=console) == 0, told(console)


async def test_a_stream_is_restored_as_it_comes(filled: str, other_url: str, before: Path, after: Path) -> None:
    stream = io.BytesIO()
    assert await backed_up(stream, filled, before) == 0
    assert await brought_back(io.BytesIO(stream.getvalue()), other_url, after) == 0
    assert everything(other_url) == everything(filled)


async def test_only_whom_it_is_encrypted_for_opens_a_backup(
    filled: str, other_url: str, before: Path, after: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "a backup"
    keys = import_module("pyrage").x25519.Identity
    ours, others = keys.generate(), keys.generate()
    assert await backed_up(archive, filled, before, recipients=(ours.to_public(),)) == 0
    assert b"titan-backup" not in archive.read_bytes()
    with pytest.raises(Misconfigured, match="is encrypted"):
        await brought_back(archive, other_url, after)
    console = quiet()
    assert await brought_back(archive, other_url, after, identities=(others,), console=console) == 1
    assert "cannot be decrypted with this identity" in told(console)
    with pytest.raises(Misconfigured, match="no schema"):
        schema.check(other_url)
    assert await brought_back(archive, other_url, after, identities=(ours,)) == 0
    assert everything(other_url) == everything(filled)


async def test_a_backup_is_of_one_position_while_others_write(
    connection: Connection, database_url: str, other_url: str, before: Path, after: Path, tmp_path: Path
) -> None:
    done = asyncio.Event()

    async def go_on() -> None:
        history = History(7, documents=20)
        while not done.is_set():
            await write(connection, history.take(5))

    async with asyncio.TaskGroup() as group:
        group.create_task(go_on())
        for number in range(5):
            assert await backed_up(tmp_path / f"{number}", database_url, before) == 0
        done.set()
    for number in range(5):
        assert await brought_back(tmp_path / f"{number}", other_url, after, replace=True) == 0
        console = quiet()
        assert await verify(database_url=other_url, redis_url=None, names=Names(), console=console) == 0, told(console)


async def test_a_database_that_holds_data_is_replaced_only_where_that_is_said(
    filled: str, before: Path, after: Path, tmp_path: Path, shared_postgres: str, template: str
) -> None:
    archive = tmp_path / "a backup"
    assert await backed_up(archive, filled, before) == 0
    with servers.fresh_database(shared_postgres, template=template) as url:
        connection = await connect(url, name="of a test")
        await write(connection, [put(9)])
        await connection.close()
        held = everything(url)
        console = quiet()
        assert await brought_back(archive, url, after, console=console) == 1
        assert "1 events and 1 documents, up to position 1" in told(console)
        assert everything(url) == held
        assert await brought_back(archive, url, after, replace=True) == 0
        assert everything(url) == everything(filled)


async def test_an_older_schema_is_restored_and_then_migrated(
    other_url: str, before: Path, after: Path, tmp_path: Path, shared_postgres: str
) -> None:
    with servers.fresh_database(shared_postgres) as url:
        migrating.migrate(url, "0001")
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO journal.event VALUES "
                "(1, 'k', 'shell', 'urn:x', 1, 1, 'created', '', -1, 0, false, '{}', '', '', now())"
            )
        assert await backed_up(tmp_path / "a backup", url, before) == 0
    assert await brought_back(tmp_path / "a backup", other_url, after) == 0
    assert schema.check(other_url) is None
    assert len(everything(other_url)["journal.event"]) > 0


async def test_another_journal_is_another_life_and_the_same_one_is_not(
    filled: str, connection: Connection, before: Path, after: Path, tmp_path: Path
) -> None:
    old = await life(connection)
    await write(connection, [put(9)])
    assert await life(connection) == old
    assert await backed_up(tmp_path / "a backup", filled, before) == 0
    assert await brought_back(tmp_path / "a backup", filled, after, replace=True) == 0
    anew = await connect(filled, name="of a test")
    assert await life(anew) != old
    await anew.close()


async def test_whoever_asks_for_the_life_of_a_journal_waits_for_the_end_of_a_restore(
    connection: Connection, database_url: str
) -> None:
    old = await life(connection)
    with migrating.anew(database_url) as anew:
        refill.clear(anew.connection)
        anew.migrate()
        asking = await connect(database_url, name="of a test")
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(life(asking))
            await asyncio.wait([answer], timeout=0.2)
            assert not answer.done()
            anew.connection.commit()
    assert await life(connection) == answer.result() != old
    await asking.close()


async def test_sessions_that_knew_the_old_state_are_ended(
    filled: str, connection: Connection, before: Path, after: Path, tmp_path: Path
) -> None:
    assert await backed_up(tmp_path / "a backup", filled, before) == 0
    assert await brought_back(tmp_path / "a backup", filled, after, replace=True) == 0
    with pytest.raises(Unavailable):
        await journal.last(connection)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999], ids="{} of it".format)
async def test_a_backup_that_was_cut_off_changes_nothing(
    filled: str, other_url: str, before: Path, after: Path, tmp_path: Path, share: float
) -> None:
    whole, cut = tmp_path / "a backup", tmp_path / "cut"
    assert await backed_up(whole, filled, before) == 0
    body = whole.read_bytes()
    cut.write_bytes(body[: int(len(body) * share)])
    console = quiet()
    assert await brought_back(cut, other_url, after, console=console) == 1
    assert "NOT SOUND" in told(console)
    assert files_of(after) == {}
    with cut.open("rb") as stream:
        assert await brought_back(stream, other_url, after) == 1
    with pytest.raises(Misconfigured, match="no schema"):
        schema.check(other_url)


async def test_a_check_touches_nothing(filled: str, before: Path, tmp_path: Path) -> None:
    assert await backed_up(tmp_path / "a backup", filled, before) == 0
    console = quiet()
    assert await check(Origin(tmp_path / "a backup", []), console) == 0
    assert "SOUND:" in told(console)
    assert "222 events up to position 222; 3 contents" in told(console)


async def test_contents_that_the_store_lacks_are_told_and_the_rest_is_backed_up(
    filled: str, other_url: str, before: Path, after: Path, tmp_path: Path
) -> None:
    lost, damaged, _ = [next(name for name, body in files_of(before).items() if body == one) for one in CONTENTS]
    (before / "blobs" / lost[:2] / lost).unlink()
    (before / "blobs" / damaged[:2] / damaged).write_bytes(b"another")
    assert await backed_up(tmp_path / "a backup", filled, before) == 1
    console = quiet()
    assert await brought_back(tmp_path / "a backup", other_url, after, console=console) == 0
    assert lost in told(console)
    assert damaged in told(console)
    assert list(files_of(after).values()) == [b""]


async def test_no_collector_removes_a_content_while_a_backup_is_made(
    filled: str, connection: Connection, before: Path
) -> None:
    class Looking(io.BytesIO):
        """A stream that looks whether a collector could begin while it is written to."""

        seen: tuple[object, ...] = ()

        def write(self, data: Buffer, /) -> int:
            with psycopg.connect(filled) as other:
                self.seen += (other.execute(LEAD).fetchone(),)
            return super().write(data)

    stream = Looking()
    assert await backed_up(stream, filled, before) == 0
    assert set(stream.seen) == {(False,)}

    async def may_begin() -> bool:
        return await (await connection.execute(LEAD)).fetchone() == (True,)

    # The end of a connection is noticed a little later.
    await until(may_begin)


async def test_a_directory_keeps_as_many_as_it_is_told(filled: str, before: Path, tmp_path: Path) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    (directory / "notes").write_text("of a person")
    for year in (2020, 2021, 2022):
        (directory / f"titan-{year}0101T000000Z-7.tar.zst").write_text("old")
    assert await backed_up(directory, filled, before, keep=2) == 0
    names = [path.name for path in backups(directory)]
    assert len(names) == 2
    assert names[0].startswith("titan-2022")
    assert names[1].endswith("-222.tar.zst")
    assert newest(directory).name == names[1]
    assert sorted(path.name for path in directory.iterdir()) == ["notes", *names]
    with pytest.raises(Misconfigured):
        Target(tmp_path / "a file", keep=2)


async def test_older_backups_stay_where_the_new_one_fails(filled: str, before: Path, tmp_path: Path) -> None:
    old = tmp_path / "titan-20200101T000000Z-7.tar.zst"
    old.write_text("old")

    digest = next(iter(files_of(before)))
    path = before / "blobs" / digest[:2] / digest
    path.unlink()
    path.mkdir()
    with pytest.raises(Unavailable):
        await backed_up(tmp_path, filled, before, keep=1)
    assert backups(tmp_path) == [old]


async def test_every_table_and_nothing_else_that_keeps_state_is_in_a_backup(connection: Connection) -> None:
    cursor = await connection.execute(
        """
        SELECT n.nspname || '.' || c.relname
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname !~ '^(pg_|information_schema$)' AND c.relkind NOT IN ('i', 't', 'c', 'v')
           AND n.nspname <> 'public'
        """
    )
    found = {name for (name,) in await cursor.fetchall()}
    assert found == {table.title for table in await tables(connection)} | set(LEFT_OUT)
    assert {name.partition(".")[0] for name in found} == set(SCHEMAS)


def test_a_backup_that_was_killed_leaves_nothing_that_looks_whole(filled: str, before: Path, tmp_path: Path) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    program = f"""
import asyncio, os, signal
from pathlib import Path
from support.operating import quiet
from titan.operate.backup import backup
from titan.operate.placing import Target
class Deadly:
    async def read(self, digest):
        os.kill(os.getpid(), signal.SIGKILL)
        yield b""
target = Target(Path({str(directory)!r}))
asyncio.run(backup(target, database_url={filled!r}, blobs=Deadly(), console=quiet()))
"""
    root = Path(__file__).resolve().parents[1]
    killed = subprocess.run([sys.executable, "-c", program], cwd=root, check=False, timeout=60)
    assert killed.returncode == -9
    assert backups(directory) == []
    assert [path.suffix for path in directory.iterdir()] == [".partial"]
    with pytest.raises(Misconfigured):
        newest(directory)
