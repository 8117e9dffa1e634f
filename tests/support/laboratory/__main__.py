"""The command line: `make fire SEEDS=20 SECONDS=30 FROM=1`."""

import os
import platform
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from support import servers
from support.laboratory import rounds
from support.laboratory.figures import Report, Round, show
from support.laboratory.stage import stage
from support.results import now, store

RESULTS = Path(__file__).resolve().parents[3] / "fire-results"

app = App(name="fire", help="Kill, stop and cut off every process of an installation, and judge what clients saw.")


@app.default
def run(
    *,
    seeds: Annotated[int, Parameter(help="How many rounds.")] = 20,
    seconds: Annotated[float, Parameter(help="How long faults go on in each.")] = 30.0,
    first: Annotated[int, Parameter(name="--from", help="Seed of the first round.")] = 1,
    only: Annotated[str, Parameter(help="A word that every kind of fault must have in its name.")] = "",
) -> int:
    """Play rounds of faults, print what they came to, and write it as JSON to fire-results/.

    The status is 1 where anything was lost, doubled, out of order, or shown when it should not have been.
    """
    console = Console(highlight=False)
    played: list[Round] = []
    at = now()
    RESULTS.mkdir(exist_ok=True)
    with (
        # On a disk, beside the results, and not with temporary files, which are in memory on many machines.
        TemporaryDirectory(prefix="servers-", dir=RESULTS, ignore_cleanup_errors=True) as directory,
        stage(servers.choose(os.environ), Path(directory)) as whole,
    ):
        for seed in range(first, first + seeds):
            evidence = rounds.fire(whole, seed, seconds=seconds, only=only)
            one = evidence.round
            played.append(one)
            console.print(
                f"seed {seed}: {sum(one.calls.values())} calls, {one.events} events, {len(one.faults)} faults, "
                f"quiet after {one.quiet_after_s:.1f} s, {len(one.violations)} violations"
            )
            if one.violations:
                _tell(one, console)
                kept = RESULTS / f"{at.replace(':', '')}-seed-{seed}"
                shutil.copytree(Path(directory) / "logs", kept)
                evidence.keep(kept / "evidence.json")
                console.print(f"Everything that was seen, and everybody's log: {kept.relative_to(RESULTS.parent)}")
    show(played, console)
    machine = {"cpus": str(os.cpu_count()), "python": platform.python_version(), "system": platform.platform()}
    report = Report(at, machine, played)
    console.print(f"Written to {store(report, RESULTS, at=at).relative_to(RESULTS.parent)}.")
    return 0 if report.is_clean else 1


def _tell(one: Round, console: Console) -> None:
    for violation in one.violations[:20]:
        console.print(f"  [red]{violation.replace('[', chr(92) + '[')[:3000]}[/]")
    if len(one.violations) > 20:
        console.print(f"  and {len(one.violations) - 20} more")
    console.print("  after")
    for fault in one.faults:
        console.print(f"    {fault}")
    console.print(f"  Once more: {rounds.again(one.seed, one.seconds)}")


if __name__ == "__main__":
    sys.exit(app())
