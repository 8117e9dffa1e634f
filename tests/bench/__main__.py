"""The command line: `make bench ARGS="--quick --only hot"`."""

import os
import platform
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import psycopg
from cyclopts import App, Parameter
from rich.console import Console

from bench import elements, overload, reads, rebuild, soak, start, stores, writes
from bench.place import Bench
from bench.report import Report, Row, number, show
from support.results import now, store
from titan.errors import TitanError

SECTIONS = {
    "hot": reads.hot,
    "cold": reads.cold,
    "writes": writes.throughput,
    "visibility": writes.visibility,
    "saturated": writes.saturated,
    "killed": writes.killed,
    "lag": writes.lag,
    "overload": overload.overload,
    "elements": elements.elements,
    "pages": stores.pages,
    "rebuild": rebuild.rebuild,
    "journal": stores.journal_alone,
    "branch": stores.branch,
    "decode": stores.decoding,
    "start": start.start,
}
LONG = {"soak": soak.soak}
"""What is measured only where it is named."""
NAMES = ", ".join((*SECTIONS, *LONG))
RESULTS = Path(__file__).resolve().parents[2] / "bench-results"

app = App(name="bench", help="Measure the real processes on real servers.")


@app.default
def measure(
    *,
    quick: Annotated[bool, Parameter(help="Fewer and shorter rounds: somewhat more than two minutes.")] = False,
    only: Annotated[
        list[str] | None, Parameter(help=f"Among: {', '.join((*SECTIONS, *LONG))}.", consume_multiple=True)
    ] = None,
) -> int:
    """Measure, print a table, and write it as JSON to bench-results/.

    The status is 1 where something misses its mark.
    """
    console = Console()
    chosen = {name: section for name, section in (SECTIONS | LONG).items() if name in (only or SECTIONS)}
    if not chosen:
        console.print(f"There is no such section; there are: {NAMES}")
        return 2
    rows: list[Row] = []
    failed = False
    RESULTS.mkdir(exist_ok=True)
    with (
        # On a disk, beside the results, and not with temporary files, which are in memory on many machines.
        TemporaryDirectory(prefix="servers-", dir=RESULTS, ignore_cleanup_errors=True) as directory,
        Bench(Path(directory) / "data", os.environ, quick=quick) as bench,
    ):
        for done, (name, section) in enumerate(chosen.items(), 1):
            began = time.monotonic()
            console.print(f"[bold]{name}[/] ({done} of {len(chosen)}): {(section.__doc__ or '').splitlines()[0]}")
            try:
                for row in section(bench):
                    rows.append(row)
                    console.print(f"  {row.name}: {number(row.value)} {row.unit} {row.detail}", highlight=False)
            except (TitanError, OSError, RuntimeError, psycopg.Error) as error:
                failed = True
                console.print(f"  [red]{name} failed:[/] {error}", highlight=False)
            console.print(f"  [dim]{time.monotonic() - began:.0f} s[/]")
    show(rows, console)
    machine = {"cpus": str(os.cpu_count()), "python": platform.python_version(), "system": platform.platform()}
    at = now()
    path = store(Report(at=at, machine=machine, quick=quick, rows=rows), RESULTS, at=at)
    console.print(f"Written to {path.relative_to(RESULTS.parent)}.")
    return 1 if failed or any(row.verdict is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(app())
