"""RUNBOOK.md taken apart: its blocks of code by what they need, and its headings by their anchors."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "RUNBOOK.md"
_BLOCK = re.compile(r"^```([a-z ]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(Struct, frozen=True):
    """A block of code."""

    kind: str
    """What stands behind its first fence: `bash`, `bash compose`, `bash cluster`, `promql`."""
    text: str
    line: int
    """Where it begins."""


def blocks(*kinds: str) -> list[Block]:
    """All blocks, or those of some kinds, in their order."""
    text = RUNBOOK.read_text()
    found = [
        Block(match[1].strip(), match[2], text.count("\n", 0, match.start()) + 1) for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if not kinds or block.kind in kinds]


def commands(block: Block) -> Iterator[str]:
    """Its commands, a line each, without comments."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def anchors(path: Path = RUNBOOK) -> set[str]:
    """What a link into a document may name behind `#`, as GitHub makes it out of headings."""
    outside = _BLOCK.sub("", path.read_text())
    return {re.sub(r"[^a-z0-9 _-]", "", heading[1].lower()).replace(" ", "-") for heading in _HEADING.finditer(outside)}
