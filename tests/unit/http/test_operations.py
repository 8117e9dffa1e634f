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


def described(path: str) -> list[str]:
    """What /description at a place says, without what is the same for all."""
    (row,) = [row for row in OPERATIONS if row.path == path]
    profiles = msgspec.json.decode(description(row.profiles))["profiles"]
    return [profile.removeprefix("https://admin-shell.io/aas/API/3/") for profile in profiles]


def test_the_description_lists_whole_profiles_only() -> None:
    counts = served()
    named = {profile.removeprefix("1/") for profile in described("/description") if profile.startswith("1/")}
    assert named
    assert all(counts[profile] == PROFILES[profile] for profile in named)


def test_the_description_lists_full_and_reading_profiles_in_every_version_that_has_them() -> None:
    for service in ("AssetAdministrationShellRepository", "SubmodelRepository"):
        expected = {f"{minor}/{service}ServiceSpecification/SSP-00{number}" for minor in (0, 1) for number in (1, 2)}
        assert expected <= set(described("/description"))


def test_the_description_does_not_promise_that_only_templates_are_stored() -> None:
    refused = {"SubmodelRepositoryServiceSpecification/SSP-003", "SubmodelRepositoryServiceSpecification/SSP-004"}
    assert refused.isdisjoint(profile[2:] for profile in described("/description"))


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/shells/{aasIdentifier}/description", "AssetAdministrationShellServiceSpecification"),
        ("/submodels/{submodelIdentifier}/description", "SubmodelServiceSpecification"),
    ],
)
def test_a_single_service_describes_itself(path: str, service: str) -> None:
    assert {profile[2:].partition("/")[0] for profile in described(path)} == {service}


def test_the_root_describes_no_service_that_is_below_it() -> None:
    assert not any(
        "ShellServiceSp" in profile or "/SubmodelServiceSp" in profile for profile in described("/description")
    )


def test_nothing_is_served_beyond_what_a_profile_has() -> None:
    assert all(count <= PROFILES[profile] for profile, count in served().items())


def test_the_table_of_conformance_has_every_profile() -> None:
    table = conformance_table()
    assert all(f"| {profile} |" in table for profile in PROFILES)
