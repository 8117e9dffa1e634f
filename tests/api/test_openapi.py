"""The table of operations is what the official OpenAPI says."""

from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

from titan.http.operations import OPERATIONS
from titan.http.operations.row import PROFILES, SHELL_SERVICE, SUBMODEL_SERVICE, Operation

OFFICIAL = Path(__file__).resolve().parents[3] / "shared/spec/operations-3.1.2.json"

pytestmark = pytest.mark.skipif(not OFFICIAL.exists(), reason="the official list of operations is not here")

PLACES = {SHELL_SERVICE: "/shells/{aasIdentifier}", SUBMODEL_SERVICE: "/submodels/{submodelIdentifier}"}
"""Where the services of a single thing are mounted."""
BEYOND = {
    ("POST", f"{PLACES[SHELL_SERVICE]}/aas{PLACES[SUBMODEL_SERVICE]}/submodel-elements/{{idShortPath}}/invoke-async")
}
"""What the standard means where it misspells a path."""


@pytest.fixture(scope="module")
def official() -> dict[tuple[str, str], list[dict]]:
    """Entries by method and path, as they are mounted here."""
    found: defaultdict[tuple[str, str], list[dict]] = defaultdict(list)
    for entry in msgspec.json.decode(OFFICIAL.read_bytes()):
        found[entry["method"], PLACES.get(entry["service"], "") + entry["path"]].append(entry)
    return found


def profile_of(entry: dict) -> str:
    return f"{entry['service']}/{entry['profile']}"


@pytest.mark.parametrize("row", [row for row in OPERATIONS if row.profiles], ids=lambda row: f"{row.method} {row.path}")
def test_a_row_is_an_official_operation(row: Operation, official: dict[tuple[str, str], list[dict]]) -> None:
    entries = official[row.method, row.path]
    assert {entry["operationId"] for entry in entries} == {row.operation_id}
    assert {profile_of(entry) for entry in entries} == set(row.profiles)
    for entry in entries:
        documented = {int(status) for status in entry["responses"] if status.isdigit() and int(status) < 400}
        assert set(row.success) == documented


def test_nothing_is_served_beyond_the_standard_but_what_it_misspells() -> None:
    assert {(row.method, row.path) for row in OPERATIONS if not row.profiles} == BEYOND


def test_profiles_have_as_many_operations_as_we_think(official: dict[tuple[str, str], list[dict]]) -> None:
    counted = Counter(profile_of(entry) for entries in official.values() for entry in entries)
    assert counted == PROFILES
