"""The processes below a process, and waiting for their end. Linux only."""

import os
import select
from collections.abc import Iterable
from pathlib import Path
from typing import Self


def _parent_of(process: Path) -> int:
    # Field 4; the name in field 2 may hold anything, so count from its closing bracket.
    return int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])


def below(pid: int) -> set[int]:
    """All descendants of a process."""
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(process.name)] = _parent_of(process)
        except OSError:
            continue  # ended while we looked
    found: set[int] = set()
    newest = {pid}
    while newest := {child for child, parent in parents.items() if parent in newest} - found:
        found |= newest
    return found


class Ends:
    """Handles on processes, taken while they run: a number may be another process's later, a handle may not."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._handles = {os.pidfd_open(pid): pid for pid in pids}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            os.close(handle)

    def missing(self, *, timeout_s: float) -> set[int]:
        """Wait until all have ended, and give those that have not by then."""
        poller = select.poll()
        for handle in self._handles:
            poller.register(handle, select.POLLIN)
        left = set(self._handles)
        while left:
            ended = poller.poll(timeout_s * 1000)
            if not ended:
                break
            for handle, _ in ended:
                poller.unregister(handle)
                left.discard(handle)
        return {self._handles[handle] for handle in left}
