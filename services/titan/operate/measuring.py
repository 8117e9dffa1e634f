"""`titan bench`: how much the server at an address does, with documents that it makes and removes."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from titan.errors import Unavailable
from titan.operate.figures import Figure, Report, figure, remarks, table
from titan.operate.generating import Generator
from titan.operate.loading import Plan, Result, together
from titan.operate.reaching import Against, reach
from titan.operate.rounds import Round, Terms, filling, removing, rounds, shares
from titan.operate.terminal import say

TICK_S = 0.1
BLOCK = 1000
"""So many documents are removed at once where nobody knows how many there are."""
ATTEMPTS = 3


class Made(Struct, frozen=True):
    """Documents that are to be removed; `count` is None where a generator did not live to tell."""

    prefix: str
    first: int
    count: int | None


def new_prefix() -> str:
    """Of identifiers that nobody else has."""
    return f"urn:titan-bench:{secrets.token_hex(4)}:"


def bench(terms: Terms, *, console: Console) -> tuple[Report, bool]:
    """Measure; gives what came of it, and whether it came to its end.

    Raises:
        Misconfigured, Unavailable: as `reach`; once it is begun, what goes wrong is told in the report.
    """
    return Bench(terms, console).run()


class Bench:
    """One run: what was measured so far, and what there is to remove."""

    def __init__(self, terms: Terms, console: Console) -> None:
        self._terms = terms
        self._console = console
        self._figures: list[Figure] = []
        self._made = [Made(terms.prefix, 0, terms.documents)]
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, emoji=False),
            disable=not sys.stderr.isatty(),
        )

    def run(self) -> tuple[Report, bool]:
        """Fill, measure, remove, also where it is broken off; and tell."""
        against = reach(self._terms)
        began = datetime.now(UTC)
        is_whole, failure = False, ""
        with self._bar:
            try:
                self._measure(against.etag)
                is_whole = True
            except KeyboardInterrupt:
                failure = "It was broken off."
            except Unavailable as error:
                failure = str(error)
            left = self._remove()
        report = self._report(against, began, left, failure)
        self._show(report, against)
        return report, is_whole

    def _measure(self, etag: str) -> None:
        terms = self._terms
        planned = list(rounds(terms, etag=etag))
        task = self._bar.add_task("", total=len(planned))
        self._carry_out(filling(terms, serial=0), lambda _: None)
        for number, each in enumerate(planned):
            what = f"{each.name} at {each.plan.connections}"

            def tick(passed_s: float, number: int = number, what: str = what) -> None:
                part = min(1.0, passed_s / max(terms.seconds, 0.1))
                self._bar.update(task, description=what, completed=number + part)

            tick(0)
            self._round(each, number, tick)

    def _round(self, each: Round, number: int, tick: Callable[[float], None]) -> None:
        if each.is_fresh:
            self._carry_out(filling(self._terms, serial=(number + 1) * 100_000), lambda _: None)
        try:
            result = self._carry_out(each.plan, tick)
        finally:
            self._bar.refresh()
        if not result.requests:
            message = f"Nothing was answered while {each.name} was measured."
            raise Unavailable(message)
        self._figures.append(figure(each.name, each.plan.connections, result))

    def _carry_out(self, plan: Plan, tick: Callable[[float], None]) -> Result:
        """Have generators carry a plan out; where it is broken off, they end before this does.

        Raises:
            Unavailable: where one of them could not go on.
        """
        parts = shares(plan, self._terms.processes)
        generators = [Generator(part) for part in parts]
        began = time.monotonic()
        try:
            while any(generator.is_at_work(TICK_S) for generator in generators):
                tick(time.monotonic() - began)
        finally:
            for generator in generators:
                generator.stop()
            if plan.method == "POST":
                self._made += [
                    Made(part.prefix, part.first, None if one.result is None else one.result.sent)
                    for part, one in zip(parts, generators, strict=True)
                ]
        results = [generator.result for generator in generators if generator.result is not None]
        if len(results) < len(generators):
            why = next(generator.said for generator in generators if generator.result is None)
            message = f"{plan.method} {plan.url}: {why or 'a generator of load ended'}"
            raise Unavailable(message)
        return together(results)

    def _remove(self) -> str:
        """Remove all that was made; gives what is left, for a person, or nothing."""
        task = self._bar.add_task("removing", total=len(self._made))
        try:
            left: list[str] = []
            for made in self._made:
                left += self._remove_all(made)
                self._bar.advance(task)
        except KeyboardInterrupt:
            left = ["all or some"]
        if not left:
            return ""
        return f"{', '.join(left)} of the submodels are left whose identifiers begin with {self._terms.prefix}"

    def _remove_all(self, made: Made) -> Sequence[str]:
        if made.count == 0:
            return ()
        first, count = made.first, BLOCK if made.count is None else made.count
        while True:
            plan = removing(self._terms, made.prefix, first, count)
            plan = replace(plan, connections=min(plan.connections, count))
            left, removed = self._remove_block(plan)
            if left:
                return (f"about {left} of {count}" if made.count is not None else "some",)
            if made.count is not None or not removed:
                return ()
            first += count

    def _remove_block(self, plan: Plan) -> tuple[int, int]:
        """How many are left, and how many were removed. What is not there needs no removing."""
        left, removed = plan.numbers, 0
        for _ in range(ATTEMPTS):
            try:
                result = self._carry_out(plan, lambda _: None)
            except Unavailable:
                continue
            gone = result.refused.get(HTTPStatus.NOT_FOUND, 0)
            left = sum(result.refused.values()) - gone
            removed += result.requests - gone - left
            if not left:
                break
        return left, removed

    def _report(self, against: Against, began: datetime, left: str, failure: str) -> Report:
        terms = self._terms
        told_ = [failure] * bool(failure)
        told_ += remarks(self._figures, url=terms.url, visibility=against.visibility, processes=terms.processes)
        return Report(
            at=began.strftime("%Y-%m-%dT%H:%M:%SZ"),
            url=terms.url,
            profiles=against.profiles,
            visibility=against.visibility,
            document_bytes=against.size,
            documents=terms.documents,
            seconds=terms.seconds,
            processes=terms.processes,
            cpus=os.cpu_count() or 1,
            figures=tuple(self._figures),
            remarks=tuple(told_),
            left=left,
        )

    def _show(self, report: Report, against: Against) -> None:
        say(
            self._console,
            f"{report.url}: {len(against.profiles)} profiles, Titan-Visibility: {against.visibility}; "
            f"{report.documents} submodels of {against.size:,} bytes, {report.seconds:g} s a round, "
            f"{report.processes} processes of load on {report.cpus} cores.",
        )
        if report.figures:
            self._console.print(table(report.figures))
        for remark in report.remarks:
            say(self._console, remark)
        if report.left:
            say(self._console, f"Not removed: {report.left}.", style="bold red")
