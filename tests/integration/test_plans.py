"""What a page costs is what is on it, however long the list is."""

from collections.abc import AsyncIterator

import pytest

from support.followers import projecting
from support.writes import put
from titan.events.project import facet
from titan.storage import journal, listings
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
