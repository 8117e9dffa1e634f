"""A round: clients at work, faults out of a seed, quiet, and the verdict of every judge."""

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psycopg
from msgspec import Struct
from redis import Redis

from support.laboratory.clients import GATEWAY, Client, Cold, Crowd, Reader, Where, at_work, clients
from support.laboratory.faults import Befallen, carry_out, plan
from support.laboratory.figures import Round, counted, outages
from support.laboratory.following import (
    Recorded,
    faults_at_the_end,
    faults_of_a_follower,
    faults_of_announcements,
    faults_of_last_lists,
    faults_of_lists,
    faults_of_messages,
    faults_of_the_journal,
    resolved,
)
from support.laboratory.history import Call, History
from support.laboratory.linearizable import judge
from support.laboratory.stage import Stage, wait_s
from support.laboratory.witnesses import NAMES, Witnesses, listening
from support.waiting import eventually
from titan.metamodel.kinds import KINDS

HEALING_S = 2.0
"""How long clients go on after the last fault is undone."""
QUIET_WITHIN_S = 120.0
_VALUE = re.compile(r"fire:\w+:\d+")

EVENTS = """
SELECT position, id, revision, fact, convert_from(body, 'UTF8'), kind, extract(epoch FROM at)::float8
  FROM journal.event WHERE position > %(after)s ORDER BY position
"""

ENDS = """
SELECT coalesce(max(position), 0), (SELECT coalesce(min(position), 0) FROM read.bookmark) FROM journal.event
"""


class Evidence(Struct, frozen=True):
    """All that a round saw, for whoever wonders about its verdict."""

    round: Round
    faults: Sequence[Befallen]
    calls: Sequence[Call]
    events: Sequence[Recorded]

    def keep(self, path: Path) -> None:
        path.write_bytes(msgspec.json.encode(self))


def fire(stage: Stage, seed: int, *, seconds: float, crowd: Crowd | None = None, only: str = "") -> Evidence:
    """Play one round on a stage that is whole, and leave it so."""
    stage.become_whole()
    for actor in stage.actors.values():
        actor.ended = 0
    after, _ = ends(stage)
    history, name = History(), f"r{after}"
    where = Where(stage.url, stage.replicas)
    everybody = clients(crowd or Crowd(), where, history, name=name, seed=seed)
    witnesses = Witnesses.of(stage, after=after, name=f"witness-{after}")
    violations: list[str] = []
    with listening(witnesses.everybody()):
        with at_work(everybody):
            befallen = carry_out(stage, plan(stage, seed, seconds=seconds, only=only), seconds=seconds)
            wait_s(HEALING_S)
        ended = time.monotonic()
        violations += _ended_by_themselves(stage)
        if not eventually(lambda: _is_quiet(stage, witnesses), timeout_s=QUIET_WITHIN_S):
            violations.append(f"It did not become quiet within {QUIET_WITHIN_S:g} s: {_standing(stage, witnesses)}")
        quiet_after_s = time.monotonic() - ended
    costs = outages(befallen, history)
    events = recorded(stage, after)
    violations += _last_looks(stage, history, events, everybody, name)
    calls = list(resolved(history.calls, events))
    violations += _judged(calls, history)
    violations += faults_of_the_journal(events, history.calls)
    violations += _of_followers(witnesses, {event.position for event in events}, after)
    said = stage.verified()
    if not said.splitlines()[-1].startswith("OK:"):
        violations.append(f"titan verify: {said}")
    played = Round(
        seed=seed,
        seconds=seconds,
        calls=counted(history),
        acknowledged=sum(call.is_done for call in history.calls),
        untold=sum(not call.is_known for call in history.calls),
        lists=len(history.lists),
        events=len(events),
        not_visible_yet=sum(call.visibility == "journal" for call in history.calls),
        outages=costs,
        held_back_s=_held_back_s(history, events),
        quiet_after_s=quiet_after_s,
        violations=violations,
        faults=[_told(one, befallen[0].began) for one in befallen],
    )
    return Evidence(played, befallen, sorted(history.calls, key=lambda call: call.invoked), events)


def again(seed: int, seconds: float) -> str:
    """How to play a round once more."""
    return f"make fire FROM={seed} SEEDS=1 SECONDS={seconds:g}"


def _judged(calls: Sequence[Call], history: History) -> Iterator[str]:
    by_document: dict[str, list[Call]] = {}
    for call in calls:
        by_document.setdefault(call.document, []).append(call)
    for document, some in by_document.items():
        if not (verdict := judge(some)).is_linearizable:
            yield f"{document}: {verdict.excerpt}"
    yield from faults_of_lists(history.calls, history.lists)
    yield from history.torn


def _of_followers(witnesses: Witnesses, journal: set[int], after: int) -> Iterator[str]:
    yield from faults_of_a_follower("the journal", witnesses.journal.positions, journal, after=after)
    yield from faults_of_a_follower("the stream", witnesses.stream.positions, journal, after=after)
    yield from faults_of_announcements(witnesses.announcements.announced, journal)
    yield from faults_of_messages(witnesses.messages.sessions, journal)


def _last_looks(
    stage: Stage, history: History, events: Sequence[Recorded], everybody: Sequence[Client], name: str
) -> Iterator[str]:
    """Have everybody show everything once more, when all is quiet."""
    reader = Reader(f"{name}last", Where(stage.url, stage.replicas), history, "last", [])
    kinds = {event.document: KINDS[event.kind] for event in events}
    seen = [reader.read(kind, id, where=where) for where in (GATEWAY, *stage.replicas) for id, kind in kinds.items()]
    reader.close()
    yield from (f"a last look at {len(kinds)} documents was refused {seen.count(None)} times" for _ in {None} & {*seen})
    yield from faults_at_the_end(events, [call for call in seen if call is not None])
    before = len(history.lists)
    for client in everybody:
        if isinstance(client, Cold):
            for where in (GATEWAY, *stage.replicas):
                client.list_own(client.kind, where=where)
            client.close()
    yield from faults_of_last_lists(events, history.lists[before:])


def recorded(stage: Stage, after: int) -> list[Recorded]:
    """The events of the journal behind a position."""
    with psycopg.connect(stage.postgres.url()) as connection:
        rows = connection.execute(EVENTS, {"after": after}).fetchall()
    return [
        Recorded(position, id, revision, fact, frozenset(_VALUE.findall(body)), kind, at)
        for position, id, revision, fact, body, kind, at in rows
    ]


def ends(stage: Stage) -> tuple[int, int]:
    """Where the journal ends, and the bookmark that is farthest behind."""
    with psycopg.connect(stage.postgres.url()) as connection:
        row = connection.execute(ENDS).fetchone()
    assert row is not None
    return row[0], row[1]


def _is_quiet(stage: Stage, witnesses: Witnesses) -> bool:
    for actor in stage.actors.values():
        actor.look_after()
    end, bookmark = ends(stage)
    with Redis.from_url(stage.redis.url()) as client:
        reached = [int(value or -1) for value in client.mget(NAMES.projected, NAMES.watermark)]
    return {bookmark, *reached} == {end} and witnesses.have_heard(end) and stage.is_whole()


def _standing(stage: Stage, witnesses: Witnesses) -> str:
    with Redis.from_url(stage.redis.url()) as client:
        reached = client.mget(NAMES.generation, NAMES.projected, NAMES.watermark)
    heard = {type(witness).__name__: witness.has_heard(ends(stage)[0]) for witness in witnesses.everybody()}
    return f"journal and bookmark {ends(stage)}, Redis {reached}, witnesses {heard}\n{stage.last_words()}"


def _ended_by_themselves(stage: Stage) -> Iterator[str]:
    for actor in stage.actors.values():
        if actor.ended:
            yield f"{actor.name} ended by itself, {actor.ended} times:\n{actor.last_words()}"


def _told(one: Befallen, start: float) -> str:
    return f"{one.began - start:4.1f} … {one.ended - start:4.1f} s  {one.fault.target}: {one.fault.kind}"


def _held_back_s(history: History, events: Sequence[Recorded]) -> float:
    """The longest time between the commit of a write and its answer."""
    at = {event.position: event.at for event in events}
    to_the_wall = time.time() - time.monotonic()
    return max(
        (
            call.returned + to_the_wall - at[call.position]
            for call in history.calls
            if call.position in at and call.is_done
        ),
        default=0.0,
    )
