"""The journal: gap-free, commit-ordered, and each revision taken once."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest
from psycopg import sql

from support.writes import put, removed, subject
from titan.codec.parts import Chunk
from titan.errors import Unavailable
from titan.events.decide import Standing
from titan.events.facts import ELEMENT_REPLACED, Changed, Event, Recorded, Rows
from titan.observability.metrics import Metrics
from titan.storage import documents, journal
from titan.storage.journal import Appended, Journal, Lost
from titan.storage.notices import Notices
from titan.storage.postgres import Connection, connect, pool, reachable


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(database_url, name="test")
    yield connection
    await connection.close()


async def test_positions_and_revisions_count_from_one_without_gaps(connection: Connection) -> None:
    first = await journal.append(connection, [put(1), put(2)])
    second = await journal.append(connection, [put(1, expected=1, value="2"), removed(2, expected=1)])
    assert first == [Appended(1, 1, 1), Appended(2, 1, 2)]
    assert second == [Appended(3, 2, 1), Appended(4, 2, 2)]
    events = await journal.after(connection, 0)
    assert [(event.position, event.fact, event.revision) for event in events] == [
        (1, "created", 1),
        (2, "created", 1),
        (3, "replaced", 2),
        (4, "removed", 2),
    ]


async def test_a_revision_is_taken_once(connection: Connection) -> None:
    await journal.append(connection, [put(1)])
    answers = await journal.append(connection, [put(1, value="late"), put(2)])
    assert answers[0] == Lost(Standing(revision=1, exists=True)) or isinstance(answers[0], Lost)
    assert answers[1] == Appended(2, 1, 2)
    assert [event.id for event in await journal.after(connection, 1)] == [subject(2).id]


async def test_a_removed_identifier_is_free_again_and_its_revisions_go_on(connection: Connection) -> None:
    await journal.append(connection, [put(1)])
    await journal.append(connection, [removed(1, expected=1)])
    looked = await documents.look(connection, [subject(1).key])
    assert looked[subject(1).key] == Standing(revision=2, exists=False)
    (again,) = await journal.append(connection, [put(1, expected=2)])
    assert again == Appended(position=3, revision=3, created=3)


async def test_two_open_transactions_never_make_a_follower_skip(database_url: str) -> None:
    """The second waits for the first: nobody sees a position while one below it is still open."""
    slow = await psycopg.AsyncConnection.connect(database_url)
    quick = await connect(database_url, name="quick")
    follower = await connect(database_url, name="follower")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        await journal.append(slow, [put(1)])  # not committed
        waiting = group.create_task(journal.append(quick, [put(2)]))
        assert await journal.after(follower, 0) == []
        await slow.commit()
        assert (await waiting)[0] == Appended(2, 1, 2)
        assert [event.position for event in await journal.after(follower, 0)] == [1, 2]
    for connection in (slow, quick, follower):
        await connection.close()


async def test_a_rolled_back_transaction_leaves_no_hole(database_url: str) -> None:
    connection = await psycopg.AsyncConnection.connect(database_url)
    await journal.append(connection, [put(1)])
    await connection.rollback()
    answers = await journal.append(connection, [put(2)])
    assert answers == [Appended(1, 1, 1)]
    await connection.close()


async def test_a_large_document_is_kept_as_head_and_chunks_and_read_back_whole(connection: Connection) -> None:
    recorded = put(1, elements=40, text_bytes=4000)
    await journal.append(connection, [recorded])
    key = subject(1).key
    document = (await documents.fetch(connection, [key]))[key]
    (event,) = await journal.after(connection, 0)
    assert len(document.chunks) > 5
    assert b"".join(document.pieces) == event.body


async def test_a_change_of_one_branch_writes_one_chunk(connection: Connection) -> None:
    await journal.append(connection, [put(1, elements=40, text_bytes=4000)])
    key = subject(1).key
    before = (await documents.fetch(connection, [key]))[key]
    chunk = Chunk(id_shorts=("Property4",), body=b'{"modelType":"Capability","idShort":"Property4"}')
    count = len(before.chunks)
    fact = Changed(ELEMENT_REPLACED, "Property4", chunk.body, Rows(chunks=((1, chunk),), count=count))
    (answer,) = await journal.append(connection, [Recorded(subject(1), expected=1, fact=fact)])
    after = (await documents.fetch(connection, [key]))[key]
    assert isinstance(answer, Appended)
    assert after.revision == 2
    assert after.chunks == (before.chunks[0], chunk.body, *before.chunks[2:])
    assert (await documents.chunks(connection, [(key, 0), (key, 1)]))[key, 1].revision == 2


async def _recorded(database_url: str, facts: Sequence[Recorded]) -> list[Appended | BaseException]:
    metrics = Metrics()
    shared = Journal(database_url, metrics, Notices(database_url))
    async with asyncio.TaskGroup() as group:
        group.create_task(shared.run())
        answers = await asyncio.gather(*(shared.record(fact) for fact in facts), return_exceptions=True)
        shared.close()
    return answers


async def test_requests_that_wait_together_are_committed_together(database_url: str, connection: Connection) -> None:
    answers = await _recorded(database_url, [put(number) for number in range(50)])
    assert sorted(answer.position for answer in answers if isinstance(answer, Appended)) == list(range(1, 51))
    cursor = await connection.execute("SELECT count(DISTINCT at) FROM journal.event")
    row = await cursor.fetchone()
    assert row is not None
    assert row[0] < 5


async def test_facts_that_belong_together_are_written_all_or_none(database_url: str, connection: Connection) -> None:
    shared = Journal(database_url, Metrics(), Notices(database_url))
    async with asyncio.TaskGroup() as group:
        group.create_task(shared.run())
        await shared.record(put(1))
        with pytest.raises(Lost):
            await shared.record_all(put(2), put(1))
        one, other = await shared.record_all(put(2), put(1, expected=1, value="2"))
        shared.close()
    assert [(event.position, event.id) for event in await journal.after(connection, 1)] == [
        (one.position, subject(2).id),
        (other.position, subject(1).id),
    ]


async def test_one_poisoned_request_harms_nobody_else(database_url: str) -> None:
    poisoned = Recorded(subject(3), expected=0, fact=put(3).fact, caller="\x00")
    answers = await _recorded(database_url, [put(1), put(2), poisoned, put(4)])
    assert [isinstance(answer, Appended) for answer in answers] == [True, True, False, True]


async def test_a_database_that_is_away_is_told_and_nothing_is_kept_to_be_written_later(database_url: str) -> None:
    answers = await _recorded("postgresql://127.0.0.1:9/nowhere", [put(1), put(2)])
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    connection = await connect(database_url, name="test")
    assert await journal.last(connection) == 0
    await connection.close()


async def test_a_writer_that_met_a_server_which_takes_no_writes_asks_anew_for_one_that_does(
    database_url: str, connection: Connection
) -> None:
    """As in a failover, while a name or a proxy still leads to the server that was the primary."""
    shared = Journal(database_url, Metrics(), Notices(database_url))
    await _take_writes(connection, taken=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(shared.run())
        answers = await asyncio.gather(*(shared.record(put(number)) for number in range(3)), return_exceptions=True)
        await _take_writes(connection, taken=True)
        assert await shared.record(put(3)) == Appended(1, 1, 1)
        shared.close()
    assert {type(answer) for answer in answers} == {Unavailable}
    assert {str(answer) for answer in answers} == {"The database takes no writes at present; nothing was stored."}


async def test_a_pool_that_met_a_server_which_takes_no_writes_asks_anew_for_one_that_does(
    database_url: str, connection: Connection
) -> None:
    await _take_writes(connection, taken=False)
    shared = pool(database_url, name="test", size=1)
    await shared.open()

    async def write() -> None:
        with reachable():
            async with shared.connection() as line:
                await line.execute("INSERT INTO journal.condemned (digest, at) VALUES ('0', clock_timestamp())")

    with pytest.raises(Unavailable):
        await write()
    await _take_writes(connection, taken=True)
    await write()
    await shared.close()


async def _take_writes(connection: Connection, *, taken: bool) -> None:
    """Say whether whoever connects to this database from now on may write."""
    name = sql.Identifier(connection.info.dbname)
    says = sql.Literal("off" if taken else "on")
    alter = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(name, says)
    await connection.execute(alter)


async def test_pages_of_events_are_bounded_by_bytes_and_hold_at_least_one(connection: Connection) -> None:
    await journal.append(connection, [put(number, elements=10, text_bytes=1000) for number in range(5)])
    assert len(await journal.after(connection, 0, limit_bytes=25_000)) == 2
    assert len(await journal.after(connection, 0, limit_bytes=10)) == 1
    assert len(await journal.after(connection, 3)) == 2
    assert await journal.after(connection, 5) == []


async def test_pages_of_documents_are_bounded_by_bytes_and_hold_at_least_one(connection: Connection) -> None:
    large, small = range(4), range(4, 30)
    for number in large:
        await journal.append(connection, [put(number, elements=10, text_bytes=20_000)])
    await journal.append(connection, [put(number) for number in small])
    await journal.append(connection, [removed(5, expected=1)])
    whole = [page async for page in documents.walk(connection)]
    assert len(whole) == 1
    for page_bytes in (1, 250_000, 450_000):
        pages = [page async for page in documents.walk(connection, page_bytes=page_bytes, page=8)]
        assert [one for page in pages for one in page] == whole[0]
        sizes = [sum(len(one.head) + sum(map(len, one.chunks)) for one in page) for page in pages]
        assert all(size <= page_bytes or len(page) == 1 for size, page in zip(sizes, pages, strict=True))
        assert max(map(len, pages)) <= 8
    (left,) = [page async for page in documents.walk(connection, largest=100_000)]
    assert {one.key for one in left} == {subject(number).key for number in small if number != 5}
    assert {one.key for one in whole[0]} == {subject(number).key for number in [*large, *small] if number != 5}


async def test_what_the_journal_tells_of_a_commit_is_what_a_follower_reads(
    database_url: str, connection: Connection
) -> None:
    told: list[Event] = []
    shared = Journal(database_url, Metrics(), Notices(database_url), told.extend)
    chunk = Chunk(id_shorts=("Property4",), body=b'{"modelType":"Capability","idShort":"Property4"}')
    count = len(put(1, elements=40, text_bytes=4000).fact.parts.chunks)  # pyright: ignore[reportAttributeAccessIssue]
    branch = Changed(ELEMENT_REPLACED, "Property4", chunk.body, Rows(chunks=((1, chunk),), count=count))
    facts = [
        put(1, elements=40, text_bytes=4000),
        Recorded(subject(1), expected=1, fact=branch, caller="me", trace="t"),
        put(2),
        put(2, expected=1, value="2"),
        removed(2, expected=2),
    ]
    async with asyncio.TaskGroup() as group:
        group.create_task(shared.run())
        for fact in facts:
            await shared.record(fact)
        shared.close()
    assert told == await journal.after(connection, 0)
