"""How long one waits for `make run`: from the command to its word that all is ready, servers of its own and all."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM
from statistics import median
from tempfile import TemporaryDirectory

from bench.place import OUR_PATH, Bench
from bench.report import Row
from titan.dev.processes import free_port

FIRST_S, AGAIN_S = 15.0, 5.0
ENDS_WITHIN_S = 60.0


def start(bench: Bench) -> Iterator[Row]:
    """The first start in an empty folder, and the next one, which finds everything there."""
    first: list[float] = []
    again: list[float] = []
    for _ in range(1 if bench.quick else 3):
        with TemporaryDirectory(prefix="start-", dir=bench.data_dir.parent) as directory:
            first.append(_seconds(Path(directory)))
            again.append(_seconds(Path(directory)))
    yield Row("start", "everything, for the first time", median(first), "s", at_most=FIRST_S)
    yield Row("start", "everything, once more", median(again), "s", at_most=AGAIN_S)


def _seconds(directory: Path) -> float:
    """Start it, wait for its word, stop it."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("TITAN_")}
    ours = {"PYTHONPATH": OUR_PATH, "TITAN_DATA_DIR": str(directory), "TITAN_PORT": str(free_port())}
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "titan.main", "dev", "--with-parent"],
        env=given | ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout
        said: list[str] = []
        try:
            for line in child.stdout:
                said.append(line)
                if line.startswith("Titan is ready"):
                    return time.monotonic() - began
        finally:
            child.send_signal(SIGTERM)
            child.communicate(timeout=ENDS_WITHIN_S)
    raise RuntimeError(f"It did not start; it said:\n{''.join(said)}")
