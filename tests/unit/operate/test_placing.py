"""Where a backup goes to and comes from, as the command line says it."""

import pytest
from cyclopts import CycloptsError

from titan.main import app


def named(*words: str) -> object:
    bound = app.parse_args(words, exit_on_error=False, print_error=False)[1]
    return bound.arguments.get("to", bound.arguments.get("from_"))


@pytest.mark.parametrize(
    "words",
    [
        ("backup", "-"),
        ("backup", "-", "--recipient", "age1x"),
        ("backup", "--keep", "7", "-"),
        ("restore", "-"),
        ("restore", "--replace", "-"),
        ("restore", "-", "--identity", "key.txt"),
    ],
    ids=" ".join,
)
def test_a_hyphen_is_a_stream(words: tuple[str, ...]) -> None:
    assert named(*words) == "-"


def test_a_name_is_a_place() -> None:
    assert named("backup", "backups/", "--keep", "7") == "backups/"
    assert named("backup") is None


@pytest.mark.parametrize(
    "words", [("backup", "--keeep", "7"), ("restore", "--replaec", "x"), ("restore", "-x")], ids=" ".join
)
def test_an_option_that_is_misspelt_is_no_place(words: tuple[str, ...]) -> None:
    with pytest.raises(CycloptsError):
        named(*words)
