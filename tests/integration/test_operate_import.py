"""`titan import`: every document is stored or accounted for."""

import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec

from support.answering import Asked, answer, answering
from support.documents import environments, needs_environments
from support.operating import quiet, told, until
from titan.codec.environment import documents
from titan.codec.ids import decode_id
from titan.codec.json import read
from titan.codec.xml import NAMESPACE
from titan.dev.processes import free_port
from titan.errors import Invalid
from titan.operate.importing import import_files
from titan.operate.rebuilding import rebuild
from titan.operate.verifying import verify
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names

CREATED, NO_CONTENT = answer("201 Created", b"{}"), answer("204 No Content")
BUSY = answer("503 Service Unavailable", retry_after="0")


def refusal(status: str, *texts: str) -> bytes:
    return answer(status, msgspec.json.encode({"messages": [{"text": text} for text in texts]}))


def submodel(id: str, **more: object) -> dict[str, object]:
    return {"modelType": "Submodel", "id": id, **more}


def environment(path: Path, *submodels: object) -> Path:
    path.write_bytes(msgspec.json.encode({"submodels": submodels}))
    return path


async def imported(url: str, *paths: Path, replace: bool = False, lenient: bool = False) -> tuple[int, str]:
    console = quiet()
    status = await import_files(
        paths, url=url, replace=replace, lenient=lenient, concurrency=4, patience_s=0.5, console=console
    )
    return status, told(console)


async def test_every_document_is_sent_as_it_stands_in_the_file(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def script(one: Asked) -> bytes:
        asked.append(one)
        return CREATED

    file = tmp_path / "environment.json"
    file.write_bytes(
        b'{"assetAdministrationShells": [{ "id":"a" }], "submodels": [{"id" : "b"}], '
        b'"conceptDescriptions": [{"id":"c"}]}'
    )
    async with answering(script) as url:
        assert await imported(f"{url}/", file) == (0, "3 stored\n")
    assert sorted((one.method, one.path, one.body) for one in asked) == [
        ("POST", "/concept-descriptions", b'{"id":"c"}'),
        ("POST", "/shells", b'{ "id":"a" }'),
        ("POST", "/submodels", b'{"id" : "b"}'),
    ]


async def test_documents_in_xml_are_sent_as_json(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def script(one: Asked) -> bytes:
        asked.append(one)
        return CREATED

    file = tmp_path / "environment.xml"
    file.write_text(
        f'<environment xmlns="{NAMESPACE}"><submodels><submodel><id>b</id></submodel></submodels></environment>'
    )
    broken = tmp_path / "broken.xml"
    broken.write_text("<environment>")
    async with answering(script) as url:
        status, said = await imported(url, file, broken)
    assert [(one.path, one.body) for one in asked] == [("/submodels", b'{"modelType":"Submodel","id":"b"}')]
    assert status == 2
    assert "broken.xml: " in said


async def test_what_stands_is_refused_and_told(tmp_path: Path) -> None:
    def script(one: Asked) -> bytes:
        return refusal("409 Conflict", "It stands already.") if b'"two"' in one.body else CREATED

    file = environment(tmp_path / "e.json", submodel("one"), submodel("two"), submodel("three"))
    async with answering(script) as url:
        status, said = await imported(url, file)
    assert status == 1
    assert said == f"refused: submodel two, {file} $.submodels[1]\n  It stands already.\n2 stored, 1 refused\n"


async def test_with_replace_an_import_may_be_repeated(tmp_path: Path) -> None:
    known: set[str] = set()

    def script(one: Asked) -> bytes:
        assert one.method == "PUT"
        id = decode_id(one.path.removeprefix("/submodels/"))
        is_known = id in known
        known.add(id)
        return NO_CONTENT if is_known else CREATED

    file = environment(tmp_path / "e.json", submodel("urn:ö/1"), submodel("two"))
    async with answering(script) as url:
        assert await imported(url, file, replace=True) == (0, "2 stored\n")
        assert await imported(url, file, replace=True) == (0, "0 stored, 2 replaced\n")
    assert known == {"urn:ö/1", "two"}


async def test_all_that_is_wrong_with_a_document_is_told(tmp_path: Path) -> None:
    file = environment(tmp_path / "e.json", {"id": 7})
    async with answering(lambda _: refusal("400 Bad Request", "First.", "Second.")) as url:
        status, said = await imported(url, file, replace=True)
    assert status == 1
    assert said.startswith(f"refused: submodel (no identifier), {file} $.submodels[0]\n  First.\n  Second.\n")


async def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    answers = iter([BUSY, BUSY, CREATED])
    async with answering(lambda _: next(answers)) as url:
        assert await imported(url, environment(tmp_path / "e.json", submodel("one"))) == (0, "1 stored\n")


async def test_patience_with_a_busy_server_ends(tmp_path: Path) -> None:
    async with answering(lambda _: BUSY) as url:
        status, said = await imported(url, environment(tmp_path / "e.json", submodel("one")))
    assert status == 2
    assert "is too busy, or a store of its is away" in said


async def test_a_conflict_after_a_broken_connection_is_not_held_for_certain(tmp_path: Path) -> None:
    answers = iter([None, refusal("409 Conflict", "It stands already.")])
    async with answering(lambda _: next(answers)) as url:
        status, said = await imported(url, environment(tmp_path / "e.json", submodel("one")))
    assert status == 1
    assert "An earlier attempt was not answered clearly" in said


async def test_a_server_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    status, said = await imported(f"http://127.0.0.1:{free_port()}", environment(tmp_path / "e.json", submodel("one")))
    assert status == 2
    assert "cannot be reached" in said


async def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(b'{"submodels": 7}')
    good = environment(tmp_path / "good.json", submodel("one"))
    async with answering(lambda _: CREATED) as url:
        status, said = await imported(url, tmp_path / "missing.json", bad, good)
    assert status == 2
    assert f"not read: {tmp_path / 'missing.json'}: No such file or directory\n" in said
    assert f"not read: {bad}: $.submodels: This is no JSON array" in said
    assert said.endswith("1 stored\n")


async def test_what_a_file_repeats_is_sent_once_and_what_it_contradicts_is_refused(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def script(one: Asked) -> bytes:
        asked.append(one)
        return CREATED

    file = environment(tmp_path / "e.json", submodel("one"), submodel("one"), submodel("one", idShort="Other"))
    async with answering(script) as url:
        status, said = await imported(url, file, replace=True)
    assert status == 1
    assert said.endswith(
        "There is another submodel of this id before it in the file.\n1 stored, 1 repeated, 1 refused\n"
    )
    assert len(asked) == 1


async def test_what_a_lenient_import_lets_through_is_told(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def script(one: Asked) -> bytes:
        asked.append(one)
        return CREATED

    file = environment(tmp_path / "e.json", submodel("one", idShort="1 is no name"), submodel("two"))
    async with answering(script) as url:
        status, said = await imported(url, file, lenient=True)
    assert status == 0
    assert {one.headers["titan-validation"] for one in asked} == {"lenient"}
    assert said.startswith(f"let through: submodel one, {file} $.submodels[0]\n  $.idShort")
    assert said.endswith("2 stored, 1 let through\n")


@asynccontextmanager
async def writing(database_url: str) -> AsyncGenerator[str]:
    """URL of a real write tier."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TITAN_")} | {
        "DATABASE_URL": database_url,
        "EVENT_BUS_BACKEND": "memory",
        "TITAN_HOST": "127.0.0.1",
        "TITAN_PORT": str(port),
        "TITAN_WRITE_VISIBILITY": "journal",
    }
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient() as client:

        async def is_ready() -> bool:
            try:
                return (await client.get(f"{url}/health/ready")).is_success
            except httpx.TransportError:
                return False

        command = [sys.executable, "-m", "titan.main", "write"]
        silent = subprocess.DEVNULL
        with subprocess.Popen(  # noqa: ASYNC220 - it is asked until it is there
            command, env=environ, stdout=silent, stderr=silent
        ) as process:
            try:
                await until(is_ready)
                yield url
            finally:
                process.terminate()


STORED = b"SELECT key, body FROM journal.head UNION ALL SELECT key, body FROM journal.chunk ORDER BY 1, 2"


async def rows(connection: Connection, query: bytes) -> list[tuple[object, ...]]:
    return await (await connection.execute(query)).fetchall()


def allowed(path: Path) -> Iterator[tuple[str, str]]:
    """Kind and identifier of what the standard allows in a file."""
    for one in documents(path.read_bytes()):
        try:
            document, _ = read(one.kind, one.body)
        except Invalid:
            continue
        yield one.kind.name, document.id


@needs_environments
async def test_real_environments_are_stored_verified_and_rebuilt(database_url: str) -> None:
    """What the standard allows is stored, and the rest is accounted for; a rebuild leaves every byte as it is."""
    async with writing(database_url) as url:
        first, said = await imported(url, *environments(), replace=True)
        second, said_again = await imported(url, *environments(), replace=True)
    assert (first, second) == (1, 1)
    assert said.rpartition("\nrefused")[0] == said_again.rpartition("\nrefused")[0]
    connection = await connect(database_url, name="test")
    stored = await rows(connection, STORED)
    expected = {subject for path in environments() for subject in allowed(path)}
    assert {*await rows(connection, b"SELECT kind, id FROM journal.head")} == expected
    console = quiet()
    assert await rebuild(database_url=database_url, redis_url=None, names=Names(), console=console) == 0
    assert await verify(database_url=database_url, redis_url=None, names=Names(), console=console) == 0, told(console)
    assert "\nOK: " in told(console)
    assert await rows(connection, STORED) == stored
    await connection.close()


async def test_a_lenient_import_stores_what_a_strict_server_would_refuse(tmp_path: Path, database_url: str) -> None:
    file = environment(tmp_path / "e.json", submodel("one", idShort="1 is no name"), submodel("two", unheard="of"))
    async with writing(database_url) as url:
        strictly, said = await imported(url, file)
        assert (strictly, said.splitlines()[-1]) == (1, "0 stored, 2 refused")
        leniently, said = await imported(url, file, lenient=True)
    assert (leniently, said.splitlines()[-1]) == (1, "1 stored, 1 let through, 1 refused")
    assert "let through: submodel one" in said
    assert "refused: submodel two" in said
