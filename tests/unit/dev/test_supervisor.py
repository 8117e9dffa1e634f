"""What the supervisor does with children that end, and what it tells."""

import os
import signal
import sys
from collections.abc import Iterator
from signal import SIGTERM

import pytest

from titan.dev.processes import Command, Process
from titan.dev.run import _address
from titan.dev.supervisor import Bell, Kept, bring_up, take_down, watch
from titan.errors import Unavailable

SLEEPING = (sys.executable, "-c", "import signal; signal.pause()")


@pytest.fixture
def bell() -> Iterator[Bell]:
    with Bell() as bell:
        yield bell


def kept(argv: tuple[str, ...], *, rank: int = 0, ready_at: str | None = None) -> Kept:
    return Kept(Process(Command(name=f"rank {rank}", argv=argv, environ={})), rank=rank, ready_at=ready_at)


def test_what_ends_again_and_again_is_started_ever_more_rarely(bell: Bell) -> None:
    failing = kept(("/bin/false",))
    said: list[str] = []
    delays: list[float] = []
    failing.launch()
    while len(delays) < 2:
        bell.wait(10)
        delay = failing.look_after(said.append)
        if delay is not None:
            delays.append(delay)
            bell.wait(delay)
            assert failing.look_after(said.append) is None
    take_down([failing], bell)
    assert delays[1] >= 2 * delays[0]
    assert "rank 0 ended with status 1" in said[0]


def test_a_signal_ends_the_watch(bell: Bell) -> None:
    process = kept(SLEEPING)
    process.launch()
    os.kill(os.getpid(), SIGTERM)
    watch([process], bell, print)
    take_down([process], bell)
    assert process.process.status == -SIGTERM


def test_a_signal_while_starting_ends_the_start(bell: Bell) -> None:
    process = kept(SLEEPING, ready_at="127.0.0.1:1")
    os.kill(os.getpid(), SIGTERM)
    bring_up([process], bell, timeout_s=10)
    take_down([process], bell)
    assert bell.asked_to_stop == 1


def test_what_is_not_ready_in_time_is_named(bell: Bell) -> None:
    process = kept(SLEEPING, ready_at="127.0.0.1:1")
    with pytest.raises(Unavailable, match="rank 0"):
        bring_up([process], bell, timeout_s=0.1)
    take_down([process], bell)


def test_a_bell_gives_signals_back() -> None:
    before = signal.getsignal(SIGTERM)
    with Bell():
        assert signal.getsignal(SIGTERM) != before
    assert signal.getsignal(SIGTERM) == before


def test_the_password_of_a_given_server_is_not_shown() -> None:
    shown = _address("postgresql://titan:hidden@db.example:6432/aas?sslmode=require", is_given=True)
    assert shown == "postgresql://db.example:6432/aas (given)"
