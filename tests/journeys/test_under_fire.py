"""Killed, stopped and cut off out of a seed, it loses nothing and shows nothing old: a few seconds of `make fire`."""

import time
from collections.abc import Iterator

import pytest

from support.laboratory.clients import HOT, Hot, Where
from support.laboratory.history import History
from support.laboratory.linearizable import judge
from support.laboratory.rounds import again, fire
from support.laboratory.stage import LEASE_S, Stage, stage, wait_s
from support.servers import Chosen
from titan.metamodel.kinds import SUBMODEL

SECONDS = 5.0


@pytest.fixture(scope="module")
def whole(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An installation of this module's own, without a supervisor."""
    with stage(chosen, tmp_path_factory.mktemp("fire")) as made:
        yield made


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_under_fire_nothing_is_lost_and_nothing_old_is_shown(whole: Stage, seed: int) -> None:
    played = fire(whole, seed, seconds=SECONDS).round
    print("\n".join(played.faults))
    assert played.violations == [], f"Once more: {again(seed, SECONDS)}"
    assert played.faults
    assert played.acknowledged > 0


def test_a_writer_that_alone_is_cut_off_from_redis_waits_for_replicas_all_the_same(whole: Stage) -> None:
    """Replicas that reach Redis have leases, and serve from memory: that it is away for one is no proof for others."""
    whole.become_whole()
    writer, replica = "write-1", "read-3"
    history = History()
    where = Where("", whole.replicas, {actor.name: actor.url for actor in whole.of("write")})
    id = f"{HOT}{time.time_ns()}"
    client = Hot(id.removeprefix(HOT), where, history, "cut off", [])
    # What replicas are told takes a moment, and they go on renewing their leases meanwhile.
    whole.wires.do(f"{replica} redis", "delay", seconds=0.12)
    whole.wires.do(f"{writer} redis", "cut")
    try:
        wait_s(2 * LEASE_S)
        for _ in range(8):
            assert client.write("put", SUBMODEL, id, where=writer).is_done
            for _ in range(3):
                client.read(SUBMODEL, id, where=replica)
    finally:
        whole.wires.open_all()
        client.close()
    verdict = judge(history.calls)
    assert verdict.is_linearizable, verdict.excerpt
    assert {call.visibility for call in history.calls if call.is_done} == {"replicas"}
