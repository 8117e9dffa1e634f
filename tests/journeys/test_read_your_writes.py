"""Whoever was told that a write stands sees it everywhere from then on, whatever is stopped or killed meanwhile."""

from signal import SIGCONT, SIGKILL, SIGSTOP
from threading import Event

import pytest

from support.installation import Installation
from support.load import Tally, under_load
from support.waiting import eventually

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
    nothing_was_stale(tally, at_least=1000)
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
    nothing_was_stale(tally, at_least=300)
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
    nothing_was_stale(tally, at_least=300)
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
    nothing_was_stale(tally, at_least=100)
    assert tally.failed_writes == []


@pytest.mark.timeout(120)
def test_what_a_killed_writer_acknowledged_stands(installation: Installation) -> None:
    killed = installation.titan.processes("write")[0]
    with under_load("writing", installation.url, installation.replicas) as tally:
        go_on_for(1.5)
        killed.send(SIGKILL)
        assert eventually(
            lambda: any(one.pid != killed.pid and one.workers for one in installation.titan.processes("write"))
        )
        go_on_for(4)
    nothing_was_stale(tally, at_least=300)
    assert tally.failed_reads == []
