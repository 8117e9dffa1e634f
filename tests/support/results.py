"""Files of figures, for whoever compares runs."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct


def store(report: Struct, directory: Path, *, at: str) -> Path:
    """Write a run's figures into a file of their own, named after the time that `now` gave."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{at.replace(':', '')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    return path


def now() -> str:
    """The time, to the second, as it stands in names of files."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
