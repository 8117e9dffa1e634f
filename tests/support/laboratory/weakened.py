"""A process of Titan that lacks one of its guards: `python -m support.laboratory.weakened WEAKNESS TIER`.

The judges of the laboratory are worth something only if they find what a guard is there to prevent. So here, and
nowhere else, our own code is replaced: the product must not have a switch that turns a guard off, and a judge that has
never found anything is not one. What runs otherwise is the product as it is.

It is done on import, because a worker is a process of its own that imports this module again.
"""

import sys
from collections.abc import Callable
from math import inf

from titan.main import app
from titan.read.fresh import Fresh
from titan.read.memory import Entry, Load, Memory
from titan.storage.visibility import Reach, Visibility


def _without_fence() -> None:
    """A replica that has had a lease serves from memory for ever."""

    def until(self: Fresh) -> float:
        return inf if vars(self).get("until") else 0.0

    def note(self: Fresh, until: float) -> None:
        vars(self)["until"] = until or vars(self).get("until", 0.0)

    setattr(Fresh, "until", property(until, note))  # noqa: B010 - a checker of types rightly refuses the assignment


def _without_guard_of_loads() -> None:
    """A load that began before an announcement is kept, whatever was announced meanwhile."""
    end = Memory.end

    def keep(self: Memory, load: Load, *, key: bytes = b"", entry: Entry | None = None) -> None:
        load.spoiled = False
        end(self, load, key=key, entry=entry)

    Memory.end = keep


def _without_visibility() -> None:
    """A write is answered once it is in the journal, and says that everybody shows it."""

    async def at_once(self: Visibility, position: int) -> Reach:
        return Reach.REPLICAS

    Visibility.wait = at_once


WEAKNESSES: dict[str, Callable[[], None]] = {
    "fence": _without_fence,
    "loads": _without_guard_of_loads,
    "visibility": _without_visibility,
}

if sys.argv[0].endswith("weakened.py"):
    WEAKNESSES[sys.argv[1]]()

if __name__ == "__main__":
    app(sys.argv[2:])
