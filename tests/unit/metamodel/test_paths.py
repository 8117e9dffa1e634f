"""idShortPaths: what is one, what is none, and that reading and writing are each other's inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.errors import Invalid
from titan.metamodel.paths import LENGTH_LIMIT, Path, parse, text

NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]*[a-zA-Z0-9_]", fullmatch=True).filter(lambda name: len(name) <= 128)
PATHS = st.tuples(NAMES, st.lists(NAMES | st.integers(0, 999_999_999), max_size=8)).map(lambda way: (way[0], *way[1]))

READ: dict[str, Path] = {
    "Motor": ("Motor",),
    "a": ("a",),
    "Motor.Speed": ("Motor", "Speed"),
    "Readings[0]": ("Readings", 0),
    "Readings[12][0].Unit-x_1.y": ("Readings", 12, 0, "Unit-x_1", "y"),
    "Größe": ("Größe",),
}
NOT_READ = [
    "",
    ".",
    ".a",
    "a.",
    "a..b",
    "[0]",
    "a[",
    "a[]",
    "a[-1]",
    "a[01]",
    "a[1",
    "a.[0]",
    "a[0]b",
    "a b",
    "a/b",
    "a]",
]


@pytest.mark.parametrize(("written", "path"), READ.items())
def test_a_path_is_read(written: str, path: Path) -> None:
    assert parse(written) == path


@pytest.mark.parametrize("written", NOT_READ)
def test_what_is_no_path_is_refused_with_the_place_where_it_ends_to_be_one(written: str) -> None:
    with pytest.raises(Invalid, match="from character"):
        parse(written)


def test_a_path_without_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(Invalid, match="longer than"):
        parse("a." * LENGTH_LIMIT)


@given(PATHS)
def test_what_was_written_is_read_as_it_was(path: Path) -> None:
    assert parse(text(path)) == path
