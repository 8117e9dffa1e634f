"""What a replica loads: nothing that another replica could take back."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog

from support.followers import projecting
from support.writes import put, removed, subject
from titan.metamodel.kinds import SUBMODEL
from titan.observability.metrics import Metrics
from titan.read.fresh import Fresh
from titan.read.load import Load
from titan.read.memory import Memory
from titan.storage import journal, listings
from titan.storage.notices import PROJECTED, Notices
from titan.storage.postgres import Connection, connect, pool
from titan.storage.redis import Names
from titan.storage.visibility import Reach, Visibility
from titan.tasks import beside


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


@pytest.fixture
async def replica(database_url: str) -> AsyncIterator[tuple[Load, Visibility]]:
    """What loads for a replica without Redis, which nevertheless holds back what is not projected yet."""
    metrics, notices, lent = Metrics(), Notices(database_url), pool(database_url, name="test", size=2)
    fresh = Fresh(None, Memory(1 << 20), lambda: 0, lease_ms=400, log=structlog.stdlib.get_logger())
    visibility = Visibility(
        Reach.PROJECTED, None, notices=notices, pool=lent, lease_ms=400, metrics=metrics, waits=metrics.hold_seconds
    )
    load = Load(fresh, None, lent, notices, visibility, metrics=metrics)
    await lent.open()
    async with beside(notices.run(), load.run()):
        yield load, visibility
    await lent.close()


async def _project(database_url: str, connection: Connection, position: int) -> None:
    notices = Notices(database_url)
    async with beside(notices.run()), projecting(database_url, None, Names()):
        while await listings.bookmark(connection) < position:
            await notices.wait(PROJECTED, position - 1, timeout_s=0.2)


async def test_a_list_that_lacks_what_was_removed_waits_until_no_other_shows_it(
    connection: Connection, database_url: str, replica: tuple[Load, Visibility]
) -> None:
    load, visibility = replica
    await journal.append(connection, [put(number) for number in range(6)])
    await _project(database_url, connection, 6)
    whole = await load.page(SUBMODEL, (), after=0, limit=10, wanted=0)
    assert len(whole.places) == 6
    await journal.append(connection, [removed(1, expected=1), removed(2, expected=1), put(6)])
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(load.page(SUBMODEL, (), after=0, limit=3, wanted=0))
        while not asked.done() and not visibility.held:  # noqa: ASYNC110  # nobody says that an answer is held back
            await asyncio.sleep(0.01)  # noqa: TID251  # polled, for the same reason
        assert not asked.done()
        await _project(database_url, connection, 9)
    page = asked.result()
    assert [place.key for place in page.places] == [subject(number).key for number in (0, 3, 4)]
    assert page.more


async def test_a_list_whose_documents_are_as_they_are_listed_waits_for_nobody(
    connection: Connection, database_url: str, replica: tuple[Load, Visibility]
) -> None:
    load, _ = replica
    await journal.append(connection, [put(number) for number in range(3)])
    await _project(database_url, connection, 3)
    await journal.append(connection, [put(1, expected=1, value="2"), put(3), put(4), removed(4, expected=1)])
    page = await load.page(SUBMODEL, (), after=0, limit=3, wanted=0)
    assert [place.key for place in page.places] == [subject(number).key for number in range(3)]
    assert not page.more
    assert page.shows == 3


async def test_a_page_is_as_long_as_asked_for_though_all_that_it_would_begin_with_was_removed(
    connection: Connection, database_url: str
) -> None:
    await journal.append(connection, [put(number) for number in range(10)])
    await _project(database_url, connection, 10)
    await journal.append(connection, [removed(number, expected=1) for number in range(7)])
    page = await listings.page(connection, "submodel", (), after=0, limit=2)
    assert [place.key for place in page.places] == [subject(7).key, subject(8).key]
    assert (page.more, page.position, page.shows) == (True, 10, 17)
    last = await listings.page(connection, "submodel", (), after=8, limit=2)
    assert ([place.key for place in last.places], last.more) == ([subject(8).key, subject(9).key], False)
    await journal.append(connection, [removed(number, expected=1) for number in range(7, 10)])
    none = await listings.page(connection, "submodel", (), after=0, limit=2)
    assert (none.places, none.more, none.shows) == ([], False, 20)
