"""The operations on whole collections, and on concept descriptions, of which nothing is mounted twice.

Spec: IDTA-01002 V3.1, the profiles of the three repositories.
"""

from titan.http.operations.row import (
    CONCEPTS,
    PROFILES,
    SHELL_SERVICE,
    SHELLS,
    SUBMODEL_SERVICE,
    SUBMODELS,
    Operation,
    View,
    profiles,
)
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL, Kind

_SINGLE = profiles(SHELL_SERVICE, 1, 2) + profiles(SUBMODEL_SERVICE, 1, 2, 3)


def _rows(
    kind: Kind, service: str, *rows: tuple[str, str, str, str, View, tuple[int, ...], tuple[int, ...]]
) -> tuple[Operation, ...]:
    return tuple(
        Operation(
            method=method,
            path=f"/{kind.collection}{path}",
            operation_id=operation_id,
            profiles=profiles(service, *numbers),
            side="query" if method == "GET" else "command",
            success=success,
            handler=handler,
            kind=kind.name,
            view=view,
        )
        for method, path, operation_id, handler, view, success, numbers in rows
    )


_READ = (1, 2)
_TEMPLATES_READ = (1, 2, 3, 4)
_CONCEPT = "/{cdIdentifier}"

SHELL_COLLECTION = _rows(
    SHELL,
    SHELLS,
    ("GET", "", "GetAllAssetAdministrationShells", "documents.list", "", (200,), _READ),
    ("POST", "", "PostAssetAdministrationShell", "documents.create", "", (201,), (1,)),
    ("GET", "/$reference", "GetAllAssetAdministrationShells-Reference", "documents.list", "reference", (200,), _READ),
)
SUBMODEL_COLLECTION = _rows(
    SUBMODEL,
    SUBMODELS,
    ("GET", "", "GetAllSubmodels", "documents.list", "", (200,), _TEMPLATES_READ),
    ("POST", "", "PostSubmodel", "documents.create", "", (201,), (1, 3)),
    ("GET", "/$metadata", "GetAllSubmodels-Metadata", "documents.list", "metadata", (200,), _TEMPLATES_READ),
    ("GET", "/$value", "GetAllSubmodels-ValueOnly", "documents.list", "value", (200,), _TEMPLATES_READ),
    ("GET", "/$reference", "GetAllSubmodels-Reference", "documents.list", "reference", (200,), _READ),
    ("GET", "/$path", "GetAllSubmodels-Path", "documents.list", "path", (200,), _READ),
)
CONCEPT_COLLECTION = _rows(
    CONCEPT_DESCRIPTION,
    CONCEPTS,
    ("GET", "", "GetAllConceptDescriptions", "documents.list", "", (200,), (1,)),
    ("POST", "", "PostConceptDescription", "documents.create", "", (201,), (1,)),
    ("GET", _CONCEPT, "GetConceptDescriptionById", "documents.show", "", (200,), (1,)),
    ("PUT", _CONCEPT, "PutConceptDescriptionById", "documents.put", "", (201, 204), (1,)),
    ("DELETE", _CONCEPT, "DeleteConceptDescriptionById", "documents.remove", "", (204,), (1,)),
)


def _everywhere(operation_id: str, end: str, *, having: tuple[str, ...]) -> tuple[Operation, ...]:
    """An operation that every service has: at the root for all of them together, and below what a single one serves."""
    return tuple(
        Operation(
            method="GET",
            path=place + end,
            operation_id=operation_id,
            profiles=tuple(
                profile for profile in having if (profile in _SINGLE) == bool(service) and service in profile
            ),
            side="query",
            success=(200,),
            handler=end.strip("/"),
            kind=kind,
        )
        for place, service, kind in (
            ("", "", None),
            ("/shells/{aasIdentifier}", f"{SHELL_SERVICE}/", SHELL.name),
            ("/submodels/{submodelIdentifier}", f"{SUBMODEL_SERVICE}/", SUBMODEL.name),
        )
    )


EMBEDDED = (
    *_everywhere(
        "GenerateSerializationByIds",
        "/serialization",
        having=(
            *profiles(SHELLS, 1, 2),
            *profiles(SUBMODELS, 1, 2, 3, 4),
            *profiles(CONCEPTS, 1),
            *profiles(SHELL_SERVICE, 1, 2),
            *profiles(SUBMODEL_SERVICE, 1, 2),
        ),
    ),
    *_everywhere("GetSelfDescription", "/description", having=tuple(PROFILES)),
)
"""What the standard calls embedded: no services of their own."""


def _beyond(path: str, operation_id: str, handler: str) -> Operation:
    return Operation(
        method="GET",
        path=path,
        operation_id=operation_id,
        profiles=(),
        side="query",
        success=(200,),
        handler=handler,
    )


DOCUMENTATION = (
    _beyond("/openapi.json", "GetOpenApi", "docs.openapi"),
    _beyond("/docs", "GetDocs", "docs.page"),
    *(
        _beyond(f"/docs/{name}", "GetDocsFile", "docs.file")
        for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js")
    ),
)
"""What the standard does not know: how the API is documented by the server."""
