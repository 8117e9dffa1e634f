"""What a page costs is what is on it, however long the list is; what an element costs is the chunk that it is in."""

from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from support.followers import projecting
from support.writes import put, subject
from titan.codec.parts import parts
from titan.events.facts import DocumentPut, Recorded
from titan.events.project import facet
from titan.metamodel.elements import Property, SubmodelElement
from titan.metamodel.identifiables import Submodel
from titan.storage import journal, listings
from titan.storage.documents import BRANCH
from titan.storage.listings import PAGE, PAGE_BY_FACETS
from titan.storage.notices import PROJECTED, Notices
from titan.storage.postgres import Connection, connect
from titan.storage.redis import Names
from titan.tasks import beside

COUNT = 2000
LIMIT = 10


@pytest.fixture
async def filled(database_url: str) -> AsyncIterator[Connection]:
    """A connection to a list of many documents, all of which share a facet."""
    connection = await connect(database_url, name="test")
    notices = Notices(database_url)
    async with beside(notices.run()), projecting(database_url, None, Names()):
        for start in range(0, COUNT, 100):
            await journal.append(connection, [put(number) for number in range(start, start + 100)])
        while await listings.bookmark(connection) < COUNT:
            await notices.wait(PROJECTED, COUNT - 1, timeout_s=0.2)
    await connection.execute(
        "INSERT INTO read.facet SELECT %(facet)b, sort FROM read.listing",
        {"facet": facet("submodel", "semanticId", "x")},
    )
    yield connection
    await connection.close()


def _most_rows(plan: dict[str, object]) -> float:
    rows = float(str(plan["Actual Rows"])) * float(str(plan["Actual Loops"]))
    below = plan.get("Plans", [])
    assert isinstance(below, list)
    return max([rows, *(_most_rows(each) for each in below)])


@pytest.mark.parametrize("is_analysed", [False, True], ids=["fresh tables", "analysed tables"])
async def test_a_page_reads_the_rows_that_are_on_it(filled: Connection, *, is_analysed: bool) -> None:
    if is_analysed:
        await filled.execute("ANALYZE")
    shared = facet("submodel", "semanticId", "x")
    wanted: dict[str, object] = {"kind": "submodel", "limit": LIMIT, "facet": shared, "others": []}
    for after in (0, COUNT // 2):
        for query in (PAGE, PAGE_BY_FACETS):
            cursor = await filled.execute(
                b"EXPLAIN (ANALYZE, FORMAT JSON) " + query.encode(), {**wanted, "after": after}
            )
            row = await cursor.fetchone()
            assert row is not None
            assert _most_rows(row[0][0]["Plan"]) <= LIMIT * 3


LARGE = 3000


def _scattered(number: int) -> Recorded:
    """A submodel in many chunks, of texts that do not compress."""
    random = Random(number)
    elements: list[SubmodelElement] = [
        Property(id_short=f"Property{at:05d}", value_type="xs:string", value=random.randbytes(600).hex())
        for at in range(LARGE)
    ]
    document = Submodel(id=subject(number).id, submodel_elements=elements)
    return Recorded(subject(number), expected=0, fact=DocumentPut(parts(document), created=True))


@pytest.fixture
async def chunked(database_url: str) -> AsyncIterator[Connection]:
    """A connection to a journal of one large submodel among small ones."""
    connection = await connect(database_url, name="test")
    await journal.append(connection, [_scattered(0), *(put(number) for number in range(1, 100))])
    yield connection
    await connection.close()


def _scans(plan: dict[str, object], name: str) -> Iterator[dict[str, object]]:
    if plan.get("Relation Name") == name:
        yield plan
    below = plan.get("Plans", [])
    assert isinstance(below, list)
    for each in below:
        yield from _scans(each, name)


async def _bodies_touched(connection: Connection) -> int:
    await connection.execute("SELECT pg_stat_force_next_flush()")
    cursor = await connection.execute(
        "SELECT toast_blks_hit + toast_blks_read FROM pg_statio_user_tables"
        " WHERE schemaname = 'journal' AND relname = 'chunk'"
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("is_analysed", [False, True], ids=["fresh tables", "analysed tables"])
@pytest.mark.parametrize("name", ["Property00000", "Property01500", "Property02999", "Nowhere"])
async def test_a_branch_reads_the_names_of_chunks_and_one_body(
    chunked: Connection, name: str, *, is_analysed: bool
) -> None:
    if is_analysed:
        await chunked.execute("ANALYZE")
    wanted: dict[str, object] = {"keys": [subject(0).key], "names": [name]}
    cursor = await chunked.execute(b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + BRANCH.encode(), wanted)
    row = await cursor.fetchone()
    assert row is not None
    scans = list(_scans(row[0][0]["Plan"], "chunk"))
    assert [scan["Index Name"] for scan in scans] == ["chunk_pkey", "chunk_pkey"]
    assert all(float(str(scan["Actual Rows"])) <= 1 for scan in scans)
    before = await _bodies_touched(chunked)
    cursor = await chunked.execute(BRANCH.encode(), wanted)
    found = await cursor.fetchone()
    assert found is not None
    assert name == "Nowhere" or name in found[9].split(journal.SEPARATOR)
    touched = await _bodies_touched(chunked) - before
    assert 0 < touched <= 2 * len(found[10]) / 2000 + 4
