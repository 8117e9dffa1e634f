"""A database of an earlier release is brought up to date, and answers as it did before."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest

from support.asking import document, path_of, put
from support.operating import quiet, told
from support.processes import Titan, titan
from titan.dev.processes import free_port
from titan.errors import Misconfigured
from titan.metamodel.kinds import SHELL, SUBMODEL
from titan.operate.rebuilding import rebuild
from titan.operate.verifying import verify
from titan.storage import migrating, schema
from titan.storage.redis import Names

RELEASES = Path(__file__).resolve().parents[1] / "support" / "releases"
REVISIONS = sorted(path.stem for path in RELEASES.glob("*.sql"))
LARGE = path_of(SUBMODEL, "https://example.com/submodels/4")


class Answered(msgspec.Struct):
    """What a release answered to a GET."""

    status: int
    etag: str
    body: str


def answered(revision: str) -> dict[str, Answered]:
    return msgspec.json.decode((RELEASES / f"{revision}.json").read_bytes(), type=dict[str, Answered])


@pytest.fixture(params=REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    """Of the schema of an earlier release."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def restored(revision: str, empty_database_url: str) -> str:
    """URL of a database as that release left it."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute((RELEASES / f"{revision}.sql").read_bytes())
    return empty_database_url


@pytest.fixture
def migrated(restored: str) -> str:
    migrating.migrate(restored)
    return restored


@pytest.fixture
def served(migrated: str, redis_url: str, tmp_path: Path) -> Iterator[Titan]:
    """All tiers on it."""
    environ = {"DATABASE_URL": migrated, "REDIS_URL": redis_url}
    with titan(tmp_path / "titan", free_port(), "together", environ=environ) as run:
        yield run


def verified(url: str, redis_url: str | None = None) -> str:
    console = quiet()
    asyncio.run(verify(database_url=url, redis_url=redis_url, names=Names(), console=console))
    return told(console).splitlines()[-1]


def answers(client: httpx.Client, paths: list[str]) -> dict[str, Answered]:
    given: dict[str, Answered] = {}
    for path in paths:
        answer = client.get(path)
        ok = answer.status_code == 200
        given[path] = Answered(answer.status_code, answer.headers.get("etag", ""), answer.text if ok else "")
    return given


def test_every_earlier_schema_has_its_dump() -> None:
    assert sorted(set(migrating.known()) - {schema.KNOWN}) == REVISIONS


def test_this_release_does_not_start_before_the_database_is_migrated(restored: str, revision: str) -> None:
    with pytest.raises(Misconfigured, match=f"has schema {revision}.*run `titan migrate` first"):
        schema.check(restored)


def test_what_an_earlier_release_stored_is_whole_once_it_is_migrated(migrated: str) -> None:
    schema.check(migrated)
    assert re.match("OK: 12 events, 8 documents", verified(migrated))
    assert asyncio.run(rebuild(database_url=migrated, redis_url=None, names=Names(), console=quiet())) == 0
    assert re.match("OK: 12 events, 8 documents", verified(migrated))


def test_every_document_and_list_answers_as_it_did_before(served: Titan, revision: str) -> None:
    before = answered(revision)
    with httpx.Client(base_url=served.url) as client:
        assert answers(client, [*before]) == before


def test_what_an_earlier_release_stored_is_changed_like_anything_else(
    served: Titan, revision: str, migrated: str, redis_url: str
) -> None:
    before = msgspec.json.decode(answered(revision)[LARGE].body)
    with httpx.Client(base_url=served.url) as client:
        patched = client.patch(f"{LARGE}/submodel-elements/Property3/$value", json="new")
        assert patched.status_code == 204, patched.text
        assert client.delete(f"{LARGE}/submodel-elements/Property0").status_code == 204
        before["submodelElements"][3]["value"] = "new"
        del before["submodelElements"][0]
        now = client.get(LARGE)
        assert (now.json(), now.headers["etag"]) == (before, '"3"')
        removed = document(SHELL, "https://example.com/shells/2")
        assert put(client, SHELL, removed).status_code == 201
        assert client.get(path_of(SHELL, removed["id"])).headers["etag"] == '"3"'
    assert re.match("OK: 15 events, 8 documents", verified(migrated, redis_url))


def test_a_cursor_of_an_earlier_release_leads_on(served: Titan, revision: str) -> None:
    page = msgspec.json.decode(answered(revision)["/submodels?limit=2"].body)
    with httpx.Client(base_url=served.url) as client:
        rest = client.get("/submodels", params={"limit": 100, "cursor": page["paging_metadata"]["cursor"]}).json()
        whole = client.get("/submodels").json()
    assert page["result"] + rest["result"] == whole["result"]
