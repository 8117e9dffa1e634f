"""Children: tied to us, stopped in time, and able to say why they ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGHUP, SIGKILL, SIGTERM

import pytest

from support.trees import Ends
from titan.dev.lifeline import Identity
from titan.dev.processes import Command, Process, launcher
from titan.errors import Unavailable

linux_alone = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
PARENT = """\
import sys
from pathlib import Path
from titan.dev.processes import Command, Process
process = Process(Command(name="child", argv=(sys.executable, "-c", "import signal; signal.pause()"), environ={}))
process.launch()
print(process.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "program.log"


@pytest.fixture
def stubborn(log: Path) -> Iterator[Process]:
    process = Process(
        Command(
            name="stubborn",
            argv=(sys.executable, "-c", STUBBORN),
            environ={},
            log=log,
            stops=((SIGTERM, 0.2), (SIGHUP, 5.0)),
        )
    )
    process.launch()
    process.wait_until(lambda: "ready" in process.last_words(), timeout_s=10)
    yield process
    process.kill()


@linux_alone
def test_a_child_ends_with_its_parent_however_that_ended() -> None:
    environ = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as parent:
        assert parent.stdout
        with Ends([int(parent.stdout.readline())]) as ends:
            parent.kill()
            assert ends.missing(timeout_s=5) == set()


@linux_alone
def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    argv = launcher((sys.executable, "-c", "print('started')"), identity=Identity.SELF, on_orphaned=SIGKILL)
    argv[argv.index(str(os.getpid()))] = "1"
    answer = subprocess.run(argv, capture_output=True, check=False)
    assert (answer.returncode, answer.stdout) == (-SIGKILL, b"")


def test_a_program_ignores_only_what_it_chooses_to_ignore() -> None:
    """Python ignores SIGPIPE; what it starts must not inherit that."""
    said = "import signal; print(signal.SIGPIPE in signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    argv = launcher(("/bin/sh", "-c", f"kill -PIPE $$; {sys.executable} -c '{said}'"), identity=Identity.SELF)
    assert subprocess.run(argv, check=False).returncode == -signal.SIGPIPE


def test_a_program_that_does_not_stop_is_asked_more_roughly(stubborn: Process) -> None:
    stubborn.stop()
    assert stubborn.status == -SIGHUP


def test_a_stop_in_a_hurry_kills(stubborn: Process) -> None:
    stubborn.ask_to_stop()
    stubborn.wait_stopped(is_hurried=lambda: True)
    assert stubborn.status == -SIGKILL


def test_a_program_can_be_started_again(stubborn: Process) -> None:
    first = stubborn.pid
    stubborn.kill()
    stubborn.launch()
    assert stubborn.is_running
    assert stubborn.pid != first


def test_who_waits_for_a_program_that_ends_is_told_its_last_words(log: Path) -> None:
    argv = (sys.executable, "-c", "import sys; sys.exit('no room')")
    process = Process(Command(name="failing", argv=argv, environ={}, log=log))
    process.launch()
    with pytest.raises(Unavailable, match=r"(?s)failing ended with status 1.*no room"):
        process.wait_until(lambda: False, timeout_s=10)
    process.kill()


def test_who_waits_too_long_is_told_so(stubborn: Process) -> None:
    with pytest.raises(Unavailable, match="not ready within"):
        stubborn.wait_until(lambda: False, timeout_s=0.05)


def test_a_log_does_not_grow_for_ever(log: Path) -> None:
    log.parent.mkdir()
    log.write_bytes(b"x" * 5_000_001)
    process = Process(Command(name="brief", argv=("/bin/true",), environ={}, log=log))
    process.launch()
    process.stop()
    assert log.stat().st_size == 0
    assert log.with_suffix(".log.1").stat().st_size == 5_000_001
