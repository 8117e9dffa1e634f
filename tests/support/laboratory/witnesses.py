"""Followers that take down what they are told: of the journal, of the stream, of announcements, and by MQTT.

They reach the stores directly, not by the wires that faults befall; a store that is away is waited for. What is called
as here is public: the table of events, the names in Redis and the topics.
"""

import asyncio
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol, Self

import msgspec
import psycopg
from msgspec import Struct
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from redis import Redis

from support.laboratory.following import Announced, Message
from support.laboratory.stage import Stage, wait_s
from titan.errors import Unavailable
from titan.storage import redis
from titan.storage.notices import Notices
from titan.storage.postgres import connect
from titan.storage.redis import AWAY, Entries, Names, connect_blocking
from titan.storage.stream import Follower, Stream
from titan.tasks import beside

PAUSE_S = 0.02
NAMES = Names()

BEHIND = """
SELECT position FROM journal.event WHERE position > %(after)s ORDER BY position LIMIT 5000
"""


class Witness(Protocol):
    """Somebody who takes down what he is told, in a thread of his own."""

    def run(self, is_over: threading.Event) -> None: ...

    def has_heard(self, position: int) -> bool: ...


class OfTheJournal:
    """Asks the table of events again and again for what is behind the last that it saw, as any bookmark does."""

    def __init__(self, stage: Stage, after: int) -> None:
        self.positions: list[int] = []
        self._url = stage.postgres.url()
        self._after = after

    def run(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=2) as connection:
                    while not is_over.wait(PAUSE_S):
                        for (position,) in connection.execute(BEHIND, {"after": self._after}):
                            self.positions.append(position)
                            self._after = position
            except psycopg.Error:
                wait_s(PAUSE_S)

    def has_heard(self, position: int) -> bool:
        return self._after >= position


class OfTheStream:
    """Follows as the projector and the bridge do: by the stream while it joins, else by the journal."""

    def __init__(self, stage: Stage, after: int) -> None:
        self.positions: list[int] = []
        self._database_url = stage.postgres.url()
        self._redis_url = stage.redis.url()
        self._after = after

    def run(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            try:
                asyncio.run(self._follow(is_over))
            except* (Unavailable, psycopg.Error):
                wait_s(PAUSE_S)

    def has_heard(self, position: int) -> bool:
        return self._after >= position

    async def _follow(self, is_over: threading.Event) -> None:
        notices = Notices(self._database_url)
        connection = await connect(self._database_url, name="witness")
        client = redis.connect(self._redis_url)
        try:
            async with beside(notices.run()):
                follower = Follower(Stream(client, NAMES, kept=100_000), notices, idle_ms=100)
                async for events in follower.batches(connection, self._after):
                    for event in events:
                        self.positions.append(event.position)
                        self._after = event.position
                    if is_over.is_set():
                        return
        finally:
            await client.aclose()
            await connection.close()


class OfAnnouncements:
    """Reads what replicas are told, without being one: nobody waits for it."""

    def __init__(self, stage: Stage) -> None:
        self.announced: list[Announced] = []
        self._client = connect_blocking(stage.redis.url())
        self._generation: str | None = None
        self._last = ""

    def run(self, is_over: threading.Event) -> None:
        with self._client as client:
            while not is_over.wait(PAUSE_S):
                try:
                    self._look(client)
                except AWAY:
                    continue

    def has_heard(self, position: int) -> bool:
        return bool(self.announced) and self.announced[-1].upto >= position

    def _look(self, client: Redis) -> None:
        # Together, so that nothing is taken for another generation's.
        with client.pipeline(transaction=True) as pipe:
            pipe.get(NAMES.generation)
            pipe.xrevrange(NAMES.announcements, count=1)
            pipe.xrange(NAMES.announcements, min=f"({self._last}" if self._last else "-")
            generation, newest, found = pipe.execute()
        name = (generation or b"").decode()
        if self._generation is None:
            # What was announced before we came is no matter of ours.
            self._last = newest[0][0].decode() if newest else ""
        elif name == self._generation:
            self._note(name, found)
        else:
            # A generation begins with an empty stream: all that is there is its own, and read by the next look.
            self._last = ""
        self._generation = name

    def _note(self, generation: str, found: Entries) -> None:
        for identifier, entry in found:
            self._last = identifier.decode()
            upto = int(self._last.partition("-")[0])
            self.announced.append(Announced(generation, int(entry[b"f"]), upto))


class _Published(Struct):
    position: int
    id: str


class OfMessages:
    """Subscribes to everything that the bridge says."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.sessions: list[list[Message]] = []
        self.highest = 0
        self._host, self._port = stage.mqtt.host, stage.mqtt.port
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        self._client.on_connect = self._connected
        self._client.on_message = self._told

    def run(self, is_over: threading.Event) -> None:
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.connect_async(self._host, self._port, keepalive=5)
        self._client.loop_start()
        is_over.wait()
        self._client.disconnect()
        self._client.loop_stop()

    def has_heard(self, position: int) -> bool:
        return self.highest >= position

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        self.sessions.append([])
        client.subscribe("titan/#", qos=1)

    def _told(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        published = msgspec.json.decode(message.payload, type=_Published)
        self.sessions[-1].append(Message(published.position, published.id))
        self.highest = max(self.highest, published.position)


class Witnesses(Struct, frozen=True):
    """All of them."""

    journal: OfTheJournal
    stream: OfTheStream
    announcements: OfAnnouncements
    messages: OfMessages

    @classmethod
    def of(cls, stage: Stage, *, after: int, name: str) -> Self:
        return cls(
            OfTheJournal(stage, after), OfTheStream(stage, after), OfAnnouncements(stage), OfMessages(stage, name)
        )

    def everybody(self) -> Sequence[Witness]:
        return (self.journal, self.stream, self.announcements, self.messages)

    def have_heard(self, position: int) -> bool:
        return all(witness.has_heard(position) for witness in self.everybody())


@contextmanager
def listening(witnesses: Sequence[Witness]) -> Generator[None]:
    """Have them listen while the context is open."""
    is_over = threading.Event()
    errors: list[BaseException] = []
    threads = [threading.Thread(target=partial(_run, witness, is_over, errors)) for witness in witnesses]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def _run(witness: Witness, is_over: threading.Event, errors: list[BaseException]) -> None:
    try:
        witness.run(is_over)
    except BaseException as error:  # noqa: BLE001 - whoever made the thread wants to know
        errors.append(error)
