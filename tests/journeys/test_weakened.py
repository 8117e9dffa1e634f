"""The judges find what each guard is there to prevent: the same is done to a process without it, and to one with it."""

import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from support.laboratory import rounds
from support.laboratory.clients import HOT, Hot, Where
from support.laboratory.following import faults_of_a_follower, faults_of_lists
from support.laboratory.history import History
from support.laboratory.linearizable import Verdict, judge
from support.laboratory.stage import Stage, Tier, stage, wait_s
from support.laboratory.witnesses import OfTheJournal, OfTheStream, listening
from support.load import MARK
from support.servers import Chosen
from support.waiting import eventually
from titan.metamodel.kinds import SUBMODEL

LEASE_S = 2.0
WITHOUT_FENCE, WITHOUT_GUARD, SOUND = "read-1", "read-2", "read-3"
ANSWERS_AT_ONCE, SOUND_WRITER = "write-2", "write-1"

APPEND = """
SELECT pg_get_functiondef('journal.append'::regproc)
"""


@pytest.fixture(scope="module")
def weak(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Processes of which some lack a guard, and a sound one beside each."""
    lacking = {WITHOUT_FENCE: "fence", WITHOUT_GUARD: "loads", ANSWERS_AT_ONCE: "visibility"}
    cast: dict[Tier, int] = {"write": 2, "read": 3, "projector": 1}
    with stage(chosen, tmp_path_factory.mktemp("weak"), cast=cast, weak=lacking, lease_s=LEASE_S) as made:
        yield made


class Scene:
    """One client that asks whom it is told to ask, and what it saw."""

    def __init__(self, stage: Stage) -> None:
        self.history = History()
        self.name = f"{time.time_ns()}"
        self.id = f"{HOT}{self.name}"
        writers = {actor.name: actor.url for actor in stage.of("write")}
        self.client = Hot(f"weak{self.name}", Where("", stage.replicas, writers), self.history, "weak", [])

    def write(self, where: str = SOUND_WRITER) -> None:
        assert self.client.write("put", SUBMODEL, self.id, where=where).is_done

    def read(self, where: str, part: str = "") -> str:
        """Read, until it is answered with a document."""
        while True:
            call = self.client.read(SUBMODEL, self.id, where=where, part=part)
            if call is not None:
                return call.value

    def verdict(self) -> Verdict:
        self.client.close()
        return judge(self.history.by_document()[self.id])


def cut_off_from_announcements(weak: Stage, replica: str) -> Verdict:
    """A replica that has a document in memory is cut off from Redis while the document is changed."""
    scene = Scene(weak)
    scene.write()
    for _ in range(3):
        scene.read(replica)
    weak.wires.do(f"{replica} redis", "hush")
    try:
        scene.write()
        scene.read(replica)
    finally:
        weak.wires.do(f"{replica} redis", "open")
    weak.become_whole()
    return scene.verdict()


def overtaken_by_an_announcement(weak: Stage, replica: str) -> Verdict:
    """A replica loads from the database, whose answer is late: the document is changed and announced meanwhile."""
    scene = Scene(weak)
    scene.write()
    # The statement is prepared then, so that it takes one question, and nothing of this document is in memory.
    for number in range(3):
        scene.client.read(SUBMODEL, f"{scene.id}:{number}", where=replica, part=MARK)
    wire = f"{replica} postgres"
    with ThreadPoolExecutor(1) as pool:
        weak.wires.do(wire, "hold answers")
        try:
            reading = pool.submit(scene.read, replica, MARK)
            assert eventually(lambda: weak.wires.do(wire, "ask") > 0)
            wait_s(0.3)  # the database has read what was there, and says so
            scene.write()
        finally:
            weak.wires.do(wire, "open")
        reading.result()
    scene.read(replica, MARK)
    return scene.verdict()


def read_elsewhere_at_once(weak: Stage, writer: str) -> Verdict:
    """A document is changed while what a replica is told is slow to come, and then read there."""
    scene = Scene(weak)
    scene.write()
    for _ in range(3):
        scene.read(SOUND)
    weak.wires.do(f"{SOUND} redis", "hush")
    try:
        scene.write(writer)
        scene.read(SOUND)
    finally:
        weak.wires.do(f"{SOUND} redis", "open")
    weak.become_whole()
    return scene.verdict()


def test_without_the_fence_a_replica_that_was_cut_off_shows_what_was(weak: Stage) -> None:
    assert cut_off_from_announcements(weak, SOUND).is_linearizable
    verdict = cut_off_from_announcements(weak, WITHOUT_FENCE)
    assert not verdict.is_linearizable
    assert f"at {WITHOUT_FENCE}: read" in verdict.excerpt


def test_without_the_guard_of_loads_a_replica_keeps_what_was(weak: Stage) -> None:
    assert overtaken_by_an_announcement(weak, SOUND).is_linearizable
    # What is kept back first may be another answer of the database than the one that is meant.
    verdicts = (overtaken_by_an_announcement(weak, WITHOUT_GUARD) for _ in range(5))
    verdict = next(verdict for verdict in verdicts if not verdict.is_linearizable)
    assert f"at {WITHOUT_GUARD}: read" in verdict.excerpt


def test_a_write_that_is_answered_before_it_is_visible_is_found_out(weak: Stage) -> None:
    assert read_elsewhere_at_once(weak, SOUND_WRITER).is_linearizable
    # A replica whose lease ends before it is asked says what is true: on a slow machine that may happen once.
    assert any(not read_elsewhere_at_once(weak, ANSWERS_AT_ONCE).is_linearizable for _ in range(5))


@contextmanager
def positions_out_of_order(weak: Stage, slow: str) -> Generator[None]:
    """Positions come from a sequence and not under the lock; the commit of one document takes its time."""
    with psycopg.connect(weak.postgres.url(), autocommit=True) as connection:
        row = connection.execute(APPEND).fetchone()
        assert row is not None
        sound: str = row[0]
        changes = {
            "PERFORM pg_advisory_xact_lock(7241001);": "",
            "last := last + 1;": "last := nextval('journal.serial');",
            "IF last > first THEN": f"IF '{slow}' = ANY(ids) THEN PERFORM pg_sleep(1.5); END IF; IF last > first THEN",
        }
        loose = sound
        for is_there, instead in changes.items():
            assert loose.count(is_there) == 1
            loose = loose.replace(is_there, instead)
        connection.execute("CREATE SEQUENCE journal.serial")
        connection.execute("SELECT setval('journal.serial', (SELECT max(position) FROM journal.event))")
        connection.execute(loose.encode())
        try:
            yield
        finally:
            connection.execute(sound.encode())
            connection.execute("DROP SEQUENCE journal.serial")


def a_slow_commit_beside_a_quick_one(weak: Stage, slow: str, quick: str) -> tuple[list[str], list[str], list[str]]:
    """Two writers at once, of which one takes long to commit; what is wrong with followers and with a list."""
    after, _ = rounds.ends(weak)
    journal, stream = OfTheJournal(weak, after), OfTheStream(weak, after)
    history = History()
    where = Where("", weak.replicas, {actor.name: actor.url for actor in weak.of("write")})
    client = Hot("outoforder", where, history, "weak", [])
    other = Hot("quick", where, history, "weak", [])
    with listening([journal, stream]), ThreadPoolExecutor(1) as pool:
        writing = pool.submit(client.write, "create", SUBMODEL, slow, where=SOUND_WRITER)
        wait_s(0.5)
        assert other.write("create", SUBMODEL, quick, where=ANSWERS_AT_ONCE).is_done
        assert writing.result().is_done
        client.list_own(SUBMODEL, where=SOUND)
        end, _ = rounds.ends(weak)
        assert eventually(lambda: journal.has_heard(end) and stream.has_heard(end))
    client.close()
    other.close()
    positions = {event.position for event in rounds.recorded(weak, after)}
    assert len(positions) == 2
    return (
        list(faults_of_a_follower("the journal", journal.positions, positions, after=after)),
        list(faults_of_a_follower("the stream", stream.positions, positions, after=after)),
        list(faults_of_lists(history.calls, history.lists)),
    )


def test_positions_that_do_not_follow_the_commits_make_followers_skip(weak: Stage) -> None:
    name = f"urn:cold:{time.time_ns()}"
    assert a_slow_commit_beside_a_quick_one(weak, f"{name}:a", f"{name}:b") == ([], [], [])
    with positions_out_of_order(weak, f"{name}:slow"):
        journal, stream, lists = a_slow_commit_beside_a_quick_one(weak, f"{name}:slow", f"{name}:quick")
    assert "the journal told" in journal[0]
    assert "the stream told" in stream[0]
    assert "was acknowledged and is not in the list" in lists[0]
