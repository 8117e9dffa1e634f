"""The OpenAPI files of the standard, which lie beside the project, and which of their profiles are served in whole."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from support.documents import MATERIAL
from titan.http.operations.row import CONCEPTS, SHELL_SERVICE, SHELLS, SUBMODEL_SERVICE, SUBMODELS, profiles

Plain = dict[str, Any]

SPEC = MATERIAL / "spec"
OPENAPI = SPEC / "openapi-3.1.2"

SERVED = (
    *profiles(SHELLS, 1, 2),
    *profiles(SUBMODELS, 1, 2, 3, 4),
    *profiles(CONCEPTS, 1),
    *profiles(SHELL_SERVICE, 1, 2),
    *profiles(SUBMODEL_SERVICE, 1, 2, 3),
)
"""The profiles of which everything is served."""

PLACES = {SHELL_SERVICE: "/shells/{aasIdentifier}", SUBMODEL_SERVICE: "/submodels/{submodelIdentifier}"}
"""Where the services of a single thing are mounted."""


def file_of(profile: str) -> Path:
    service, _, number = profile.partition("/")
    return OPENAPI / service / f"V3.1_{number}.yaml"


@cache
def loaded(path: Path) -> Plain:
    with path.open() as file:
        return yaml.load(file, yaml.CSafeLoader)


def operations(described: Plain, place: str = "") -> Iterator[tuple[str, str, Plain]]:
    """Method, path and operation, with the parameters that all of a path have."""
    for path, item in described["paths"].items():
        for method, operation in item.items():
            if method in {"get", "put", "post", "patch", "delete"}:
                shared = item.get("parameters", [])
                yield (
                    method.upper(),
                    place + path,
                    operation | {"parameters": [*shared, *operation.get("parameters", [])]},
                )


def looked_up(found: Plain, whole: Plain) -> Plain:
    """What stands at the other end of a `$ref`, or the thing itself."""
    if "$ref" not in found:
        return found
    file, _, place = found["$ref"].partition("#/")
    there = loaded(OPENAPI / file.removeprefix("../")) if file else whole
    for part in place.split("/"):
        there = there[part]
    return there
