"""What becomes of contents that nothing refers to, and of those that somebody wants again in that moment."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from support.asking import JSON, Plain, document, path_of
from support.operating import quiet, told, until, write
from support.processes import titan
from support.writes import removed, subject
from titan.codec.parts import parts
from titan.config import Settings
from titan.dev.processes import free_port
from titan.errors import Unavailable
from titan.events.facts import DocumentPut, Recorded
from titan.metamodel.elements import Blob, File, Property
from titan.metamodel.identifiables import Submodel
from titan.metamodel.kinds import SHELL, SUBMODEL
from titan.operate.collecting import collect_blobs
from titan.storage.blobs.collect import LEAD, Collected, claim, collect
from titan.storage.blobs.opening import open_blobs
from titan.storage.blobs.store import Blobs, Stored
from titan.storage.postgres import Connection, Pool, connect, pool

NOW = timedelta(0)
DAY = timedelta(days=1)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    opened = await connect(database_url, name="test")
    yield opened
    await opened.close()


@pytest.fixture
async def claims(database_url: str) -> AsyncIterator[Pool]:
    opened = pool(database_url, name="test", size=2)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def blobs(tmp_path: Path, claims: Pool) -> AsyncIterator[Blobs]:
    async def claimed(digests: Sequence[str]) -> None:
        await claim(claims, digests)

    opened = open_blobs(Settings(data_dir=str(tmp_path)), claim=claimed)
    yield opened
    await opened.close()


class Held:
    """A store whose next removal waits until it is let go."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.removing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.walk = blobs.walk
        self.size = blobs.size
        self.read = blobs.read
        self.close = blobs.close

    async def put(self, pieces: AsyncIterator[bytes], *, limit_bytes: int) -> Stored:
        return await self._blobs.put(pieces, limit_bytes=limit_bytes)

    async def remove(self, digest: str) -> None:
        self.removing.set()
        await self.go_on.wait()
        await self._blobs.remove(digest)


async def put(blobs: Blobs, content: bytes) -> str:
    async def pieces() -> AsyncIterator[bytes]:
        yield content

    return (await blobs.put(pieces(), limit_bytes=1 << 20)).digest


def referring(number: int, *digests: str, expected: int = 0, text_bytes: int = 0) -> Recorded:
    """The fact that a submodel has these contents, one after the other as a file and as a value of a Blob."""
    elements = [
        File(id_short=f"e{at}", content_type="a/b", value=f"/attachments/{digest}/a.pdf")
        if at % 2 == 0
        else Blob(id_short=f"e{at}", content_type="a/b", value=f"titan:sha256:{digest}")
        for at, digest in enumerate(digests)
    ]
    padding = Property(id_short="p", value_type="xs:string", value="x" * text_bytes)
    document = Submodel(id=subject(number).id, submodel_elements=[padding, *elements])
    return Recorded(subject(number), expected=expected, fact=DocumentPut(parts(document), created=expected == 0))


async def condemned(connection: Connection) -> set[str]:
    cursor = await connection.execute("SELECT digest FROM journal.condemned")
    return {digest for (digest,) in await cursor.fetchall()}


async def there(blobs: Blobs) -> set[str]:
    return {digest async for digest, _ in blobs.walk()}


async def test_an_orphan_is_condemned_by_one_run_and_removed_by_the_next(
    database_url: str, connection: Connection, blobs: Blobs
) -> None:
    kept, orphan = await put(blobs, b"kept"), await put(blobs, b"orphan")
    await write(connection, [referring(1, kept)])
    assert await collect(database_url, blobs, grace=NOW) == Collected(2, 1, condemned=1, reprieved=0, removed=0)
    assert await condemned(connection) == {orphan}
    assert await collect(database_url, blobs, grace=NOW) == Collected(2, 1, condemned=0, reprieved=0, removed=1)
    assert await there(blobs) == {kept}
    assert await condemned(connection) == set()


async def test_what_is_young_is_left_alone(database_url: str, connection: Connection, blobs: Blobs) -> None:
    orphan = await put(blobs, b"young")
    for _ in range(2):
        done = await collect(database_url, blobs, grace=DAY)
        assert done
        assert (done.condemned, done.removed) == (0, 0)
    assert await there(blobs) == {orphan}


async def test_what_is_condemned_has_a_grace_more(database_url: str, connection: Connection, blobs: Blobs) -> None:
    orphan = await put(blobs, b"orphan")
    await collect(database_url, blobs, grace=NOW)
    done = await collect(database_url, blobs, grace=DAY)
    assert done
    assert done.removed == 0
    late = {"at": datetime.now(UTC) - DAY - timedelta(minutes=1)}
    await connection.execute("UPDATE journal.condemned SET at = %(at)s", late)
    done = await collect(database_url, blobs, grace=DAY)
    assert done
    assert done.removed == 1
    assert orphan not in await there(blobs)


async def test_whatever_the_state_refers_to_stays(database_url: str, connection: Connection, blobs: Blobs) -> None:
    digests = [await put(blobs, b"content %d" % number) for number in range(8)]
    large = [referring(3, *digests[4:], text_bytes=100_000)]
    await write(connection, [referring(1, *digests[:2]), referring(2, *digests[2:4]), *large])
    for _ in range(2):
        assert await collect(database_url, blobs, grace=NOW) == Collected(8, 8, condemned=0, reprieved=0, removed=0)


async def test_what_a_replaced_or_removed_document_referred_to_is_an_orphan(
    database_url: str, connection: Connection, blobs: Blobs
) -> None:
    digests = [await put(blobs, b"content %d" % number) for number in range(3)]
    await write(connection, [referring(1, digests[0]), referring(2, digests[1])])
    await write(connection, [referring(1, digests[2], expected=1), removed(2, expected=1)])
    for _ in range(2):
        await collect(database_url, blobs, grace=NOW)
    assert await there(blobs) == {digests[2]}


async def test_what_is_referred_to_again_is_reprieved(database_url: str, connection: Connection, blobs: Blobs) -> None:
    """Also where the one who recorded the fact forgot to claim."""
    digest = await put(blobs, b"wanted again")
    await collect(database_url, blobs, grace=NOW)
    await write(connection, [referring(1, digest)])
    assert await collect(database_url, blobs, grace=NOW) == Collected(1, 1, condemned=0, reprieved=1, removed=0)
    assert await condemned(connection) == set()
    assert await there(blobs) == {digest}


async def test_a_claim_takes_a_content_from_the_condemned(
    database_url: str, connection: Connection, claims: Pool, blobs: Blobs
) -> None:
    digest = await put(blobs, b"claimed")
    await collect(database_url, blobs, grace=NOW)
    await claim(claims, [digest])
    assert await condemned(connection) == set()
    done = await collect(database_url, blobs, grace=DAY)
    assert done
    assert done.removed == 0
    assert await blobs.size(digest) == len(b"claimed")


async def test_a_claim_waits_for_a_removal_and_the_content_is_stored_again(
    database_url: str, connection: Connection, blobs: Blobs
) -> None:
    digest = await put(blobs, b"wanted again")
    await collect(database_url, blobs, grace=NOW)
    held = Held(blobs)
    async with asyncio.TaskGroup() as group:
        run = group.create_task(collect(database_url, held, grace=NOW))
        await held.removing.wait()
        writer = group.create_task(put(blobs, b"wanted again"))
        await until(lambda: waiting(connection))
        assert not writer.done()
        held.go_on.set()
    assert writer.result() == digest
    done = run.result()
    assert done
    assert done.removed == 1
    assert await blobs.size(digest) == len(b"wanted again")


async def waiting(connection: Connection) -> bool:
    """Whether somebody waits for a row that another holds."""
    cursor = await connection.execute(
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE NOT l.granted AND a.datname = current_database()"
    )
    row = await cursor.fetchone()
    return row is not None and row[0] > 0


async def test_a_content_that_is_being_claimed_is_not_removed(
    database_url: str, connection: Connection, blobs: Blobs
) -> None:
    digest = await put(blobs, b"claimed")
    await collect(database_url, blobs, grace=NOW)
    async with connection.transaction():
        await connection.execute("DELETE FROM journal.condemned WHERE digest = %(digest)s", {"digest": digest})
        done = await collect(database_url, Unwalked(blobs), grace=NOW)
    assert done
    assert done.removed == 0
    assert await blobs.size(digest) is not None


class Unwalked(Held):
    """A store in which a walk finds nothing, so that nothing is condemned; it removes at once."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(blobs)
        self.go_on.set()
        self.walk = self.nothing

    async def nothing(self) -> AsyncIterator[tuple[str, datetime]]:
        for _ in ():
            yield "", datetime.now(UTC)


async def test_a_content_that_is_claimed_while_a_run_reads_the_state_is_not_removed_by_it(
    database_url: str, connection: Connection, claims: Pool, blobs: Blobs
) -> None:
    """The fact that comes after the claim may be newer than what the run has seen."""
    digest = await put(blobs, b"claimed")
    await collect(database_url, blobs, grace=NOW)

    class Late(Unwalked):
        async def nothing(self) -> AsyncIterator[tuple[str, datetime]]:
            await claim(claims, [digest])
            await write(connection, [referring(1, digest)])
            yield digest, datetime.now(UTC) - DAY

    done = await collect(database_url, Late(blobs), grace=NOW)
    assert done
    assert (done.condemned, done.removed) == (1, 0)
    assert await collect(database_url, blobs, grace=NOW) == Collected(1, 1, condemned=0, reprieved=1, removed=0)


async def test_a_content_that_a_request_names_while_a_run_reads_the_state_is_not_removed_by_it(
    database_url: str, redis_url: str, tmp_path: Path, blobs: Blobs
) -> None:
    """Nobody sends the bytes again, so that nothing is put which would claim them."""
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "TITAN_WRITE_VISIBILITY": "journal"}
    with (
        titan(tmp_path / "run", free_port(), "write", environ=environ | {"TITAN_DATA_DIR": str(tmp_path)}) as run,
        httpx.Client(base_url=run.url, timeout=60) as client,
    ):
        for number, (method, path, sent) in enumerate(NAMING):
            digest = await put(blobs, b"content %d" % number)
            await collect(database_url, blobs, grace=NOW)
            body = msgspec.json.encode(sent).replace(b"DIGEST", digest.encode())
            request = client.build_request(method, path, content=body, headers=JSON)
            assert await collect(database_url, Naming(blobs, request, client), grace=NOW)
            assert await blobs.size(digest) is not None, (method, path)


MODEL = document(SUBMODEL, "urn:naming")
HOLDER = document(SHELL, "urn:naming")
AT = path_of(SUBMODEL, "urn:naming")
ASSET = {"assetKind": "Instance", "globalAssetId": "urn:a", "defaultThumbnail": {"path": "/attachments/DIGEST/a.png"}}
HELD = {"modelType": "File", "idShort": "Held", "contentType": "a/b", "value": "/attachments/DIGEST/a.pdf"}
NAMING: list[tuple[str, str, Plain]] = [
    ("POST", "/submodels", MODEL | {"submodelElements": [HELD]}),
    ("PUT", AT, MODEL | {"submodelElements": [HELD]}),
    ("PATCH", AT, MODEL | {"submodelElements": [HELD]}),
    ("PATCH", f"{AT}/$value", {"Held": {"value": "/attachments/DIGEST/b.pdf"}}),
    ("POST", f"{AT}/submodel-elements", HELD | {"idShort": "Posted"}),
    ("PUT", f"{AT}/submodel-elements/Held", HELD),
    ("PATCH", f"{AT}/submodel-elements/Held", HELD),
    ("PATCH", f"{AT}/submodel-elements/Held/$value", {"value": "/attachments/DIGEST/c.pdf"}),
    ("POST", "/shells", HOLDER | {"assetInformation": ASSET}),
    ("PUT", f"{path_of(SHELL, 'urn:naming')}/asset-information", ASSET),
]
"""Requests after which a document names a content that it did not name before."""


class Naming(Unwalked):
    """A store of which a walk finds nothing, but meanwhile a request comes."""

    def __init__(self, blobs: Blobs, request: httpx.Request, client: httpx.Client) -> None:
        super().__init__(blobs)
        self._request = request
        self._client = client

    async def nothing(self) -> AsyncIterator[tuple[str, datetime]]:
        answer = await asyncio.to_thread(self._client.send, self._request)
        assert answer.is_success, answer.text
        for _ in ():
            yield "", datetime.now(UTC)


async def test_a_store_that_is_away_keeps_what_is_condemned_for_the_next_run(
    database_url: str, connection: Connection, blobs: Blobs
) -> None:
    digest = await put(blobs, b"orphan")
    await collect(database_url, blobs, grace=NOW)

    class Away(Unwalked):
        async def remove(self, digest: str) -> None:
            raise Unavailable(f"away with {digest}")

    with pytest.raises(Unavailable):
        await collect(database_url, Away(blobs), grace=NOW)
    assert await condemned(connection) == {digest}
    done = await collect(database_url, blobs, grace=NOW)
    assert done
    assert done.removed == 1


async def test_one_collector_works_at_a_time(database_url: str, connection: Connection, blobs: Blobs) -> None:
    assert await (await connection.execute(LEAD)).fetchone() == (True,)
    assert await collect(database_url, blobs, grace=NOW) is None
    console = quiet()
    assert await collect_blobs(database_url=database_url, blobs=blobs, grace_s=0, console=console) == 2
    assert "Another collector" in told(console)


async def test_the_command_says_what_it_did(database_url: str, connection: Connection, blobs: Blobs) -> None:
    await put(blobs, b"orphan")
    console = quiet()
    assert await collect_blobs(database_url=database_url, blobs=blobs, grace_s=0, console=console) == 0
    assert "1 contents are stored; documents refer to 0." in told(console)
    assert "1 condemned, 0 reprieved, 0 removed." in told(console)
