"""The table of operations is what the official OpenAPI says."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from titan.http.operations import OPERATIONS, PROFILES, Operation

OFFICIAL = Path(__file__).resolve().parents[3] / "shared/spec/operations-3.1.2.json"

pytestmark = pytest.mark.skipif(not OFFICIAL.exists(), reason="the official list of operations is not here")


@pytest.fixture(scope="module")
def official() -> list[dict]:
    return msgspec.json.decode(OFFICIAL.read_bytes())


def profile_of(entry: dict) -> str:
    return f"{entry['service']}/{entry['profile']}"


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: f"{row.method} {row.path}")
def test_a_row_is_an_official_operation(row: Operation, official: list[dict]) -> None:
    entries = [entry for entry in official if (entry["method"], entry["path"]) == (row.method, row.path)]
    assert {entry["operationId"] for entry in entries} == {row.operation_id}
    assert {profile_of(entry) for entry in entries} == set(row.profiles)
    for entry in entries:
        documented = {int(status) for status in entry["responses"] if status.isdigit() and int(status) < 400}
        assert set(row.success) == documented


def test_profiles_have_as_many_operations_as_we_think(official: list[dict]) -> None:
    assert Counter(map(profile_of, official)) == PROFILES
