"""Figures of rounds: what was asked, what befell whom, and how long anybody had to wait for it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from support.laboratory.clients import GATEWAY
from support.laboratory.faults import Befallen
from support.laboratory.history import WRITES, Call, History

AFTERWARDS_S = 4.0
"""How long after its end a fault is held to account for what is not answered."""


class Outage(Struct):
    """What faults of one kind cost, at worst."""

    times: int = 0
    reads_s: float = 0.0
    """The longest time in which nobody was answered a read at the gateway."""
    writes_s: float = 0.0
    """The same for writes."""

    def add(self, other: "Outage") -> None:
        self.times += other.times
        self.reads_s = max(self.reads_s, other.reads_s)
        self.writes_s = max(self.writes_s, other.writes_s)


class Round(Struct, kw_only=True):
    """What came of one round."""

    seed: int
    seconds: float
    calls: dict[str, int]
    """By kind, the ones of which nobody knows the outcome too."""
    acknowledged: int
    untold: int
    """Writes without an answer, or with one that leaves it open."""
    lists: int
    events: int
    """Of the journal."""
    not_visible_yet: int
    """Writes that said, when they were answered, that lists may not show them yet."""
    outages: dict[str, Outage]
    held_back_s: float
    """The longest time from the commit of a write until its answer, by when every replica shows it."""
    quiet_after_s: float
    """How long it took after the last fault until everybody was ready and at the end of the journal."""
    violations: list[str]
    faults: list[str]
    """In the order in which they began."""


def outages(befallen: Iterable[Befallen], history: History) -> dict[str, Outage]:
    """The worst of each kind. Where two faults fell together, both are held to account."""
    reads = _answered(call for call in history.calls if call.kind == "read" and call.where == GATEWAY)
    writes = _answered(call for call in history.calls if call.kind in WRITES and call.where == GATEWAY)
    found: dict[str, Outage] = {}
    for one in befallen:
        begin, end = one.began, one.ended + AFTERWARDS_S
        outage = Outage(1, _longest_gap(reads, begin, end), _longest_gap(writes, begin, end))
        found.setdefault(one.fault.kind, Outage()).add(outage)
    return found


def _answered(calls: Iterable[Call]) -> list[float]:
    return sorted(call.returned for call in calls if call.is_known)


def _longest_gap(moments: Sequence[float], begin: float, end: float) -> float:
    """The longest time without any of the moments, of those times that are under way between begin and end."""
    gaps = [after - before for before, after in pairwise(moments) if before < end and after > begin]
    return max(gaps, default=0.0)


def counted(history: History) -> dict[str, int]:
    """How many calls of each kind."""
    return dict(Counter(call.kind for call in history.calls))


class Report(Struct, frozen=True):
    """All rounds of one run."""

    at: str
    machine: dict[str, str]
    rounds: Sequence[Round]

    @property
    def is_clean(self) -> bool:
        return not any(one.violations for one in self.rounds)


def show(rounds: Sequence[Round], console: Console) -> None:
    """Print what all rounds came to."""
    total = Counter[str]()
    worst: dict[str, Outage] = {}
    for one in rounds:
        total.update(one.calls)
        for kind, outage in one.outages.items():
            worst.setdefault(kind, Outage()).add(outage)
    table = Table(header_style="bold", title="Worst unavailability, by kind of fault")
    for name in ("fault", "times", "no read answered for", "no write answered for"):
        table.add_column(name, justify="left" if name == "fault" else "right")
    for kind, outage in sorted(worst.items()):
        table.add_row(kind, str(outage.times), f"{outage.reads_s:.2f} s", f"{outage.writes_s:.2f} s")
    console.print(table)
    lines = {
        "rounds": f"{len(rounds)} of {rounds[0].seconds:g} s" if rounds else "0",
        "operations": f"{sum(total.values()) + sum(one.lists for one in rounds)}: "
        + ", ".join(f"{count} {kind}" for kind, count in sorted(total.items()))
        + f", {sum(one.lists for one in rounds)} list",
        "writes acknowledged": str(sum(one.acknowledged for one in rounds)),
        "writes of unknown outcome": str(sum(one.untold for one in rounds)),
        "events in the journal": str(sum(one.events for one in rounds)),
        "faults": f"{sum(outage.times for outage in worst.values())} of {len(worst)} kinds",
        "held back until visible": f"{max((one.held_back_s for one in rounds), default=0):.2f} s at worst",
        "quiet after": f"{max((one.quiet_after_s for one in rounds), default=0):.1f} s at worst",
        "violations": str(sum(len(one.violations) for one in rounds)),
    }
    for name, text in lines.items():
        console.print(f"{name}: {text}", highlight=False)
