"""What an answered write has reached, in each mode, and how a reader asks for more."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat

import httpx
import pytest

from api.conftest import Start
from support.asking import KIND_NAMES, document, identifiers, path_of, prop, put, refused
from titan.metamodel.kinds import KINDS, SUBMODEL

Names = Callable[[], str]


@pytest.fixture(scope="module")
def hasty(start: Start) -> Iterator[httpx.Client]:
    """A Titan that answers writes before anybody shows them."""
    with start(TITAN_WRITE_VISIBILITY="journal") as run, httpx.Client(base_url=run.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def large(start: Start) -> Iterator[httpx.Client]:
    """A Titan that takes documents which are too large to be kept in Redis."""
    with start(TITAN_MAX_BODY_BYTES=str(64 << 20)) as run, httpx.Client(base_url=run.url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_who_asks_for_a_position_reads_what_was_written_up_to_it(hasty: httpx.Client, kind: str, names: Names) -> None:
    plain = document(KINDS[kind], names(), idShort="first")
    path = path_of(KINDS[kind], plain["id"])
    for number in range(30):
        changed = plain | {"idShort": f"changed{number}"}
        written = put(hasty, KINDS[kind], changed)
        up_to = {"titan-min-position": written.headers["titan-position"]}
        assert hasty.get(path, headers=up_to).json() == changed
        listed = hasty.get(f"/{KINDS[kind].collection}", params={"idShort": changed["idShort"]}, headers=up_to)
        assert [entry["id"] for entry in listed.json()["result"]] == [plain["id"]]
    removed = hasty.delete(path)
    up_to = {"titan-min-position": removed.headers["titan-position"]}
    refused(hasty.get(path, headers=up_to), 404)
    again = hasty.get(f"/{KINDS[kind].collection}", params={"idShort": "changed29"}, headers=up_to)
    assert again.json()["result"] == []


def test_a_position_that_never_comes_is_not_waited_for_without_end(client: httpx.Client, names: Names) -> None:
    plain = document(SUBMODEL, names())
    put(client, SUBMODEL, plain)
    answer = client.get(path_of(SUBMODEL, plain["id"]), headers={"titan-min-position": "999999999999"}, timeout=40)
    refused(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


def test_many_documents_that_nobody_has_in_memory_are_read_at_once(client: httpx.Client, names: Names) -> None:
    plains = [document(SUBMODEL, names(), category="cold") for _ in range(300)]
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda plain: put(client, SUBMODEL, plain), plains))
        shown = pool.map(lambda plain: client.get(path_of(SUBMODEL, plain["id"])), chain(plains, plains))
        for plain, answer in zip(chain(plains, plains), shown, strict=True):
            assert answer.status_code == 200, answer.text
            assert answer.json() == plain


def test_who_wrote_many_at_once_finds_them_all_listed(client: httpx.Client, names: Names) -> None:
    plains = [document(SUBMODEL, names(), idShort="manyAtOnce") for _ in range(200)]
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(put, repeat(client), repeat(SUBMODEL), plains))
    assert sorted(identifiers(client, "/submodels", idShort="manyAtOnce", limit=50)) == sorted(
        plain["id"] for plain in plains
    )


def test_a_document_that_is_too_large_for_redis_is_shown_by_all_once_its_write_is_answered(
    large: httpx.Client, names: Names
) -> None:
    small = document(SUBMODEL, names(), submodelElements=[prop("of")])
    put(large, SUBMODEL, small)
    plain = document(SUBMODEL, names(), submodelElements=[prop(f"of{at}", "x" * (1 << 20)) for at in range(20)])
    for value in ("1", "2"):
        plain["submodelElements"][7]["value"] = value
        written = put(large, SUBMODEL, plain)
        assert written.headers["titan-visibility"] == "replicas"
        assert large.get(path_of(SUBMODEL, plain["id"])).json() == plain
    changed = large.patch(f"{path_of(SUBMODEL, plain['id'])}/submodel-elements/of7/$value", json="3")
    assert changed.headers["titan-visibility"] == "replicas"
    plain["submodelElements"][7]["value"] = "3"
    assert large.get(path_of(SUBMODEL, plain["id"])).json() == plain
    assert large.get(path_of(SUBMODEL, small["id"])).json() == small
