"""The table of constraints says what is so, and knows all constraints of the standard."""

from support import constraint_table

# IDTA-01001 v3.1.2 and IDTA-01003-a v3.1.
# fmt: off
NUMBERS = {
    2, 5, 6, 7, 12, 14, 20, 21, 22, 77, 107, 108, 109, 114, 115, 116, 117, 118, 119, 121, 122, 123, 124, 125, 126, 127,
    128, 129, 130, 131, 133, 134,
}
# fmt: on
RULES = {f"AASd-{number:03}" for number in NUMBERS} | {f"AASc-3a-{number:03}" for number in (2, 4, 5, 6, 7, 8, 9, 10)}


def test_the_table_of_constraints_is_up_to_date() -> None:
    """Else run `python tests/support/constraint_table.py`."""
    assert constraint_table.FILE.read_text() == constraint_table.text()


def test_every_constraint_of_the_standard_is_in_the_table() -> None:
    lines = constraint_table.text().splitlines()
    rows = {line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| AAS")}
    assert rows == RULES


def test_every_constraint_that_can_be_asked_has_a_test() -> None:
    for line in constraint_table.text().splitlines():
        if line.startswith("| AAS"):
            *_, mutants, _, named, _ = line.split("|")
            assert mutants.strip() != "–" or named.strip() != "–", line
