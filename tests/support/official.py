"""The OpenAPI files of the standard, which lie beside the project, and which of their profiles are served in whole."""

from collections.abc import Iterator, Mapping, Sequence
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


def bundled(profile: str, operations: Sequence[tuple[str, str]]) -> Plain:
    """The document of a profile in one piece, with these operations alone, in this order, by method and path."""
    whole, wanted = loaded(file_of(profile)), set(operations)
    paths = {
        path: {
            name: part
            for name, part in whole["paths"][path].items()
            if name == "parameters" or (name.upper(), path) in wanted
        }
        for _, path in operations
    }
    return {**whole, "paths": _inside(paths), "components": components()}


def with_bodies(document: Plain, bodies: Mapping[str, object]) -> Plain:
    """The document, taking one body alone where it took what a schema allows, and of files none that is left out.

    Args:
        document: In one piece.
        bodies: By the name of the schema, or by that of the method and the schema.
    """

    def limited(method: str, part: Plain) -> Plain:
        match part:
            case {"requestBody": {"content": {"application/json": {"schema": {"$ref": str() as reference}}}}}:
                name = reference.rpartition("/")[2]
                schema = {"enum": [bodies.get(f"{method.upper()} {name}") or bodies[name]]}
                return part | {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": True}}
            case {"requestBody": {"content": {"multipart/form-data": {"schema": dict() as schema}}}}:
                content = {"multipart/form-data": {"schema": schema | {"required": ["fileName", "file"]}}}
                return part | {"requestBody": {"content": content, "required": True}}
            case _:
                return part

    paths = {
        path: {name: limited(name, part) if isinstance(part, dict) else part for name, part in item.items()}
        for path, item in document["paths"].items()
    }
    return document | {"paths": paths}


@cache
def components() -> Plain:
    """All that the files refer to, which have none of their own."""
    parts = [loaded(OPENAPI / f"{part}/openapi.yaml")["components"] for part in _PARTS]
    return _inside({kind: {name: one for part in parts for name, one in part.get(kind, {}).items()} for kind in _KINDS})


_PARTS = ("DINSPEC16593-Schemas", "Part1-MetaModel-Schemas", "Part2-API-Schemas")
_KINDS = ("schemas", "responses", "parameters", "examples", "requestBodies", "headers")


def _inside(part: Any) -> Any:  # noqa: ANN401 - a part of a foreign document
    """The same, with references into other files made references into this one."""
    match part:
        case {"$ref": str() as reference}:
            return {**part, "$ref": "#" + reference.partition("#")[2]}
        case dict():
            return {name: _inside(one) for name, one in part.items()}
        case list():
            return [_inside(one) for one in part]
        case _:
            return part
