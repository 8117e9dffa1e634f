"""README says what the code says: its tables are made from the code.

`TITAN_TEST_UPDATE=1` writes them anew.
"""

import os
import re
from pathlib import Path

import pytest

from support.settings_table import table
from titan.http import operations
from titan.main import app

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"

TABLES = {
    "settings": table,
    "operations": operations.conformance_table,
}


def part(name: str) -> re.Pattern[str]:
    """What stands between the marker of a table and its end; the marker and the end are groups."""
    return re.compile(rf"(<!-- {name}: [^\n]* -->\n)(.*?)(<!-- end -->)", re.DOTALL)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_readme_says_what_the_code_says(name: str) -> None:
    text = README.read_text()
    made = f"\n{TABLES[name]()}\n"
    if os.environ.get("TITAN_TEST_UPDATE"):
        README.write_text(part(name).sub(lambda found: found[1] + made + found[3], text))
    found = part(name).search(README.read_text())
    assert found, f"README has no place for the table of {name}"
    assert found[2] == made


def test_readme_lists_every_verb_that_it_names() -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", README.read_text() + (ROOT / "CONTRIBUTING.md").read_text()))
    assert named - verbs == set()


def test_every_file_of_the_journey_is_there() -> None:
    text = README.read_text()
    journey = text[text.index("## The journey") : text.index("## What it promises")]
    files = re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", journey)
    assert files
    halves = (ROOT / "services/titan", ROOT / "shared/titan")
    assert [file for file in files if not any((half / file).exists() for half in halves)] == []


def test_every_command_is_in_readme_and_no_other() -> None:
    text = README.read_text()
    listed = re.findall(r"^\| `titan ([a-z]+)", text[text.index("## The command line") :], re.MULTILINE)
    shown = [name for name in app if app[name].show and not name.startswith("-")]
    assert sorted(listed) == sorted(shown)


def test_every_test_that_readme_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", README.read_text()))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert named
    assert named - there == set()
