"""What is derived from the table of operations says what the table says."""

import msgspec
import pytest

from titan.http.description import description
from titan.http.operations import OPERATIONS, conformance_table, gateway_split, served
from titan.http.operations.row import PROFILES, Operation
from titan.metamodel.kinds import KINDS, Kind


def test_an_operation_stands_in_the_table_once() -> None:
    ways = [(row.method, row.path) for row in OPERATIONS]
    assert len(ways) == len(set(ways))


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: f"{row.method} {row.path}")
def test_a_row_names_known_profiles_and_kinds(row: Operation) -> None:
    assert set(row.profiles) <= set(PROFILES)
    assert row.kind is None or row.kind in KINDS


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_has_whole_documents(kind: Kind) -> None:
    rows = {(row.method, row.handler) for row in OPERATIONS if row.kind == kind.name}
    assert rows >= {
        ("GET", "documents.list"),
        ("POST", "documents.create"),
        ("GET", "documents.show"),
        ("PUT", "documents.put"),
        ("DELETE", "documents.remove"),
    }


def test_what_reads_is_served_by_the_read_tier_and_what_changes_by_the_write_tier() -> None:
    for row in OPERATIONS:
        if row.method in {"PUT", "PATCH", "DELETE"}:
            assert row.side == "command"
        if row.method == "GET":
            assert row.side == "query"


def test_the_gateway_knows_where_every_operation_goes() -> None:
    split = gateway_split()
    for row in OPERATIONS:
        sides = [side for side, reached in split.items() if any(row.method in methods for methods, _ in reached)]
        assert row.side in sides


def test_the_description_lists_whole_profiles_only() -> None:
    profiles = msgspec.json.decode(description())["profiles"]
    names = [profile.removeprefix("https://admin-shell.io/aas/API/3/1/") for profile in profiles]
    assert names == [name for name, count in served().items() if count == PROFILES[name]]


def test_nothing_is_served_beyond_what_a_profile_has() -> None:
    assert all(count <= PROFILES[profile] for profile, count in served().items())


def test_the_table_of_conformance_has_every_profile() -> None:
    table = conformance_table()
    assert all(f"| {profile} |" in table for profile in PROFILES)
