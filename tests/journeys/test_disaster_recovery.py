"""Everything is lost and comes back: from a backup that was made under load, on real servers, byte for byte."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from support import servers
from support.asking import document, path_of
from support.disasters import REPLICAS, Answer, World, answers, fill, identifiers_of, invoked, unlike
from support.load import under_load
from support.processes import Titan
from support.servers import Chosen
from support.waiting import eventually
from titan.metamodel.kinds import SUBMODEL

Way = Callable[[World, Path], None]


class Saved(NamedTuple):
    """An installation, and what there is of it in safety."""

    world: World
    archive: Path
    position: int
    events: list[tuple[object, ...]]
    answers: dict[str, Answer]
    result: str
    """Where the result of an invocation is."""


@pytest.fixture(scope="module")
def saved(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    """Backed up under load, and then gone on with: Redis, streams and replicas know of more than the backup does."""
    directory = tmp_path_factory.mktemp("disaster")
    backups = directory / "backups"
    backups.mkdir()
    with (
        servers.private_postgres(chosen, directory / "postgres") as postgres,
        servers.private_redis(chosen, directory / "redis") as redis,
    ):
        world = World(postgres, redis, directory / "installation")
        with world.running() as run, httpx.Client(base_url=run.url, timeout=30) as client:
            fill(client, "first")
            result = invoked(client)
            before = answers(run.url)
            assert {answer.status for answer in before.values()} == {200, 404}
            with under_load("disaster", run.url, [], clients=6) as tally:
                done = world.command("backup", str(backups))
            assert tally.stale == [], tally.told()
            assert tally.failed_writes == [], tally.told()
            (archive,) = backups.iterdir()
            found = re.search(r"-(\d+)\.tar\.zst$", archive.name)
            assert found, done.stderr
            position = int(found[1])
            spoil(run)
            events = world.events(position)
        yield Saved(world, archive, position, events, before, result)


def spoil(run: Titan) -> None:
    """Change everything that was backed up, and have it read at every replica."""
    with httpx.Client(base_url=run.url, timeout=30) as client:
        fill(client, "second")
    for replica in run.processes("read"):
        answers(replica.url)


def check_restored(saved: Saved, run: Titan) -> None:
    """Everything is as it was at the position of the backup, at every replica, and goes on from there."""
    replicas = [replica.url for replica in run.processes("read")]
    assert len(replicas) == REPLICAS
    for url in (run.url, *replicas, *replicas):
        assert unlike(saved.answers, answers(url)) == []
    assert saved.world.events(2**60) == saved.events
    assert httpx.get(f"{run.url}{saved.result}").status_code == 200
    assert verified(saved.world).startswith(f"OK: {saved.position} events")
    with httpx.Client(base_url=run.url, timeout=30) as client:
        for number in (1, 2):
            id = f"urn:after:{number}"
            answer = client.post("/submodels", json=document(SUBMODEL, id))
            assert answer.status_code == 201
            assert answer.headers["titan-position"] == str(saved.position + number)
            assert answer.headers["titan-visibility"] == "replicas"
            for url in replicas:
                assert httpx.get(f"{url}{path_of(SUBMODEL, id)}").status_code == 200
                assert id in identifiers_of(url)["submodels"]
    saved.world.command("rebuild")

    standing = sum(map(len, identifiers_of(run.url).values()))

    def is_filled() -> bool:
        found = re.search(r"OK: .* (\d+) of them in Redis", verified(saved.world))
        return found is not None and int(found[1]) >= standing

    assert eventually(is_filled), verified(saved.world)


def verified(world: World) -> str:
    return world.command("verify").stdout.decode().splitlines()[-1]


def test_a_restore_under_running_processes_leaves_nobody_with_what_was_before(saved: Saved) -> None:
    with saved.world.running() as run, httpx.Client(base_url=run.url, timeout=30) as client:
        spoil(run)
        is_over = threading.Event()
        before = saved.answers

        def read_on() -> None:
            with httpx.Client(base_url=run.url, timeout=30) as reader:
                while not is_over.is_set():
                    for path in list(before)[:20]:
                        reader.get(path)

        reading = threading.Thread(target=read_on)
        reading.start()
        try:
            done = saved.world.command("restore", "--replace", str(saved.archive))
            assert b"sessions of processes that run were ended" in done.stderr
            # At once, and at whoever answers.
            for replica in run.processes("read"):
                assert unlike(before, answers(replica.url)) == []
        finally:
            is_over.set()
            reading.join()
        answer = client.post("/submodels", json=document(SUBMODEL, "urn:while:running"))
        assert answer.headers["titan-position"] == str(saved.position + 1)
        assert eventually(run.is_ready)
        saved.world.command("restore", "--replace", str(saved.archive.parent))
        assert eventually(run.is_ready)
        check_restored(saved, run)


def test_what_was_lost_comes_back_though_redis_still_stands_where_it_was(saved: Saved) -> None:
    with saved.world.running() as run:
        spoil(run)
    saved.world.lose(redis=False)
    saved.world.command("restore", str(saved.archive))
    with saved.world.running() as run:
        check_restored(saved, run)


@pytest.mark.slow
def test_what_was_lost_comes_back_with_nothing_but_the_backup(saved: Saved) -> None:
    saved.world.lose(redis=True)
    saved.world.command("restore", str(saved.archive))
    with saved.world.running() as run:
        check_restored(saved, run)


@pytest.mark.slow
def test_an_encrypted_backup_goes_and_comes_by_a_pipe(saved: Saved, tmp_path: Path) -> None:
    saved.world.command("restore", "--replace", str(saved.archive))
    key = import_module("pyrage").x25519.Identity.generate()
    identity = tmp_path / "key.txt"
    identity.write_text(f"# created for a test\n{key}\n")
    sent = saved.world.command("backup", "-", "--recipient", str(key.to_public())).stdout
    assert sent.startswith(b"age-encryption.org/v1")
    saved.world.lose(redis=False)
    saved.world.command("restore", "-", "--identity", str(identity), given=sent)
    with saved.world.running() as run:
        check_restored(saved, run)


def as_custom(world: World, to: Path) -> None:
    world.program("pg_dump", "-Fc", "-f", to / "dump", world.postgres.url())


def from_custom(world: World, source: Path) -> None:
    world.program("pg_restore", "--exit-on-error", "-d", world.postgres.url(), source / "dump")


def as_sql(world: World, to: Path) -> None:
    (to / "dump").write_bytes(world.program("pg_dump", world.postgres.url()))


def from_sql(world: World, source: Path) -> None:
    world.program("psql", "-q", "-v", "ON_ERROR_STOP=1", world.postgres.url(), given=(source / "dump").read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize(("dump", "refill"), [(as_custom, from_custom), (as_sql, from_sql)], ids=["custom", "sql"])
def test_what_postgresql_dumped_comes_back_though_redis_still_stands_where_it_was(
    saved: Saved, tmp_path: Path, dump: Way, refill: Way
) -> None:
    saved.world.command("restore", "--replace", str(saved.archive))
    dump(saved.world, tmp_path)
    shutil.copytree(saved.world.blobs, tmp_path / "blobs")
    with saved.world.running() as run:
        spoil(run)
    saved.world.lose(redis=False)
    refill(saved.world, tmp_path)
    shutil.copytree(tmp_path / "blobs", saved.world.blobs)
    with saved.world.running() as run:
        check_restored(saved, run)
