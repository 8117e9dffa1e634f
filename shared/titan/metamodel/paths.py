"""idShortPaths: how an element is named from the submodel that it stands in.

Spec: IDTA-01001, "Format Path"; IDTA-01002, "Addressing of submodel elements by idShortPath". The grammar is
`idShort { "." idShort | "[" index "]" }*`; an element of a list is named by its index alone, even where it has an
idShort.
"""

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from titan.errors import Invalid

Path: TypeAlias = tuple[str | int, ...]
"""Names and, below lists, indices, from the submodel down. The first is a name."""

LENGTH_LIMIT = 8192
"""Characters of a path: 32 names of the longest, and their indices, with something to spare."""

# Names of one character, and others that version 3.1 does not take, stand in documents that were let through.
_STEP: Final = re.compile(r"([^\x00-\x1f\s.\[\]/]{1,128})|\[(0|[1-9][0-9]{0,8})\]")


def parse(text: str) -> Path:
    """Read a path.

    Raises:
        Invalid: where the text is not one; the sentence says where it ends to be.
    """
    if len(text) > LENGTH_LIMIT:
        raise Invalid(f"The idShortPath is longer than {LENGTH_LIMIT} characters.", path="idShortPath")
    path: list[str | int] = []
    at = 0
    while at < len(text):
        dotted = bool(path) and text[at] == "."
        step = _STEP.match(text, at + dotted)
        # A dot stands before every name but the first, and before no index.
        if step is None or (step[2] is None) != (dotted or not path):
            break
        path.append(step[1] if step[2] is None else int(step[2]))
        at = step.end()
    if at < len(text) or not path:
        message = f"The idShortPath is not one from character {at + 1} on: dots join names, brackets hold indices."
        raise Invalid(message, path="idShortPath")
    return tuple(path)


def text(path: Iterable[str | int]) -> str:
    """Write a path, or the part of one that leads on from an element."""
    return "".join([f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]).removeprefix(".")
