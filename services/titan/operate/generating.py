"""Generators of load, each in a process of its own."""

import subprocess
import sys
from contextlib import suppress

import msgspec

from titan.operate.loading import Plan, Result
from titan.operate.wire import PATIENCE_S

STOPS_WITHIN_S = PATIENCE_S + 5


class Generator:
    """A generator of load in a process of its own, which Ctrl-C at a terminal does not reach."""

    def __init__(self, plan: Plan) -> None:
        self.result: Result | None = None
        self.said = ""
        self._child = subprocess.Popen(
            [sys.executable, "-m", "titan.operate.loading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        if self._child.stdin is not None:
            with suppress(BrokenPipeError), self._child.stdin as pipe:
                pipe.write(msgspec.json.encode(plan))
            self._child.stdin = None

    def is_at_work(self, wait_s: float) -> bool:
        """Whether it has not ended after so many seconds."""
        if self._child.returncode is not None:
            return False
        try:
            out, said = self._child.communicate(timeout=wait_s)
        except subprocess.TimeoutExpired:
            return True
        if self._child.wait() == 0:
            self.result = msgspec.json.decode(out, type=Result)
        self.said = said.decode(errors="replace").strip().rpartition("\n")[2]
        return False

    def stop(self) -> None:
        """Have it give what it has; one that does not is ended."""
        if self._child.returncode is not None:
            return
        self._child.terminate()
        if self.is_at_work(STOPS_WITHIN_S):
            self._child.kill()
            self.is_at_work(STOPS_WITHIN_S)
