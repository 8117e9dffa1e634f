"""schemathesis, let loose on a server with an OpenAPI document: seeded, and within the bounds that it is given."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import schemathesis
from schemathesis.engine import Status, events, from_schema

from support.official import Plain

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_OTHERS = (
    *("negative_data_rejection", "positive_data_acceptance", "missing_required_header", "unsupported_method"),
    *("use_after_free", "ensure_resource_availability", "ignored_auth"),
)
"""What it would hold against a server that takes more than a document says, which the standard wants of one."""


class Failure(NamedTuple):
    """What schemathesis found wrong about one answer."""

    operation: str
    """Method and path, as the document has it."""
    check: str
    told: str
    """What it says of it, and to which request."""


class Explored(NamedTuple):
    """What came of a run."""

    statuses: dict[str, Counter[int]]
    """What was answered, by operation."""
    failures: list[Failure]


class Bounds(NamedTuple):
    """How far an exploration goes."""

    base_url: str
    parameters: Mapping[str, str]
    """Of paths, by name."""
    of_operations: Sequence[tuple[Mapping[str, str], Mapping[str, str]]]
    """The same for those operations alone that a filter of schemathesis's settings takes."""
    paths: Sequence[str]
    """Each case has one of these for `{idShortPath}` where nothing else is said."""
    examples: int
    """Of each operation, made up."""
    coverage: bool
    """Whether every parameter is asked for at its borders, too."""


def explored(document: Plain, bounds: Bounds) -> Explored:
    """Ask for all operations of a document in every way that it allows, and in some that it doesn't."""
    found = Explored(defaultdict(Counter), [])
    schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(_settings(bounds)))
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                _note(event, found)
            case events.NonFatalError():
                raise AssertionError(f"{event.label}: {event.value}")
            case events.FatalError():
                raise event.exception
            case _:
                pass
    return found


def _note(scenario: events.ScenarioFinished, found: Explored) -> None:
    recorder = scenario.recorder
    answers = [one.response for one in recorder.interactions.values()]
    found.statuses[recorder.label].update(answer.status_code if answer else 0 for answer in answers)
    for id, checks in recorder.checks.items():
        for check in checks:
            if check.status is not Status.SUCCESS:
                found.failures.append(Failure(recorder.label, check.name, _told(scenario, id, check.failure_info)))


def _told(scenario: events.ScenarioFinished, id: str, failure: object) -> str:
    asked = scenario.recorder.interactions[id]
    said = getattr(getattr(failure, "failure", None), "message", "it broke")
    status = asked.response.status_code if asked.response else None
    return f"{asked.request.method} {asked.request.uri} -> {status}: {said}"


def _settings(bounds: Bounds) -> Plain:
    return {
        "seed": 1,
        "suppress-health-check": ["all"],
        "base-url": bounds.base_url,
        "continue-on-failure": True,
        "max-redirects": 0,
        "request-timeout": 30,
        "dictionaries": {"paths": {"values": list(bounds.paths)}},
        "parameters": {"path.idShortPath": {"dictionary": "paths"}, **_of_path(bounds.parameters)},
        "operations": [{**which, "parameters": _of_path(parameters)} for which, parameters in bounds.of_operations],
        "phases": {
            "examples": {"enabled": False},
            "stateful": {"enabled": False},
            "coverage": {
                "enabled": bounds.coverage,
                "unexpected-methods": [],
                "extra-data-sources": {"responses": False},
            },
            # Else it learns from what it is answered, which costs most of the time and makes a run hang on another.
            "fuzzing": {
                "operation-ordering": "none",
                "extra-data-sources": {"responses": False},
                "error-feedback": {"enabled": False},
            },
        },
        "generation": {
            "max-examples": bounds.examples,
            "database": "none",
            "no-shrink": True,
            "deterministic": True,
        },
        "checks": {name: {"enabled": name in CHECKS} for name in (*CHECKS, *_OTHERS)},
    }


def _of_path(parameters: Mapping[str, str]) -> dict[str, str]:
    return {f"path.{name}": value for name, value in parameters.items()}
