"""The API as a table: one row an operation of the standard that is served.

Routes, `/description`, what the gateway sends where, and the table of conformance in README are derived from it; a test
holds it against the official OpenAPI.

Spec: IDTA-01002 V3.1, service specifications and profiles. Identifiers of operations are those of the profile files.
"""

from itertools import chain
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL

Side = Literal["command", "query"]

BASE_PATHS = ("", "/api/v3", "/api/v3.0", "/api/v3.1")
"""Where every path is served; the standard recommends the major version, clients write the minor one as well."""

_SHELLS = "AssetAdministrationShellRepositoryServiceSpecification"
_SUBMODELS = "SubmodelRepositoryServiceSpecification"
_CONCEPTS = "ConceptDescriptionRepositoryServiceSpecification"
_SHELL_REGISTRY = "AssetAdministrationShellRegistryServiceSpecification"
_SUBMODEL_REGISTRY = "SubmodelRegistryServiceSpecification"
_DISCOVERY = "DiscoveryServiceSpecification"
_AASX = "AasxFileServerServiceSpecification"
_SHELL_SERVICE = "AssetAdministrationShellServiceSpecification"
_SUBMODEL_SERVICE = "SubmodelServiceSpecification"


def _profiles(service: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{service}/SSP-{number:03}" for number in numbers)


def _sizes(service: str, *sizes: int) -> dict[str, int]:
    return dict(zip(_profiles(service, *range(1, len(sizes) + 1)), sizes, strict=True))


PROFILES: dict[str, int] = {
    **_sizes(_SHELLS, 54, 25, 2),
    **_sizes(_SUBMODELS, 45, 23, 29, 15, 2),
    **_sizes(_CONCEPTS, 7, 2),
    **_sizes(_SHELL_REGISTRY, 11, 5, 6, 2, 3),
    **_sizes(_SUBMODEL_REGISTRY, 6, 3, 6, 2),
    **_sizes(_DISCOVERY, 6, 3),
    **_sizes(_AASX, 6),
    **_sizes(_SHELL_SERVICE, 50, 23),
    **_sizes(_SUBMODEL_SERVICE, 38, 18, 5),
}
"""Every profile of the standard, and how many operations it has."""


class Operation(Struct, frozen=True):
    """One operation of the standard."""

    method: str
    path: str
    """Template as the standard writes it: `/shells/{aasIdentifier}`."""
    operation_id: str
    profiles: tuple[str, ...]
    """Keys of `PROFILES`."""
    side: Side
    """Which tier serves it: command is the write tier, query the read tier."""
    success: tuple[int, ...]
    handler: str
    """What serves it; the same for operations that differ in the kind alone."""
    kind: str | None = None
    """Name of the kind of document, where it is about one."""


def _row(method: str, path: str, operation_id: str, handler: str, success: tuple[int, ...] = (200,)) -> Operation:
    """Give a row of which the rest follows from the repository that it is in."""
    kind, full, reading = _REPOSITORIES[path.split("/")[1]]
    return Operation(
        method=method,
        path=path,
        operation_id=operation_id,
        profiles=reading if method == "GET" else full,
        side="query" if method == "GET" else "command",
        success=success,
        handler=handler,
        kind=kind,
    )


_REPOSITORIES = {
    # Collection: name of the kind, profiles that write, profiles that read.
    SHELL.collection: (SHELL.name, _profiles(_SHELLS, 1), _profiles(_SHELLS, 1, 2)),
    SUBMODEL.collection: (SUBMODEL.name, _profiles(_SUBMODELS, 1, 3), _profiles(_SUBMODELS, 1, 2, 3, 4)),
    CONCEPT_DESCRIPTION.collection: (CONCEPT_DESCRIPTION.name, _profiles(_CONCEPTS, 1), _profiles(_CONCEPTS, 1)),
}

_REFERENCES_OF_SUBMODELS = _profiles(_SUBMODELS, 1, 2)
"""The profiles for templates give no references."""


def _without_templates(row: Operation) -> Operation:
    return replace(row, profiles=_REFERENCES_OF_SUBMODELS)


OPERATIONS: tuple[Operation, ...] = (
    _row("GET", "/shells", "GetAllAssetAdministrationShells", "documents.list"),
    _row("POST", "/shells", "PostAssetAdministrationShell", "documents.create", (201,)),
    _row("GET", "/shells/$reference", "GetAllAssetAdministrationShells-Reference", "documents.references"),
    _row("GET", "/shells/{aasIdentifier}", "GetAssetAdministrationShellById", "documents.show"),
    _row("PUT", "/shells/{aasIdentifier}", "PutAssetAdministrationShellById", "documents.put", (201, 204)),
    _row("DELETE", "/shells/{aasIdentifier}", "DeleteAssetAdministrationShellById", "documents.remove", (204,)),
    _row(
        "GET",
        "/shells/{aasIdentifier}/$reference",
        "GetAssetAdministrationShellById-Reference_AasRepository",
        "documents.reference",
    ),
    _row("GET", "/submodels", "GetAllSubmodels", "documents.list"),
    _row("POST", "/submodels", "PostSubmodel", "documents.create", (201,)),
    _without_templates(_row("GET", "/submodels/$reference", "GetAllSubmodels-Reference", "documents.references")),
    _row("GET", "/submodels/{submodelIdentifier}", "GetSubmodelById", "documents.show"),
    _row("PUT", "/submodels/{submodelIdentifier}", "PutSubmodelById", "documents.put", (201, 204)),
    _row("DELETE", "/submodels/{submodelIdentifier}", "DeleteSubmodelById", "documents.remove", (204,)),
    _without_templates(
        _row("GET", "/submodels/{submodelIdentifier}/$reference", "GetSubmodelById-Reference", "documents.reference")
    ),
    _row("GET", "/concept-descriptions", "GetAllConceptDescriptions", "documents.list"),
    _row("POST", "/concept-descriptions", "PostConceptDescription", "documents.create", (201,)),
    _row("GET", "/concept-descriptions/{cdIdentifier}", "GetConceptDescriptionById", "documents.show"),
    _row("PUT", "/concept-descriptions/{cdIdentifier}", "PutConceptDescriptionById", "documents.put", (201, 204)),
    _row("DELETE", "/concept-descriptions/{cdIdentifier}", "DeleteConceptDescriptionById", "documents.remove", (204,)),
    Operation(
        method="GET",
        path="/description",
        operation_id="GetSelfDescription",
        profiles=tuple(PROFILES),
        side="query",
        success=(200,),
        handler="description",
    ),
)


def served() -> dict[str, int]:
    """How many operations of each profile are served."""
    named = list(chain.from_iterable(operation.profiles for operation in OPERATIONS))
    return {profile: named.count(profile) for profile in PROFILES}


Reached = tuple[tuple[str, ...], str]
"""Methods, and a pattern of paths without a base path: `*` stands for a segment, `/**` for everything."""


def gateway_split() -> dict[Side, tuple[Reached, ...]]:
    """What the gateway sends to the tier of each side; the more specific pattern wins.

    What only reads goes by its method. Everything else is for the write tier, unknown methods included, but for the
    questions that are asked with a body.
    """
    asked = tuple(((row.method,), _starred(row.path)) for row in OPERATIONS if _is_asked_with_a_body(row))
    changing = sorted({row.method for row in OPERATIONS if row.side == "command"})
    return {
        "query": ((("GET", "HEAD", "OPTIONS"), "/**"), *asked),
        "command": ((tuple(changing), "/**"),),
    }


def _is_asked_with_a_body(row: Operation) -> bool:
    return row.side == "query" and row.method != "GET"


def _starred(path: str) -> str:
    return "/".join("*" if segment.startswith("{") else segment for segment in path.split("/"))


def conformance_table() -> str:
    """Profiles and how much of each is served, as a Markdown table for the documentation."""
    lines = ["| Profile | Served | Operations |", "|---|---|---|"]
    lines += [f"| {profile} | {count} | {PROFILES[profile]} |" for profile, count in served().items()]
    return "\n".join(lines) + "\n"
