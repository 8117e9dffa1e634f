"""The bridge on a real database, a real Redis and a real broker, each of which goes away.

What a broker has acknowledged and not yet delivered when it is killed is its own to keep; these tests let it deliver.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aiomqtt
import psycopg
import pytest
import structlog
from redis.asyncio import Redis

from support.gate import Gate, gate
from support.listening import Heard, listening
from support.waiting import eventually
from titan.bridge.run import Bridge
from titan.codec.ids import encode_id
from titan.codec.parts import Chunk, Parts
from titan.dev.mqtt import MqttServer
from titan.dev.postgres import PostgresServer
from titan.dev.processes import free_port
from titan.dev.valkey import ValkeyServer
from titan.errors import Unavailable
from titan.events.facts import ELEMENT_REPLACED, Changed, DocumentPut, DocumentRemoved, Fact, Recorded, Rows
from titan.metamodel.kinds import SUBMODEL, Subject
from titan.observability.metrics import Metrics
from titan.storage import journal, migrating
from titan.storage.life import life
from titan.storage.mqtt import Broker, probe
from titan.storage.notices import Notices
from titan.storage.postgres import connect
from titan.storage.redis import Names
from titan.storage.redis import connect as connect_redis
from titan.storage.stream import Follower, Stream

BOOKMARK = "SELECT position FROM read.bookmark WHERE name = 'bridge'"
CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'titan bridge'"

PUT = DocumentPut(Parts(head=b'{"modelType":"Submodel","id":"of no matter"}', chunks=(), blobs=False), created=True)
AGAIN = DocumentPut(PUT.parts, created=False)
LARGE = DocumentPut(Parts(head=b"{}", chunks=(Chunk(("Motor",), b"{}"),), blobs=False), created=True)
BRANCH = Changed(ELEMENT_REPLACED, "Motor.Speed", b"1", Rows(chunks=((0, Chunk(("Motor",), b"{}")),), count=1))


class Writing:
    """Documents of a test, as the write tier would record them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._revisions: dict[str, int] = {}

    async def record(self, *facts: tuple[str, Fact]) -> None:
        """Append facts in one transaction."""
        batch: list[Recorded] = []
        for identifier, fact in facts:
            revision = self._revisions.get(identifier, 0)
            self._revisions[identifier] = revision + 1
            batch.append(Recorded(Subject(SUBMODEL, identifier), revision, fact))
        connection = await connect(self._url, name="test")
        try:
            answers = await journal.append(connection, batch)
        finally:
            await connection.close()
        assert all(isinstance(answer, journal.Appended) for answer in answers)

    async def put(self, *identifiers: str) -> None:
        """Create or replace documents."""
        await self.record(*((name, AGAIN if name in self._revisions else PUT) for name in identifiers))


@asynccontextmanager
async def bridging(
    url: str, address: tuple[str, int], prefix: str, *, redis: Redis | None = None, from_start: bool = False
) -> AsyncGenerator[Metrics]:
    """A bridge that is ended, with whatever it was about, at the end of the context."""
    notices = Notices(url)
    stream = None if redis is None else Stream(redis, Names(), kept=1000)
    metrics = Metrics()
    bridge = Bridge(
        url,
        Follower(stream, notices, idle_ms=50),
        Broker(host=address[0], port=address[1]),
        metrics=metrics,
        log=structlog.stdlib.get_logger(),
        from_start=from_start,
        prefix=prefix,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(notices.run()), group.create_task(bridge.run())]
        try:
            yield metrics
        finally:
            for task in tasks:
                task.cancel()


def bookmark_is(url: str, position: int) -> bool:
    """Whether the bridge's bookmark comes to stand there."""

    def look() -> bool:
        with psycopg.connect(url) as connection:
            return connection.execute(BOOKMARK).fetchone() == (position,)

    return eventually(look)


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
async def through(mqtt_broker: tuple[str, int]) -> AsyncIterator[Gate]:
    """A gate in front of the broker."""
    async with gate(*mqtt_broker) as passing:
        yield passing


@pytest.fixture
def migrated(postgres_server: PostgresServer) -> str:
    """URL of a database with the schema, on a server that may be killed."""
    migrating.migrate(postgres_server.url())
    return postgres_server.url()


async def test_every_change_arrives_once_and_in_order(
    database_url: str, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    writing = Writing(database_url)
    async with (
        listening(mqtt_broker, prefix) as heard,
        bridging(database_url, mqtt_broker, prefix, from_start=True) as metrics,
    ):
        for _ in range(5):
            await writing.put(*(f"urn:{number % 40}" for number in range(120)))
        await heard.upto(600)
        assert heard.positions == list(range(1, 601))
        assert [message.revision for message in heard.messages if message.id == "urn:7"] == list(range(1, 16))
        assert await asyncio.to_thread(bookmark_is, database_url, 600)
    assert b"titan_bridge_position 600.0" in metrics.render()


async def test_a_removal_is_told_and_so_is_the_document_that_takes_the_identifier(
    database_url: str, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    async with (
        listening(mqtt_broker, prefix) as heard,
        bridging(database_url, mqtt_broker, prefix, from_start=True),
    ):
        await Writing(database_url).record(("urn:a", PUT), ("urn:a", DocumentRemoved()), ("urn:a", PUT))
        await heard.upto(3)
    told = [(message.fact, message.revision) for message in heard.messages]
    assert told == [("created", 1), ("removed", 2), ("created", 3)]
    assert len(set(heard.topics)) == 1


async def test_a_changed_branch_is_told_with_its_path(
    database_url: str, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    async with (
        listening(mqtt_broker, prefix) as heard,
        bridging(database_url, mqtt_broker, prefix, from_start=True),
    ):
        await Writing(database_url).record(("urn:a", LARGE), ("urn:a", BRANCH))
        await heard.upto(2)
    assert [(message.fact, message.path) for message in heard.messages] == [
        ("created", ""),
        ("element-replaced", "Motor.Speed"),
    ]


async def test_identifiers_may_hold_what_topics_must_not(
    database_url: str, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    names = ["https://example.com/a/b#c", "+/#", "Prüfling Ä/ß", "x" * 2048, "\U0001f600" * 2048]
    async with (
        listening(mqtt_broker, prefix) as heard,
        bridging(database_url, mqtt_broker, prefix, from_start=True),
    ):
        await Writing(database_url).put(*names)
        await heard.upto(len(names))
    assert [message.id for message in heard.messages] == names
    assert heard.topics == [f"{prefix}/submodel/{encode_id(name)}" for name in names]


async def test_the_first_bridge_begins_where_the_journal_ends(
    database_url: str, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    writing = Writing(database_url)
    await writing.put("urn:a", "urn:b")
    async with listening(mqtt_broker, prefix) as heard, bridging(database_url, mqtt_broker, prefix):
        assert await asyncio.to_thread(bookmark_is, database_url, 2)
        await writing.put("urn:a")
        await heard.upto(3)
    assert heard.positions == [3]


async def test_a_bridge_that_starts_again_goes_on_from_its_bookmark(
    database_url: str, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    writing = Writing(database_url)
    async with listening(mqtt_broker, prefix) as heard:
        async with bridging(database_url, mqtt_broker, prefix, from_start=True):
            await writing.put("urn:a")
            assert await asyncio.to_thread(bookmark_is, database_url, 1)
        await writing.put("urn:a", "urn:b")
        async with bridging(database_url, mqtt_broker, prefix, from_start=True):
            await heard.upto(3)
    assert heard.positions == [1, 2, 3]


async def test_a_broker_that_was_never_there_misses_nothing_from_the_first_start_on(
    database_url: str, mqtt_broker: tuple[str, int], through: Gate, prefix: str
) -> None:
    through.shut()
    writing = Writing(database_url)
    async with (
        listening(mqtt_broker, prefix) as heard,
        bridging(database_url, ("127.0.0.1", through.port), prefix),
    ):
        assert await asyncio.to_thread(bookmark_is, database_url, 0)
        await writing.put("urn:a", "urn:b")
        through.open()
        await heard.upto(2)
    assert heard.positions == [1, 2]


async def test_a_broker_that_is_killed_and_comes_back_misses_nothing(
    database_url: str, mqtt_server: MqttServer, prefix: str
) -> None:
    address = (mqtt_server.host, mqtt_server.port)
    writing = Writing(database_url)
    async with (
        gate(*address) as through,
        bridging(database_url, ("127.0.0.1", through.port), prefix, from_start=True),
    ):
        async with aiomqtt.Client(*address, protocol=aiomqtt.ProtocolVersion.V311) as client:
            await client.subscribe(f"{prefix}/#", qos=1)
            before = Heard(client)
            await writing.put("urn:a", "urn:b")
            await before.upto(2)
            assert await asyncio.to_thread(bookmark_is, database_url, 2)
            mqtt_server.kill()
            await before.lost()
        await writing.put("urn:a", "urn:c")
        through.shut()  # so that nobody publishes before somebody listens
        mqtt_server.launch()
        await asyncio.to_thread(mqtt_server.wait_ready)
        async with listening(address, prefix) as after:
            through.open()
            await writing.put("urn:a")
            await after.upto(5)
    assert (before.positions, after.positions) == ([1, 2], [3, 4, 5])


async def test_a_connection_that_breaks_at_any_moment_costs_repeats_and_no_message(
    database_url: str, mqtt_broker: tuple[str, int], through: Gate, prefix: str
) -> None:
    writing = Writing(database_url)
    async with (
        listening(mqtt_broker, prefix) as heard,
        bridging(database_url, ("127.0.0.1", through.port), prefix, from_start=True),
    ):
        for size_bytes in (1_000, 20_001, 45_678):
            through.break_after(size_bytes)
            await writing.put(*(f"urn:{number}" for number in range(300)))
            await through.broken()
        await heard.upto(900)
        assert await asyncio.to_thread(bookmark_is, database_url, 900)
    assert list(dict.fromkeys(heard.positions)) == list(range(1, 901))


async def test_a_bridge_that_ends_before_its_bookmark_moved_repeats_the_last_batch_and_no_more(
    database_url: str, mqtt_broker: tuple[str, int], through: Gate, prefix: str
) -> None:
    writing = Writing(database_url)
    async with listening(mqtt_broker, prefix) as heard:
        async with bridging(database_url, ("127.0.0.1", through.port), prefix, from_start=True):
            await writing.put("urn:a", "urn:b")
            assert await asyncio.to_thread(bookmark_is, database_url, 2)
            through.hold_answers()
            await writing.put("urn:a", "urn:b", "urn:c")
            await heard.upto(5)
        assert await asyncio.to_thread(bookmark_is, database_url, 2)
        async with bridging(database_url, mqtt_broker, prefix):
            await writing.put("urn:d")
            await heard.upto(6)
    assert heard.positions == [1, 2, 3, 4, 5, 3, 4, 5, 6]


async def test_a_database_that_is_killed_and_comes_back_is_followed_on(
    postgres_server: PostgresServer, migrated: str, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    writing = Writing(migrated)
    async with (
        listening(mqtt_broker, prefix) as heard,
        bridging(migrated, mqtt_broker, prefix, from_start=True),
    ):
        await writing.put("urn:a")
        assert await asyncio.to_thread(bookmark_is, migrated, 1)
        postgres_server.kill()
        postgres_server.launch()
        await asyncio.to_thread(postgres_server.wait_ready)
        await writing.put("urn:a", "urn:b")
        await heard.upto(3)
    assert list(dict.fromkeys(heard.positions)) == [1, 2, 3]


async def test_a_redis_that_is_killed_and_comes_back_empty_delays_at_most(
    database_url: str, redis_server: ValkeyServer, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    writing = Writing(database_url)
    redis = connect_redis(redis_server.url())
    try:
        async with (
            listening(mqtt_broker, prefix) as heard,
            bridging(database_url, mqtt_broker, prefix, redis=redis, from_start=True),
            await psycopg.AsyncConnection.connect(database_url) as connection,
        ):
            stream = Stream(redis, Names(), kept=1000)
            await writing.put("urn:a", "urn:b")
            await stream.publish(await journal.after(connection, 0), life=await life(connection))
            await heard.upto(2)
            redis_server.kill()
            await writing.put("urn:a")
            await heard.upto(3)
            redis_server.launch()
            await asyncio.to_thread(redis_server.wait_ready)
            await redis.flushdb()
            await writing.put("urn:a", "urn:b")
            await stream.publish(await journal.after(connection, 4), life=await life(connection))
            await heard.upto(5)
    finally:
        await redis.aclose()
    assert heard.positions == [1, 2, 3, 4, 5]


async def test_of_two_bridges_one_publishes_and_the_other_takes_over(
    database_url: str, mqtt_broker: tuple[str, int], prefix: str
) -> None:
    writing = Writing(database_url)
    async with listening(mqtt_broker, prefix) as heard, bridging(database_url, mqtt_broker, prefix, from_start=True):
        assert await asyncio.to_thread(bookmark_is, database_url, 0)
        async with bridging(database_url, mqtt_broker, prefix):
            await writing.put("urn:a", "urn:b")
            assert await asyncio.to_thread(bookmark_is, database_url, 2)
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute(CUT_OFF)
            await writing.put("urn:a", "urn:b")
            await heard.upto(4)
    assert heard.positions == [1, 2, 3, 4]


async def test_a_broker_that_answers_is_up(mqtt_broker: tuple[str, int]) -> None:
    await probe(Broker(host=mqtt_broker[0], port=mqtt_broker[1]))


async def test_a_broker_that_is_not_there_is_away() -> None:
    with pytest.raises(Unavailable):
        await probe(Broker(host="127.0.0.1", port=free_port()))


async def test_a_server_that_is_no_broker_is_away(redis_server: ValkeyServer) -> None:
    with pytest.raises(Unavailable):
        await probe(Broker(host="127.0.0.1", port=redis_server.port))
