"""Whoever was told that a write stands sees it everywhere from then on, whatever is stopped or killed meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor
from signal import SIGCONT, SIGKILL, SIGSTOP
from threading import Event

import httpx

from support.asking import document, path_of
from support.installation import Installation
from support.load import Tally, under_load
from support.waiting import eventually
from titan.metamodel.kinds import SUBMODEL

LEASE_S = 1.0
SLACK_S = 3.0
"""What a busy machine adds to a lease; the writes of a test that disturbs nothing take a few milliseconds."""


def go_on_for(seconds: float) -> None:
    """Let the clients work; time is the subject here."""
    Event().wait(seconds)


def nothing_was_stale(tally: Tally, *, at_least: int) -> None:
    assert tally.stale == []
    assert tally.reads >= at_least, tally.told()
    assert tally.lists > 0
    assert tally.direct_reads > 0


def test_whoever_wrote_reads_it_at_every_replica_and_in_every_list(installation: Installation) -> None:
    with under_load("steady", installation.url, installation.replicas) as tally:
        go_on_for(8)
    nothing_was_stale(tally, at_least=200)
    assert tally.failed_writes == []
    assert tally.failed_reads == []


def test_a_replica_that_was_stopped_for_a_while_shows_nothing_old(installation: Installation) -> None:
    stopped = installation.titan.processes("read")[0]
    with under_load("stopped", installation.url, installation.replicas) as tally:
        go_on_for(1)
        stopped.send(SIGSTOP)
        try:
            go_on_for(2.5)
        finally:
            stopped.send(SIGCONT)
        go_on_for(2)
    nothing_was_stale(tally, at_least=60)
    assert tally.failed_writes == []
    assert tally.failed_reads == []
    # A read that had reached the stopped replica was answered when it went on.
    assert tally.slowest_write_s < LEASE_S + SLACK_S


def test_a_killed_replica_delays_writes_by_its_lease_and_nobody_else(installation: Installation) -> None:
    killed = installation.titan.processes("read")[1]
    with under_load("killed", installation.url, installation.replicas) as tally:
        go_on_for(1)
        killed.send(SIGKILL)
        go_on_for(4)
    nothing_was_stale(tally, at_least=60)
    assert tally.failed_writes == []
    assert tally.failed_reads == []
    assert tally.slowest_write_s < LEASE_S + SLACK_S
    assert eventually(lambda: killed.pid not in {one.pid for one in installation.titan.processes("read")})


def test_a_killed_projector_costs_no_answer_its_truth(installation: Installation) -> None:
    killed = installation.titan.processes("projector")[0]
    with under_load("projecting", installation.url, installation.replicas) as tally:
        go_on_for(1)
        killed.send(SIGKILL)
        go_on_for(6)
    nothing_was_stale(tally, at_least=20)
    assert tally.failed_writes == []


def test_what_a_killed_writer_acknowledged_stands(installation: Installation) -> None:
    killed = installation.titan.processes("write")[0]
    with under_load("writing", installation.url, installation.replicas) as tally:
        go_on_for(1.5)
        killed.send(SIGKILL)
        assert eventually(
            lambda: any(one.pid != killed.pid and one.workers for one in installation.titan.processes("write"))
        )
        go_on_for(4)
    nothing_was_stale(tally, at_least=60)
    assert tally.failed_reads == []


def test_nobody_is_told_of_a_change_while_a_silent_replica_could_still_show_what_was_before(
    installation: Installation,
) -> None:
    plain = document(SUBMODEL, f"urn:told:{time.time_ns()}")
    path = path_of(SUBMODEL, plain["id"])
    stopped, other, *_ = installation.titan.processes("read")

    def seen(method: str, url: str) -> tuple[int, float]:
        """Ask until the change shows, and say when that was."""
        with httpx.Client(base_url=url, timeout=30) as client:
            while True:
                answer = client.request(method, path if method == "GET" else "/submodels", json=plain)
                if answer.status_code in {200, 409}:
                    return answer.status_code, time.monotonic()
                assert answer.status_code == 404

    with ThreadPoolExecutor(3) as pool, httpx.Client(base_url=installation.url, timeout=30) as client:
        stopped.send(SIGSTOP)
        try:
            silent_since = time.monotonic()
            writing = pool.submit(client.put, path, json=plain)
            reading = pool.submit(seen, "GET", other.url)
            go_on_for(0.3)  # the change is committed by now
            creating = pool.submit(seen, "POST", installation.url)
            assert writing.result().status_code == 201
            told = [reading.result(), creating.result()]
        finally:
            stopped.send(SIGCONT)
    assert [status for status, _ in told] == [200, 409]
    # It may have renewed its lease a quarter of a lease before it fell silent.
    assert min(at for _, at in told) - silent_since > LEASE_S * 0.7
