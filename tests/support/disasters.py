"""An installation that is backed up, lost and restored: what it answered before, and what it answers after."""

import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql
from redis import Redis

from support.asking import Plain, document, pages, path_of, prop, put, reference
from support.processes import Titan, titan
from support.waiting import eventually
from titan.dev.postgres import PostgresServer
from titan.dev.processes import free_port
from titan.dev.valkey import ValkeyServer
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL

REPLICAS = 2
COUNT = 12
"""Documents of each kind."""
LARGE = b64encode(bytes(range(256)) * 1200).decode()
FILES = (b"a manual", os.urandom(3 << 20))


class Answer(NamedTuple):
    """What counts of an answer."""

    status: int
    etag: str | None
    type: str | None
    disposition: str | None
    body: bytes


class World(NamedTuple):
    """The stores of an installation, and where its processes keep their files."""

    postgres: PostgresServer
    redis: ValkeyServer
    directory: Path

    @property
    def environ(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.redis.url(),
            "TITAN_DATA_DIR": str(self.directory / "data"),
            "TITAN_LOG_LEVEL": "WARNING",
            "TITAN_OPERATION_TARGETS": "127.0.0.0/8",
            "TITAN_BLOB_THRESHOLD_BYTES": "20000",
        }

    @contextmanager
    def running(self) -> Generator[Titan]:
        """Its processes."""
        words = ("dev", "--replicas", str(REPLICAS))
        with titan(self.directory, free_port(), *words, environ=self.environ) as run:
            yield run

    def command(self, *words: str, given: bytes | None = None, status: int = 0) -> subprocess.CompletedProcess[bytes]:
        """Run a command of Titan on it."""
        done = subprocess.run(
            [sys.executable, "-m", "titan.main", *words],
            env=os.environ | self.environ,
            cwd=self.directory,
            input=given,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == status, done.stderr.decode()
        return done

    def program(self, name: str, *words: str | Path, given: bytes | None = None) -> bytes:
        """Run a program of PostgreSQL on its database."""
        found = self.postgres.binaries.directory / name
        done = subprocess.run([found, *words], input=given, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def lose(self, *, redis: bool) -> None:
        """Lose the database, which is made anew with nothing in it, and the contents; Redis, if that is said."""
        url = self.postgres.url()
        name = urlsplit(url).path.removeprefix("/")
        with psycopg.connect(f"{url.rpartition('/')[0]}/postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        shutil.rmtree(self.blobs)
        if redis:
            with Redis.from_url(self.redis.url()) as client:
                client.flushall()

    @property
    def blobs(self) -> Path:
        return self.directory / "data/blobs"

    def events(self, upto: int) -> list[tuple[object, ...]]:
        """The journal up to a position."""
        with psycopg.connect(self.postgres.url()) as connection:
            return connection.execute(
                "SELECT * FROM journal.event WHERE position <= %s ORDER BY position", [upto]
            ).fetchall()


def _submodel(number: int, mark: str) -> Plain:
    operation = {
        "modelType": "Operation",
        "idShort": "Run",
        "qualifiers": [
            {"type": "invocationDelegation", "valueType": "xs:string", "value": "http://127.0.0.1:9/nobody"}
        ],
    }
    elements: list[Plain] = [
        prop("Mark", mark),
        {"modelType": "File", "idShort": "Manual", "contentType": "text/plain"},
        {"modelType": "Blob", "idShort": "Picture", "contentType": "image/png", "value": LARGE},
        operation,
    ]
    if number % 3 == 0:
        elements += [prop(f"Filler{n}", f"{mark}{n:x>400}") for n in range(300)]
    return document(
        SUBMODEL, f"urn:kept:{number}", idShort="Kept", semanticId=reference("urn:meaning"), submodelElements=elements
    )


def fill(client: httpx.Client, mark: str) -> None:
    """Store documents of all kinds and sizes with contents, change them, and remove one."""
    for number in range(COUNT):
        put(client, SUBMODEL, _submodel(number, mark))
        refers = [{"type": "ModelReference", "keys": [{"type": "Submodel", "value": f"urn:kept:{number}"}]}]
        put(client, SHELL, document(SHELL, f"urn:kept:{number}", idShort="Kept", submodels=refers))
        put(client, CONCEPT_DESCRIPTION, document(CONCEPT_DESCRIPTION, f"urn:kept:{number}", idShort="Kept"))
        at = f"{path_of(SUBMODEL, f'urn:kept:{number}')}/submodel-elements"
        file = mark.encode() + FILES[number % 2]
        assert client.put(f"{at}/Manual/attachment", files={"file": ("a.txt", file)}).status_code == 204
        assert client.patch(f"{at}/Mark/$value", json=f"{mark} patched").status_code == 204
        thumbnail = f"{path_of(SHELL, f'urn:kept:{number}')}/asset-information/thumbnail"
        assert client.put(thumbnail, files={"file": ("a.png", file)}).status_code == 204
    removed = path_of(SUBMODEL, f"urn:removed:{mark}")
    put(client, SUBMODEL, document(SUBMODEL, f"urn:removed:{mark}"))
    assert client.delete(removed).status_code == 204


def invoked(client: httpx.Client) -> str:
    """Invoke an operation that nobody carries out; gives where its result is, once there is one."""
    at = f"{path_of(SUBMODEL, 'urn:kept:0')}/submodel-elements/Run/invoke-async"
    answer = client.post(at, json={})
    assert answer.status_code == 202, answer.text
    status = answer.headers["location"]
    path = status.replace("/operation-status/", "/operation-results/")
    assert eventually(lambda: client.get(status, follow_redirects=True).json()["executionState"] == "Failed")
    return path


def paths() -> list[str]:
    """Everything that is asked for before and after."""
    found: list[str] = []
    for number in range(COUNT):
        submodel, shell = path_of(SUBMODEL, f"urn:kept:{number}"), path_of(SHELL, f"urn:kept:{number}")
        found += [submodel, shell, path_of(CONCEPT_DESCRIPTION, f"urn:kept:{number}")]
        found += [f"{submodel}/{view}" for view in ("$value", "$metadata", "$reference", "$path")]
        found += [f"{submodel}?extent=withBlobValue", f"{submodel}/submodel-elements?limit=1000"]
        found += [f"{submodel}/submodel-elements/Mark", f"{submodel}/submodel-elements/Manual/attachment"]
        found += [f"{shell}/asset-information", f"{shell}/asset-information/thumbnail", f"{shell}/submodel-refs"]
        found += [f"{shell}/submodels/{submodel.rpartition('/')[2]}/submodel-elements/Mark/$value"]
    found += [f"/{kind.collection}?idShort=Kept&limit={limit}" for kind in (SHELL, SUBMODEL) for limit in (5, 1000)]
    found += [path_of(SUBMODEL, "urn:removed:first"), "/concept-descriptions?idShort=Kept&limit=1000"]
    return found


def answers(url: str) -> dict[str, Answer]:
    """What is answered to all of it."""
    with httpx.Client(base_url=url, timeout=30) as client:
        return {path: _answer(client.get(path)) for path in paths()}


def _answer(answer: httpx.Response) -> Answer:
    headers = answer.headers
    # A refusal names its own time and request.
    body = answer.content if answer.is_success else b""
    kept = (headers.get(name) for name in ("etag", "content-type", "content-disposition"))
    return Answer(answer.status_code, *kept, body=body)


def unlike(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> list[str]:
    """Paths that are answered otherwise than before."""
    return [
        f"{path}: {before[path][:4]} {before[path].body[:300]!r} became {after[path][:4]} {after[path].body[:300]!r}"
        for path in before
        if before[path] != after[path]
    ]


def identifiers_of(url: str) -> dict[str, Sequence[str]]:
    """Everything that is listed, in its order, by collection."""
    with httpx.Client(base_url=url, timeout=30) as client:
        return {
            kind.collection: [entry["id"] for page in pages(client, f"/{kind.collection}", limit=500) for entry in page]
            for kind in (SHELL, SUBMODEL, CONCEPT_DESCRIPTION)
        }
