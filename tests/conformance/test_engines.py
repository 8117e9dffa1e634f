"""The IDTA's own tool (aas-test-engines) finds in us what it looks for, but for its own defects, each named.

It knows version 3.0 and reads only.
"""

from pathlib import Path
from typing import cast

import msgspec
import pytest
from aas_test_engines import config
from aas_test_engines.api import execute_tests
from aas_test_engines.http import HttpClient
from aas_test_engines.reflect import reflect_function
from aas_test_engines.result import AasTestResult
from aas_test_engines.test_cases.v3_0 import api
from aas_test_engines.test_cases.v3_0.generate import generate_invalid_values
from aas_test_engines.test_cases.v3_0.interfaces.shared import ApiTestSuite

SUITES = {
    "AssetAdministrationShellRepository": (34, 78),
    "SubmodelRepository": (32, 74),
}
"""How many negative and positive cases each suite has. The tool itself counts none where its set-up fails."""

SHARE = {
    "AssetAdministrationShellRepository": (32, 63),
    "SubmodelRepository": (30, 56),
}
"""How many of them have to pass, so that nobody grows the list of what is allowed."""


SETUP = "Setup"


class Defect(msgspec.Struct, forbid_unknown_fields=True):
    """Cases that fail since the tool is wrong."""

    reason: str
    suites: list[str]
    operations: dict[str, list[str]]
    """By operation; `Setup` stands for all that an operation has."""


DEFECTS = msgspec.toml.decode(
    (Path(__file__).parent / "allowed/engines.toml").read_bytes(), type=dict[str, list[Defect]]
)["defect"]


def uri(suite: str) -> str:
    return f"{api.SSP_PREFIX}{suite}ServiceSpecification/SSP-002"


def operations(suite: str) -> dict[str, type[ApiTestSuite]]:
    # The tool says of its classes that they are instances.
    return {found.operation: cast("type[ApiTestSuite]", found) for _, found in api.available_suites[uri(suite)]}


def sizes(found: type[ApiTestSuite]) -> tuple[int, int]:
    """How many negative and positive cases an operation has."""
    called = reflect_function(found(HttpClient(host=""), "").invoke_error, vars(api), {})
    return (
        sum(len(generate_invalid_values(argument)) for argument in called.args),
        sum(name.startswith("test_") for name in dir(found)),
    )


def allowed(suite: str, operation: str) -> set[str]:
    return {case for one in DEFECTS if suite in one.suites for case in one.operations.get(operation, ())}


def told(result: AasTestResult) -> str:
    return "\n".join(result.to_lines())


def checked(url: str, suite: str, operation: str) -> dict[str, list[AasTestResult]]:
    """The cases of an operation, by the part that they are in."""
    root, _ = execute_tests(
        HttpClient(host=url), config.CheckApiConfig(uri(suite), filter=config.TestCaseFilter(operation))
    )
    [result] = [one for one in root.sub_results if one.message == f"Checking {operation}"]
    return {part.message: [part] if part.message == SETUP else part.sub_results for part in result.sub_results}


@pytest.mark.parametrize(
    ("suite", "operation"), [(suite, operation) for suite in SUITES for operation in operations(suite)]
)
def test_an_operation_passes_but_for_what_the_tool_is_wrong_about(suite: str, operation: str, url: str) -> None:
    parts = checked(url, suite, operation)
    failed = {case.message.strip(): case for cases in parts.values() for case in cases if not case.ok()}
    assert failed.keys() == allowed(suite, operation), "\n".join(map(told, failed.values()))
    if SETUP not in failed:
        assert (len(parts["Negative Tests"]), len(parts["Positive Tests"])) == sizes(operations(suite)[operation])


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_allowed_leaves_as_much_of_a_suite_as_was_promised(suite: str) -> None:
    negative, positive = SUITES[suite]
    of = {operation: sizes(found) for operation, found in operations(suite).items()}
    assert (sum(size[0] for size in of.values()), sum(size[1] for size in of.values())) == (negative, positive)
    for operation, size in of.items():
        cases = allowed(suite, operation)
        whole = SETUP in cases
        negative -= size[0] if whole else sum(case.startswith("Set ") for case in cases)
        positive -= size[1] if whole else sum(not case.startswith("Set ") for case in cases)
    assert negative >= SHARE[suite][0]
    assert positive >= SHARE[suite][1]
