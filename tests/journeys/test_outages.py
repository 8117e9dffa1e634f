"""A store goes away under load, and comes back: what is answered meanwhile, and that nobody has to be started anew."""

import time
from collections.abc import Callable
from threading import Event

import httpx
from redis import Redis

from support.asking import document, path_of, refused
from support.installation import Installation
from support.load import Tally, under_load
from support.processes import is_ready
from support.waiting import eventually
from titan.metamodel.kinds import SUBMODEL

SLACK_S = 4.0
"""What a lease, and a busy machine, add to a write."""


def go_on_for(seconds: float) -> None:
    """Let the clients work; time is the subject here."""
    Event().wait(seconds)


def loaded(installation: Installation, name: str, disturb: Callable[[], None]) -> Tally:
    """Work before, while and after something is disturbed; nobody of Titan may end by it."""
    before = installation.pids()
    with under_load(name, installation.url, installation.replicas, clients=8, directly=4) as tally:
        go_on_for(1)
        disturb()
        go_on_for(2)
    assert tally.stale == []
    assert installation.pids() == before, installation.titan.said()[-3000:]
    return tally


def test_without_redis_everything_is_answered_from_postgresql(installation: Installation) -> None:
    def disturb() -> None:
        installation.redis.kill()
        try:
            go_on_for(3.5)
        finally:
            installation.redis.launch()
            installation.redis.wait_ready()

    tally = loaded(installation, "redisless", disturb)
    assert tally.failed_writes == []
    assert tally.failed_reads == []
    assert tally.slowest_write_s < SLACK_S


def test_a_flushed_redis_is_filled_again(installation: Installation) -> None:
    def disturb() -> None:
        with Redis.from_url(installation.redis.url()) as client:
            for _ in range(3):
                client.flushall()
                go_on_for(0.5)

    tally = loaded(installation, "flushed", disturb)
    assert tally.failed_writes == []
    assert tally.failed_reads == []
    assert tally.slowest_write_s < SLACK_S


def test_a_redis_that_comes_and_goes_costs_no_answer_its_truth(installation: Installation) -> None:
    def disturb() -> None:
        for away_s in (0.3, 1.2, 0.1, 0.6):
            installation.redis.kill()
            go_on_for(away_s)
            installation.redis.launch()
            installation.redis.wait_ready()
            go_on_for(away_s)

    tally = loaded(installation, "flapping", disturb)
    assert tally.failed_writes == []
    assert tally.failed_reads == []


def test_a_broker_that_is_away_is_felt_by_nobody_else(installation: Installation) -> None:
    def disturb() -> None:
        installation.mqtt.kill()
        try:
            go_on_for(1.5)
        finally:
            installation.mqtt.launch()
            installation.mqtt.wait_ready()

    tally = loaded(installation, "brokerless", disturb)
    assert tally.failed_writes == []
    assert tally.failed_reads == []


def test_without_postgresql_writes_are_refused_and_never_done_later(installation: Installation) -> None:
    id = f"urn:outage:{time.time_ns()}"
    writer = installation.titan.processes("write")[0].url

    def disturb() -> None:
        installation.postgres.kill()
        try:
            with httpx.Client(base_url=installation.url, timeout=30) as client:
                for number in range(3):
                    plain = document(SUBMODEL, f"{id}:{number}")
                    answer = client.put(path_of(SUBMODEL, plain["id"]), json=plain)
                    refused(answer, 503)
                    assert int(answer.headers["retry-after"]) > 0
                assert not is_ready(writer)
        finally:
            installation.postgres.launch()
            installation.postgres.wait_ready()
        assert eventually(lambda: is_ready(writer) and is_ready(installation.url))

    tally = loaded(installation, "databaseless", disturb)
    assert all(": 503 " in failure for failure in (*tally.failed_writes, *tally.failed_reads)), tally.told()
    with httpx.Client(base_url=installation.url, timeout=30) as client:
        for number in range(3):
            assert client.get(path_of(SUBMODEL, f"{id}:{number}")).status_code == 404
        assert client.put(path_of(SUBMODEL, id), json=document(SUBMODEL, id)).status_code == 201


def test_all_stores_may_go_away_together_and_come_back_in_any_order(installation: Installation) -> None:
    stores = (installation.postgres, installation.redis, installation.mqtt)

    def disturb() -> None:
        for order in (stores, stores[::-1]):
            for store in order:
                store.kill()
            go_on_for(0.5)
            for store in order:
                store.launch()
                store.wait_ready()
            assert eventually(lambda: is_ready(installation.url), timeout_s=30)

    tally = loaded(installation, "storeless", disturb)
    assert all(": 503 " in failure for failure in (*tally.failed_writes, *tally.failed_reads)), tally.told()
