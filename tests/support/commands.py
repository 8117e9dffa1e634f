"""Lines of a shell in a document taken apart, so that what they name can be looked for."""

import re
import shlex
from collections.abc import Iterator

from msgspec import Struct

from support.runbook import Block, commands

_ASSIGNED = re.compile(r"^[A-Z_]+=")
_BETWEEN = {"|", "&&", "||", ";"}


class Line(Struct, frozen=True):
    """One program with its words."""

    words: tuple[str, ...]
    directory: str
    """Where it is run, from the top of the project."""
    assigned: tuple[str, ...]
    """`NAME=value` before the program."""
    written: str = ""
    """The file that its output goes to."""

    @property
    def options(self) -> dict[str, list[str]]:
        """Values of options by name, where they stand behind `=` or in the next word."""
        found: dict[str, list[str]] = {}
        for word, after in zip(self.words, (*self.words[1:], ""), strict=True):
            if word.startswith("-"):
                name, equals, value = word.partition("=")
                found.setdefault(name, []).append(value if equals else after)
        return found


def lines(block: Block) -> Iterator[Line]:
    """Every program that a block runs, what is behind a pipe too."""
    directory = ""
    for command in commands(block):
        for words in _split(_words(command)):
            line = _line(words, directory)
            if line.words[:1] == ("cd",):
                directory = line.words[1]
            yield line


def _words(command: str) -> list[str]:
    """The words of a command; where one is what another command says, that command behind a pipe."""
    within = re.fullmatch(r"[A-Z_]+=\$\((.*)\)", command)
    return shlex.split(within[1] if within else command, comments=True)


def _split(words: list[str]) -> Iterator[list[str]]:
    found: list[str] = []
    for word in words:
        if word in _BETWEEN:
            yield found
            found = []
        else:
            found.append(word)
    yield found


def _line(words: list[str], directory: str) -> Line:
    assigned: list[str] = []
    while words and _ASSIGNED.match(words[0]):
        assigned.append(words.pop(0))
    written = ""
    for sign in (">", "<"):
        if sign in words:
            at = words.index(sign)
            written = words[at + 1] if sign == ">" else written
            del words[at : at + 2]
    return Line(tuple(words), directory, tuple(assigned), written)
