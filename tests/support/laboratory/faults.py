"""What is done to the processes, out of a seed: a plan of faults, of which up to two are under way at once."""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from signal import SIGCONT, SIGSTOP

from msgspec import Struct
from redis import Redis

from support.laboratory.stage import Actor, Stage, Store, wait_s
from support.laboratory.wires import Act
from titan.dev.mqtt import MqttServer
from titan.dev.postgres import PostgresServer
from titan.dev.valkey import ValkeyServer

AT_ONCE = 2
STARTING_S = 4.0
"""How long a process has to come back before another one of its tier is ended, so that there is something to see."""
LOOK_S = 0.1

Lasting = tuple[float, float]
SHORT: Lasting = (0.1, 1.5)
LONGER_THAN_A_LEASE: Lasting = (1.3, 3.2)
STEPS: tuple[Lasting, ...] = ((0.0, 0.1), (0.4, 1.6))
"""How long after a fault the next one comes: at once, so that they fall together, or when it has begun to heal."""


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is done, and undone after a while."""

    kind: str
    """What is done to what: `read stopped`. Figures are told by it."""
    target: str
    """Which process or store; nothing is done to it twice at once."""
    at: float
    """In seconds, from the beginning."""
    lasts_s: float
    seconds: float = 0.0
    """How slow a wire becomes."""


class Befallen(Struct):
    """A fault that was carried out, with its times on the monotonic clock."""

    fault: Fault
    began: float
    ended: float = 0.0


class _Kind(Struct, frozen=True):
    """A kind of fault, as it can befall one target."""

    name: str
    target: str
    lasts: Lasting
    tier: str
    """Of a process that ends by it; its like are left alone until it is back."""
    begin: Callable[[Stage, Fault], object]
    end: Callable[[Stage, Fault], object]


def plan(stage: Stage, seed: int, *, seconds: float, only: str = "") -> list[Fault]:
    """The faults of a round: which, when and for how long is decided by the seed.

    Args:
        stage: What there is to befall.
        seed: Of the chance.
        seconds: How long the round takes; the last second is left to heal in.
        only: A word that every kind of fault must have in its name, for a person who looks for something.
    """
    chance = random.Random(seed)
    kinds = {kind.name: [other for other in _kinds(stage) if other.name == kind.name] for kind in _kinds(stage)}
    names = [name for name in kinds if only in name]
    found: list[Fault] = []
    back_at: dict[str, float] = {}
    at = 0.4
    while at < seconds - 1.0:
        busy = [fault for fault in found if fault.at + fault.lasts_s + 0.2 > at]
        if len(busy) < AT_ONCE:
            kind = chance.choice(kinds[chance.choice(names)])
            lasts_s = min(chance.uniform(*kind.lasts), max(0.1, seconds - 0.5 - at))
            if all(fault.target != kind.target for fault in busy) and at > back_at.get(kind.tier, 0.0):
                slow_s = chance.uniform(0.02, 0.3)
                found.append(Fault(kind=kind.name, target=kind.target, at=at, lasts_s=lasts_s, seconds=slow_s))
                if kind.tier:
                    back_at[kind.tier] = at + lasts_s + STARTING_S
        at += chance.uniform(*chance.choice(STEPS))
    return found


def carry_out(stage: Stage, faults: Sequence[Fault], *, seconds: float) -> list[Befallen]:
    """Do what is planned, in the time that it takes; undoes all of it, whatever happens."""
    kinds = {(kind.name, kind.target): kind for kind in _kinds(stage)}
    started = time.monotonic()
    waiting = sorted(faults, key=lambda fault: fault.at)
    under_way: list[Befallen] = []
    befallen: list[Befallen] = []

    def undo(one: Befallen) -> None:
        under_way.remove(one)
        kinds[one.fault.kind, one.fault.target].end(stage, one.fault)
        one.ended = time.monotonic()

    def may_begin() -> bool:
        is_due = bool(waiting) and time.monotonic() >= started + waiting[0].at
        # What is done may take longer than was planned: whoever comes next waits for it.
        return is_due and len(under_way) < AT_ONCE and all(one.fault.target != waiting[0].target for one in under_way)

    try:
        while time.monotonic() - started < seconds or under_way:
            for one in [one for one in under_way if time.monotonic() >= one.began + one.fault.lasts_s]:
                undo(one)
            while may_begin() and time.monotonic() - started < seconds:
                fault = waiting.pop(0)
                one = Befallen(fault, time.monotonic())
                befallen.append(one)
                under_way.append(one)
                kinds[fault.kind, fault.target].begin(stage, fault)
            for actor in stage.actors.values():
                actor.look_after()
            stage.look_at_stores(besides={one.fault.target for one in under_way})
            moments = [
                *(one.began + one.fault.lasts_s for one in under_way),
                *(started + one.at for one in waiting[:1]),
            ]
            left = [at - time.monotonic() for at in moments]
            wait_s(min([LOOK_S, *(wait for wait in left if wait > 0)]))
    finally:
        for one in tuple(under_way):
            undo(one)
    return befallen


def _kinds(stage: Stage) -> Iterator[_Kind]:
    for actor in stage.actors.values():
        yield from _of_an_actor(actor)
    for actor in stage.of("write", "read", "projector", "bridge"):
        for store in ("postgres", "redis"):
            yield from _of_a_wire(actor, store)
    yield from _of_the_stores()


def _of_an_actor(actor: Actor) -> Iterator[_Kind]:
    def kind(act: str, lasts: Lasting, begin: Callable[[Actor], object], end: Callable[[Actor], object]) -> _Kind:
        name = actor.name
        return _Kind(
            f"{actor.tier} {act}",
            name,
            lasts,
            "" if act == "stopped" else actor.tier,
            lambda stage, _: begin(stage.actors[name]),
            lambda stage, _: end(stage.actors[name]),
        )

    yield kind("killed", SHORT, Actor.kill, Actor.launch)
    yield kind("restarted", SHORT, Actor.ask_to_stop, Actor.relaunch)
    yield kind("stopped", LONGER_THAN_A_LEASE, lambda it: it.send(SIGSTOP), lambda it: it.send(SIGCONT))
    if actor.tier != "gateway":
        yield kind("worker killed", SHORT, Actor.kill_workers, lambda _: None)


def _of_a_wire(actor: Actor, store: Store) -> Iterator[_Kind]:
    wire = f"{actor.name} {store}"
    acts: Mapping[str, Act] = {"cut off": "cut", "not heard by": "hush", "slowed down to": "delay"}
    for words, act in acts.items():
        yield _Kind(
            f"{actor.tier} {words} {store}",
            wire,
            LONGER_THAN_A_LEASE,
            "",
            partial(_disturb, wire, act),
            lambda stage, _: stage.wires.do(wire, "open"),
        )


def _disturb(wire: str, act: Act, stage: Stage, fault: Fault) -> None:
    stage.wires.do(wire, act, seconds=fault.seconds)


def _of_the_stores() -> Iterator[_Kind]:
    def kind(name: str, lasts: Lasting, begin: Callable[[Stage], object], end: Callable[[Stage], object]) -> _Kind:
        return _Kind(
            name, name.split(maxsplit=1)[0], lasts, "", lambda stage, _: begin(stage), lambda stage, _: end(stage)
        )

    yield kind("postgres killed", SHORT, lambda stage: stage.postgres.kill(), lambda stage: _again(stage.postgres))
    yield kind("broker killed", SHORT, lambda stage: stage.mqtt.kill(), lambda stage: _again(stage.mqtt))
    yield kind("redis killed", SHORT, lambda stage: stage.redis.kill(), lambda stage: _again(stage.redis))
    yield kind("redis stopped", LONGER_THAN_A_LEASE, _stop_redis, _continue_redis)
    yield kind("redis flushed", SHORT, _flush_redis, lambda _: None)
    yield kind("redis restored older", LONGER_THAN_A_LEASE, _put_redis_aside, _restore_redis)


def _again(server: PostgresServer | ValkeyServer | MqttServer) -> None:
    server.launch()
    server.wait_ready()


def _stop_redis(stage: Stage) -> None:
    os.kill(stage.redis.process.pid or 0, SIGSTOP)


def _continue_redis(stage: Stage) -> None:
    os.kill(stage.redis.process.pid or 0, SIGCONT)


def _flush_redis(stage: Stage) -> None:
    with Redis.from_url(stage.redis.url()) as client:
        client.flushall()


def _put_redis_aside(stage: Stage) -> None:
    """Keep what Redis has now; it goes on, and forgets all that comes when this is put back."""
    aside = stage.redis.directory.with_name("aside")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(stage.redis.directory, aside, ignore=shutil.ignore_patterns("temp-*"))


def _restore_redis(stage: Stage) -> None:
    stage.redis.kill()
    shutil.rmtree(stage.redis.directory)
    stage.redis.directory.with_name("aside").rename(stage.redis.directory)
    _again(stage.redis)
