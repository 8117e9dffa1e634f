"""What every blob store promises, held against a real server of each kind."""

import asyncio
import os
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, aclosing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import json
from msgspec.structs import replace

from support import blob_servers
from support.answering import answer, answering
from support.blob_servers import AZURE_KEY, BlobServer
from titan.addresses import Secret
from titan.config import Settings
from titan.errors import Misconfigured, NotFound, TooLarge, Unavailable
from titan.storage.blobs.opening import open_blobs
from titan.storage.blobs.store import PIECE_BYTES, Blobs

KINDS = ("local", "s3", "gcs", "azure")
SERVED = KINDS[1:]
MIB = 1 << 20
PIECES_LIMIT = 1 << 30

Opened = Callable[..., Blobs]


class Servers:
    """Those that were asked for in this session; each starts with the first test that asks."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self._started: dict[str, BlobServer] = {}

    def get(self, kind: str) -> BlobServer:
        if kind not in self._started:
            server = self._made(kind)
            self._stack.callback(server.process.stop)
            server.start()
            self._started[kind] = server
        return self._started[kind]

    def _made(self, kind: str) -> BlobServer:
        directory = self._directory / kind
        if kind == "s3":
            return blob_servers.seaweedfs(directory)
        if kind == "gcs":
            return blob_servers.fake_gcs(directory)
        program = blob_servers.find_azurite(os.environ.get("PATH", ""))
        if program is None:
            pytest.skip("Azurite is not here: it takes node and `npm i --prefix .titan/npm azurite@3.35.0`")
        return blob_servers.azurite(directory, program)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("blob-servers"), stack)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def settings(kind: str, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    if kind == "local":
        return Settings(data_dir=str(tmp_path))
    server = servers.get(kind)
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    return server.settings


@pytest.fixture
async def blobs(settings: Settings) -> AsyncIterator[Blobs]:
    opened = open_blobs(settings)
    yield opened
    await opened.close()


async def pieces(content: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def unheard(size: int) -> bytes:
    """A content that no other test has stored."""
    return os.urandom(size)


async def put(blobs: Blobs, content: bytes) -> str:
    return (await blobs.put(pieces(content), limit_bytes=PIECES_LIMIT)).digest


async def content_of(blobs: Blobs, digest: str, *, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in blobs.read(digest, start=start, end=end)])


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


async def put_at(blobs: Blobs, digest: str) -> datetime | None:
    return {found: at async for found, at in blobs.walk()}.get(digest)


async def test_what_was_put_is_read_byte_for_byte(blobs: Blobs) -> None:
    content = unheard(300_001)
    stored = await blobs.put(pieces(content), limit_bytes=300_001)
    assert (stored.digest, stored.size) == (sha256(content).hexdigest(), 300_001)
    assert await blobs.size(stored.digest) == 300_001
    assert await content_of(blobs, stored.digest) == content


async def test_an_empty_content_is_a_content(blobs: Blobs) -> None:
    digest = await put(blobs, b"")
    assert await blobs.size(digest) == 0
    assert await content_of(blobs, digest) == b""


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (0, 300_000), (5, 5), (17, 19), (262_143, 262_146), (299_999, None), (299_990, 400_000), (300_000, None)],
)
async def test_a_range_is_what_a_slice_is(blobs: Blobs, start: int, end: int | None) -> None:
    content = bytes(range(250)) * 1200
    digest = await put(blobs, content)
    assert await content_of(blobs, digest, start=start, end=end) == content[start:end]


async def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    digest = sha256(unheard(8)).hexdigest()
    assert await blobs.size(digest) is None
    with pytest.raises(NotFound):
        await content_of(blobs, digest)
    with pytest.raises(NotFound):
        await content_of(blobs, digest, start=1, end=2)
    await blobs.remove(digest)


async def test_what_is_removed_is_gone_and_can_be_put_again(blobs: Blobs) -> None:
    content = unheard(1000)
    digest = await put(blobs, content)
    await blobs.remove(digest)
    assert await blobs.size(digest) is None
    assert await put_at(blobs, digest) is None
    assert await put(blobs, content) == digest
    assert await content_of(blobs, digest) == content


async def test_a_walk_finds_every_content_and_when_it_was_last_put(blobs: Blobs) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    digests = [await put(blobs, unheard(10)) for _ in range(3)]
    found = {digest: at async for digest, at in blobs.walk()}
    assert set(digests) <= set(found)
    assert all(before < found[digest] < datetime.now(UTC) + timedelta(seconds=2) for digest in digests)


async def test_a_content_that_is_put_again_is_young_again(blobs: Blobs) -> None:
    content = unheard(10)
    digest = await put(blobs, content)
    first = await put_at(blobs, digest)
    assert first is not None
    async with asyncio.timeout(10):
        # Some stores count in whole seconds.
        while (again := await put_at(blobs, digest)) is None or again <= first:
            assert await put(blobs, content) == digest
    assert await content_of(blobs, digest) == content


async def test_a_large_content_is_streamed_in_bounded_memory(blobs: Blobs) -> None:
    block = unheard(64 * 1024)
    known = sha256()

    async def many() -> AsyncIterator[bytes]:
        for number in range(48 * 16):
            piece = number.to_bytes(4, "big") + block[4:]
            known.update(piece)
            yield piece

    tracemalloc.start()
    try:
        stored = await blobs.put(many(), limit_bytes=PIECES_LIMIT)
        read = sha256()
        async for piece in blobs.read(stored.digest):
            assert len(piece) <= PIECE_BYTES
            read.update(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stored.size == 48 * MIB
    assert stored.digest == known.hexdigest() == read.hexdigest()
    # Parts that are on their way: 8 MiB of them, and once more while the client puts them together.
    assert peak < 20 * MIB


async def test_more_than_the_limit_is_refused_and_nothing_is_left(blobs: Blobs, tmp_path: Path) -> None:
    content = unheard(2 * MIB)
    drawn = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal drawn
        async for piece in pieces(content):
            drawn += 1
            yield piece

    with pytest.raises(TooLarge):
        await blobs.put(counted(), limit_bytes=MIB)
    assert drawn < 30, "the rest was not asked for"
    assert await blobs.size(sha256(content).hexdigest()) is None
    assert files(tmp_path) == []


async def test_a_sender_that_breaks_off_leaves_nothing_behind(blobs: Blobs, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield unheard(MIB)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put(broken(), limit_bytes=PIECES_LIMIT)
    assert files(tmp_path) == []


async def test_who_stops_reading_in_the_middle_disturbs_nobody(blobs: Blobs) -> None:
    content = unheard(4 * MIB)
    digest = await put(blobs, content)
    for _ in range(20):
        async with aclosing(blobs.read(digest)) as reading:  # pyright: ignore[reportArgumentType]  a generator it is
            assert content.startswith(await anext(reading))
    assert await content_of(blobs, digest) == content


async def test_the_same_content_put_at_once_is_stored_whole(blobs: Blobs) -> None:
    content = unheard(MIB)
    digests = await asyncio.gather(*(put(blobs, content) for _ in range(6)))
    assert set(digests) == {sha256(content).hexdigest()}
    assert await content_of(blobs, digests[0]) == content


async def test_a_digest_is_claimed_before_anyone_looks_whether_it_is_there(settings: Settings) -> None:
    content = unheard(10)
    blobs = open_blobs(settings)
    try:
        digest = await put(blobs, content)

        async def removed_while_we_claim(digests: object) -> None:
            assert digests == [digest]
            await blobs.remove(digest)

        claiming = open_blobs(settings, claim=removed_while_we_claim)
        await put(claiming, content)
        await claiming.close()
        assert await content_of(blobs, digest) == content
    finally:
        await blobs.close()


@pytest.mark.parametrize("kind", SERVED, indirect=True)
async def test_a_store_that_was_killed_is_unavailable_until_it_is_back(
    blobs: Blobs, settings: Settings, servers: Servers, kind: str
) -> None:
    content = unheard(MIB)
    digest = await put(blobs, content)
    server = servers.get(kind)
    server.process.kill()
    try:
        for attempt in (put(blobs, unheard(10)), blobs.size(digest), content_of(blobs, digest), blobs.remove(digest)):
            with pytest.raises(Unavailable, match="away"):
                await attempt
        with pytest.raises(Unavailable, match="away"):
            await put_at(blobs, digest)
    finally:
        server.start()
    async with asyncio.timeout(30):
        # SeaweedFS answers before it has found its volumes again.
        while not await is_whole(blobs, content, digest):
            await blobs.size(digest)


async def is_whole(blobs: Blobs, content: bytes, digest: str) -> bool:
    try:
        return await put(blobs, content) == digest and await content_of(blobs, digest) == content
    except Unavailable:
        return False


async def test_a_directory_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("in the way")
    blobs = open_blobs(Settings(data_dir=str(tmp_path)))
    for attempt in (put(blobs, b"x"), blobs.size("0" * 64), content_of(blobs, "0" * 64)):
        with pytest.raises(Unavailable, match="blob store is away"):
            await attempt
    await blobs.close()


@pytest.mark.parametrize(
    ("kind", "name", "right"),
    [("s3", "aws_secret_access_key", "titan-secret"), ("azure", "azure_account_key", AZURE_KEY)],
    indirect=["kind"],
)
async def test_a_store_that_refuses_our_key_says_so_until_the_file_has_the_right_one(
    settings: Settings, name: str, right: str, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("d3Jvbmc=\n")
    blobs = open_blobs(replace(settings, **{name: Secret(name.upper(), path=str(file))}))
    try:
        for attempt in (put(blobs, b"x"), blobs.size("0" * 64), content_of(blobs, "0" * 64)):
            with pytest.raises(Unavailable, match="refuses our credentials"):
                await attempt
        file.write_text(f"{right}\n")
        await put(blobs, b"x")
        file.unlink()
        with pytest.raises(Unavailable, match=f"{name.upper()}_FILE cannot be read"):
            await put(blobs, b"x")
    finally:
        await blobs.close()


@pytest.mark.parametrize("kind", ["gcs"], indirect=True)
async def test_an_account_that_gets_no_token_is_unavailable_and_says_so(settings: Settings, tmp_path: Path) -> None:
    refusal = answer("400 Bad Request", b'{"error": "invalid_grant"}', content_type="application/json")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = tmp_path / "account.json"
    async with answering(lambda _: refusal) as issuer:
        said = {"client_email": "titan@example.com", "private_key": key.decode(), "token_uri": f"{issuer}/token"}
        account.write_bytes(json.encode({"type": "service_account", **said}))
        blobs = open_blobs(replace(settings, gcs_credentials_path=str(account)))
        try:
            with pytest.raises(Unavailable, match="refuses our credentials"):
                await put(blobs, b"x")
        finally:
            await blobs.close()


@pytest.mark.parametrize(
    ("kind", "wrong", "told"),
    [
        ("gcs", {"gcs_bucket": "nobodys"}, "GCS_BUCKET"),
        ("azure", {"azure_container": "nobodys"}, "AZURE_CONTAINER"),
    ],
    indirect=["kind"],
)
async def test_a_bucket_that_is_not_there_is_told_by_its_variable(
    settings: Settings, wrong: dict[str, str], told: str
) -> None:
    """SeaweedFS is not asked: it makes the bucket."""
    blobs = open_blobs(replace(settings, **wrong))
    try:
        with pytest.raises(Unavailable, match=told):
            await put(blobs, b"x")
    finally:
        await blobs.close()


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"BLOB_STORAGE_TYPE": "s3"}, "S3_BUCKET"),
        ({"BLOB_STORAGE_TYPE": "minio", "S3_BUCKET": "b"}, "S3_ENDPOINT_URL"),
        ({"BLOB_STORAGE_TYPE": "s3", "S3_BUCKET": "b", "AWS_ACCESS_KEY_ID": "k"}, "AWS_SECRET_ACCESS_KEY"),
        ({"BLOB_STORAGE_TYPE": "s3", "S3_BUCKET": "b", "S3_ENDPOINT_URL": "http://h:9"}, "AWS_ACCESS_KEY_ID"),
        (
            {
                "BLOB_STORAGE_TYPE": "minio",
                "S3_BUCKET": "b",
                "S3_ENDPOINT_URL": "h:9",
                "AWS_ACCESS_KEY_ID": "k",
                "AWS_SECRET_ACCESS_KEY": "s",
            },
            "https://host:port",
        ),
        ({"BLOB_STORAGE_TYPE": "gcs"}, "GCS_BUCKET"),
        ({"BLOB_STORAGE_TYPE": "gcs", "GCS_BUCKET": "b", "GCS_CREDENTIALS_PATH": "/nowhere"}, "cannot be read"),
        ({"BLOB_STORAGE_TYPE": "gcs", "GCS_BUCKET": "b", "GCS_CREDENTIALS_PATH": __file__}, "no key"),
        ({"BLOB_STORAGE_TYPE": "azure"}, "AZURE_CONTAINER"),
        ({"BLOB_STORAGE_TYPE": "azure", "AZURE_CONTAINER": "c"}, "AZURE_ACCOUNT_URL"),
        (
            {"BLOB_STORAGE_TYPE": "azure", "AZURE_CONTAINER": "c", "AZURE_STORAGE_CONNECTION_STRING": "x"},
            "AZURE_STORAGE_CONNECTION_STRING",
        ),
    ],
)
def test_a_store_that_lacks_a_setting_is_not_opened(environ: dict[str, str], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        open_blobs(Settings.load(environ))
