"""schemathesis finds nothing in our answers that the official OpenAPI does not say of them, nor our own document.

It asks with identifiers and bodies that are there, and with what it makes of every parameter: each answer has a status,
a type, headers and a body of its document, and none is 5xx. What remains are faults of the standard's files, by name.
"""

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from support.asking import Plain
from support.exploring import Bounds, Explored, Failure, explored
from support.furnished import Place
from support.official import OPENAPI, PLACES, SERVED, bundled, file_of, loaded, operations, with_bodies
from support.processes import Titan

pytestmark = pytest.mark.skipif(not OPENAPI.exists(), reason=f"the official OpenAPI is not at {OPENAPI}")

OURS = "openapi.json"
"""Our own document, where a profile is named."""


TOO_LONG = "-> 431: "
"""What the gateway itself says of a line that is too long for it, in no JSON."""


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """What a document says wrongly."""

    reason: str
    check: str
    told: str
    """A part of what schemathesis says of it."""
    operations: dict[str, list[str]]
    """By profile: method and path."""

    def explains(self, profile: str, failure: Failure) -> bool:
        named = failure.operation in self.operations.get(profile, ())
        return named and self.check == failure.check and self.told in failure.told


class Repair(msgspec.Struct, forbid_unknown_fields=True):
    """What the standard's files say so wrongly that nothing could be held to them."""

    reason: str
    place: list[str | int]
    """From the components down to what is wrong."""
    name: str
    """Of what is wrong there."""
    renamed: str = ""
    becomes: object = None
    """Nothing takes it away."""

    def repair(self, components: Plain) -> None:
        part: Any = components
        for step in self.place:
            part = part[step]
        was = part.pop(self.name)
        if self.renamed:
            assert self.renamed not in part, f"This is in order by now: {self.reason}"
            part[self.renamed] = was
        elif self.becomes is not None:
            assert was != self.becomes, f"This is in order by now: {self.reason}"
            part[self.name] = self.becomes


class Allowed(msgspec.Struct, forbid_unknown_fields=True):
    repair: list[Repair]
    fault: list[Fault]


ALLOWED = msgspec.toml.decode((Path(__file__).parent / "allowed/schemathesis.toml").read_bytes(), type=Allowed)


def asked(profile: str) -> list[tuple[str, str]]:
    """Operations that only this profile describes so: the smaller profiles of a service repeat the first."""
    service, _, number = profile.partition("/")
    own = {(method, path): found for method, path, found in operations(loaded(file_of(profile)))}
    if number == "SSP-001":
        return list(own)
    first = {(method, path): found for method, path, found in operations(loaded(file_of(f"{service}/SSP-001")))}
    return [way for way, found in own.items() if first.get(way) != found]


def steps(ways: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Ways that may be gone one after the other in the same place: what is removed can't be read."""
    reading = [way for way in ways if way[0] == "GET"]
    # From the inside to the outside, and first what leaves everything else where it is.
    removing = sorted([way for way in ways if way[0] == "DELETE"], key=lambda way: -way[1].count("/"))
    parts = [
        way for way in removing if way[1].endswith(("attachment", "thumbnail", "submodel-refs/{submodelIdentifier}"))
    ]
    wholes = [way for way in removing if way not in parts]
    others = [way for way in ways if way not in reading + removing]
    return [step for step in (reading, others, parts, wholes) if step]


def bounds(place: Place, url: str, *, reading: bool) -> Bounds:
    return Bounds(
        base_url=url,
        parameters=place.ids | {"handleId": place.restore()},
        of_operations=[
            ({"include-path-regex": "attachment$"}, {"idShortPath": "Fil"}),
            ({"include-path-regex": "/(invoke|operation)"}, {"idShortPath": "Inspect"}),
            ({"include-name-regex": "^POST .*idShortPath}$"}, {"idShortPath": "Smc"}),
        ],
        paths=place.paths if reading else ["IntProp"],
        examples=8 if reading else 6,
        coverage=reading,
    )


def repaired(described: Plain) -> Plain:
    """The document of a profile, with what is repaired in it."""
    components = msgspec.json.decode(msgspec.json.encode(described["components"]))
    for one in ALLOWED.repair:
        one.repair(components)
    return described | {"components": components}


def wrong(profile: str, found: Explored) -> list[str]:
    """What nothing explains, and explanations that nothing needs."""
    unexplained = [
        f"{one.operation}, {one.check}: {one.told}"
        for one in found.failures
        if TOO_LONG not in one.told and not any(fault.explains(profile, one) for fault in ALLOWED.fault)
    ]
    unneeded = [
        f"{name} is allowed for nothing: {fault.reason}"
        for fault in ALLOWED.fault
        for name in fault.operations.get(profile, ())
        if name in found.statuses
        and not any(fault.explains(profile, one) and one.operation == name for one in found.failures)
    ]
    return unexplained + unneeded


@pytest.mark.parametrize("profile", SERVED)
def test_answers_are_what_the_official_files_say(profile: str, place: Place, installation: Titan) -> None:
    url = installation.url + PLACES.get(profile.partition("/")[0], "").format(**place.ids)
    ways = asked(profile)
    found = Explored({}, [])
    for step in steps(ways):
        described = with_bodies(repaired(bundled(profile, step)), place.bodies)
        statuses, failures = explored(described, bounds(place, url, reading=step[0][0] == "GET"))
        found.statuses.update(statuses)
        found.failures.extend(failures)
    assert wrong(profile, found) == []
    assert found.statuses.keys() == {f"{method} {path}" for method, path in ways}
    # Where all was refused, little was held to anything.
    assert [name for name, statuses in found.statuses.items() if min(statuses) >= 400] == []


def test_answers_are_what_our_own_document_says(place: Place, installation: Titan, client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    read = {path: {"get": item["get"]} for path, item in described["paths"].items() if "get" in item}
    limits = bounds(place, installation.url, reading=True)._replace(examples=2, coverage=False)
    found = explored(described | {"paths": read}, limits)
    assert wrong(OURS, found) == []
    assert found.statuses.keys() == {f"GET {path}" for path in read}
