"""`titan dev` in a process of its own, as a person would run it."""

import re
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from signal import SIGTERM, Signals

from support.trees import Ends, below

START = Path(__file__).with_name("start_dev.py")


class Running:
    """One run, ready or ended."""

    def __init__(self, child: subprocess.Popen[str], port: int) -> None:
        self.child = child
        self.port = port
        self.said = ""
        for line in self._lines():
            self.said += line
            if line.startswith("Ctrl-C"):
                break

    @property
    def is_ready(self) -> bool:
        return "Titan is ready" in self.said

    def address(self, name: str) -> str:
        """What its table says of a server."""
        found = re.search(rf"^  {re.escape(name)} +(\S+)", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    def read_until(self, text: str) -> str:
        """Its output up to the line that holds the text."""
        seen = ""
        for line in self._lines():
            seen += line
            if text in line:
                return seen
        raise AssertionError(f"It ended without saying {text!r}; it said {seen}")

    def stop(self, number: Signals = SIGTERM) -> int:
        """Ask it to stop; gives its status."""
        self.child.send_signal(number)
        self.said += self.child.communicate(timeout=60)[0]
        return self.child.returncode

    def kill(self) -> set[int]:
        """Kill it without warning; gives its descendants that are still there five seconds later."""
        with Ends(below(self.child.pid)) as ends:
            self.child.kill()
            self.child.communicate()
            return ends.missing(timeout_s=5)

    def ask(self, method: str, target: str, *, port: int | None = None) -> tuple[int, str]:
        """Status and text of an answer; the target is sent as it is."""
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            connection.putheader("Content-Length", "0")
            connection.endheaders()
            answer: HTTPResponse = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def _lines(self) -> Generator[str]:
        assert self.child.stdout
        for line in self.child.stdout:  # noqa: UP028 - `yield from` would close the pipe with the generator
            yield line


@contextmanager
def dev(
    directory: Path,
    port: int,
    *words: str,
    replicas: int = 0,
    before: Sequence[str] = (),
) -> Generator[Running]:
    """Start it, wait until it is ready or has ended, leave nothing behind. `before` is a command that runs it."""
    child = subprocess.Popen(
        [*before, sys.executable, str(START), str(directory), str(port), str(replicas), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
    )
    with child:
        try:
            yield Running(child, port)
        finally:
            if child.poll() is None:
                child.terminate()
            child.communicate(timeout=60)
