"""Workers of granian, which would outlive their master if they were not tied to it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from support.trees import Ends, below
from support.waiting import eventually
from titan.dev.processes import answers, free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")

SERVED = Path(__file__).resolve().parents[1] / "support" / "served.py"
WORKERS = 2


@pytest.fixture
def master() -> Iterator[int]:
    port = free_port()
    with subprocess.Popen([sys.executable, str(SERVED), str(port), str(WORKERS), "tied"]) as child:
        assert eventually(lambda: answers("127.0.0.1", port) and len(below(child.pid)) == WORKERS)
        yield child.pid
        child.kill()


def test_workers_end_with_their_master(master: int) -> None:
    with Ends(below(master)) as ends:
        os.kill(master, SIGKILL)
        assert ends.missing(timeout_s=5) == set()


def test_a_worker_that_was_replaced_ends_with_its_master_too(master: int) -> None:
    first = below(master)
    os.kill(min(first), SIGKILL)
    assert eventually(lambda: len(below(master) - first) == 1 and len(below(master)) == WORKERS)
    with Ends(below(master)) as ends:
        os.kill(master, SIGKILL)
        assert ends.missing(timeout_s=5) == set()


def test_a_worker_whose_own_work_failed_is_replaced(tmp_path: Path) -> None:
    """Servers would keep it, and pass it requests that nobody answers."""
    port, broken = free_port(), tmp_path / "broken"
    with subprocess.Popen([sys.executable, str(SERVED), str(port), "1", "tied", "living", str(broken)]) as child:
        try:
            assert eventually(lambda: answers("127.0.0.1", port) and len(below(child.pid)) == 1)
            first = below(child.pid)
            broken.touch()
            assert eventually(lambda: not first & below(child.pid))
            assert eventually(lambda: answers("127.0.0.1", port) and len(below(child.pid)) == 1)
        finally:
            child.kill()
