"""The OpenAPI document of what is served, made from the table of operations and the classes of the metamodel.

The parameters are those that an operation heeds. Where the official files of several services have the same operation
with different ones, all have what most have; a test names the differences.

Spec: OpenAPI 3.1.0; IDTA-01002 V3.1, service specifications.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import groupby
from typing import Literal

import msgspec
from msgspec import Struct

from titan.http.operations import OPERATIONS
from titan.http.operations.row import Operation, View
from titan.http.schemas import Schema, reference, schemas
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL

JSON = "application/json"
BINARY = "application/octet-stream"


class Parameter(Struct, frozen=True, omit_defaults=True, rename={"place": "in"}):
    """A parameter of an operation."""

    name: str
    place: Literal["path", "query"]
    schema: Schema
    description: str = ""
    required: bool = False
    deprecated: bool = False


class Content(Struct, frozen=True, omit_defaults=True):
    """What a body looks like in one media type."""

    schema: Schema | None = None


class Body(Struct, frozen=True):
    """The body of a request."""

    content: Mapping[str, Content]
    required: bool = True


class Header(Struct, frozen=True, omit_defaults=True):
    """A header of an answer."""

    schema: Schema
    description: str = ""
    required: bool = False


class Answer(Struct, frozen=True, omit_defaults=True):
    """One answer of an operation."""

    description: str
    headers: Mapping[str, Header] = {}
    content: Mapping[str, Content] = {}


class Described(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """An operation as the document has it."""

    tags: list[str]
    operation_id: str
    responses: Mapping[str, Answer]
    parameters: Sequence[Parameter] = ()
    request_body: Body | None = None


class _Info(Struct, frozen=True):
    title: str
    version: str
    description: str


class _Server(Struct, frozen=True):
    url: str


class _Components(Struct, frozen=True):
    schemas: Mapping[str, Schema]


class Document(Struct, frozen=True):
    """The whole document."""

    openapi: str
    info: _Info
    servers: Sequence[_Server]
    paths: Mapping[str, Mapping[str, Described]]
    components: _Components


def document(server: str, operations: Iterable[Operation] = OPERATIONS) -> bytes:
    """The document in JSON, for a server that clients reach by this URL or path."""
    rows = sorted((row for row in operations if row.profiles), key=lambda row: row.path)
    paths = {
        path: {row.method.lower(): _described(row) for row in found}
        for path, found in groupby(rows, key=lambda row: row.path)
    }
    info = _Info("Titan-AAS", version("titan-aas"), "The Asset Administration Shell API, IDTA-01002 3.1.")
    return msgspec.json.encode(Document("3.1.0", info, [_Server(server)], paths, _Components(schemas())))


_SERVICE_ENDS = {"/shells/{aasIdentifier}": "_AasService", "/submodels/{submodelIdentifier}": "_SubmodelService"}


def _service_end(row: Operation) -> str:
    """What tells an operation of a single service from that of the same name in a repository.

    The standard describes each service in a document of its own; here all stand in one, in which names are unique.
    """
    if "RepositoryService" in row.profiles[0]:
        return ""
    return next((end for place, end in _SERVICE_ENDS.items() if row.path.startswith(place)), "")


def _described(row: Operation) -> Described:
    return Described(
        tags=[row.profiles[0].partition("ServiceSpecification")[0]] if "{" in row.path or row.kind else ["Server"],
        operation_id=row.operation_id + _service_end(row),
        parameters=[*_path_parameters(row), *_query_parameters(row)],
        request_body=_request_body(row),
        responses=dict(_answers(row)),
    )


def _path_parameters(row: Operation) -> Iterator[Parameter]:
    for segment in row.path.split("/"):
        if segment.startswith("{"):
            name = segment[1:-1]
            plain = name == "idShortPath"
            text = "An idShortPath, percent-encoded." if plain else "In base64url, without padding."
            pattern = {} if plain else {"pattern": "^[A-Za-z0-9_-]+$"}
            yield Parameter(name, "path", {"type": "string", "minLength": 1, **pattern}, text, required=True)


_ENCODED: Schema = {"type": "array", "items": {"type": "string"}}
_LEVEL = Parameter("level", "query", {"enum": ["deep", "core"], "default": "deep"}, "How deep to go.")
_PASSED_OVER = Parameter("level", "query", _LEVEL.schema, "Passed over.", deprecated=True)
_EXTENT = Parameter(
    "extent",
    "query",
    {"enum": ["withoutBlobValue", "withBlobValue"], "default": "withoutBlobValue"},
    "Whether blobs come with their values.",
)
_PAGE = (
    Parameter("limit", "query", {"type": "integer", "minimum": 1}, "How many at most."),
    Parameter("cursor", "query", {"type": "string"}, "Where the page begins, as the one before said."),
)
_ID_SHORT = Parameter("idShort", "query", {"type": "string"}, "With this idShort.")
_SEMANTIC_ID = Parameter("semanticId", "query", {"type": "string"}, "A Reference as JSON, in base64url.")
_FILTERS: Mapping[str | None, Sequence[Parameter]] = {
    SHELL.name: (Parameter("assetIds", "query", _ENCODED, "A SpecificAssetId as JSON, in base64url."), _ID_SHORT),
    SUBMODEL.name: (_SEMANTIC_ID, _ID_SHORT),
    CONCEPT_DESCRIPTION.name: (
        _ID_SHORT,
        Parameter("isCaseOf", "query", {"type": "string"}, _SEMANTIC_ID.description),
        Parameter("dataSpecificationRef", "query", {"type": "string"}, _SEMANTIC_ID.description),
    ),
}
_SERIALIZED = (
    Parameter("aasIds", "query", _ENCODED, "Identifiers of shells, in base64url."),
    Parameter("submodelIds", "query", _ENCODED, "Identifiers of submodels, in base64url."),
    Parameter("includeConceptDescriptions", "query", {"type": "boolean", "default": True}),
)
_MODIFIERS: Mapping[View, Sequence[Parameter]] = {
    "": (_LEVEL, _EXTENT),
    "value": (_LEVEL, _EXTENT),
    "path": (_LEVEL,),
    "reference": (),
    "metadata": (),
}


def _query_parameters(row: Operation) -> Iterator[Parameter]:
    if row.handler == "serialization":
        yield from _SERIALIZED
    if row.handler == "documents.list":
        yield from _FILTERS[row.kind]
    if row.handler.endswith(".list"):
        yield from _PAGE
    of_a_submodel = row.kind == SUBMODEL.name
    if of_a_submodel and row.handler in {"documents.list", "documents.show", "elements.list", "elements.show"}:
        yield from _MODIFIERS[row.view]
        if row.view == "reference" and row.handler.endswith(".list"):
            yield _PASSED_OVER
    if row.method == "PATCH" and row.view != "metadata":
        yield _PASSED_OVER


_FORMS: Mapping[View, str] = {"": "", "metadata": "Metadata", "value": "Value"}
_SENT = {
    "asset.put": "AssetInformation",
    "submodel_refs.create": "Reference",
    "submodels.put": "Submodel",
    "elements.create": "SubmodelElement",
    "elements.put": "SubmodelElement",
}


def _request_body(row: Operation) -> Body | None:
    if row.handler in {"attachment.put", "thumbnail.put"}:
        return Body({"multipart/form-data": Content(reference("Upload"))})
    name = _sent(row)
    return Body({JSON: Content(reference(name))}) if name else None


def _sent(row: Operation) -> str:
    match row.handler:
        case "documents.create" | "documents.put":
            return _model(row)
        case "documents.patch":
            return _model(row) + _FORMS[row.view]
        case "elements.patch":
            return f"SubmodelElement{_FORMS[row.view]}"
        case "operations.invoke":
            return f"OperationRequest{_only(row)}"
        case "operations.invoke_async":
            return f"OperationRequestAsync{_only(row)}"
        case handler:
            return _SENT.get(handler, "")


def _model(row: Operation) -> str:
    return KINDS[row.kind or ""].model.__name__


def _only(row: Operation) -> str:
    return "ValueOnly" if row.view == "value" else ""


_LOCATION = {"Location": Header({"type": "string"}, "Where it is.", required=True)}
_DISPOSITION = {"Content-Disposition": Header({"type": "string"}, "The name of the file.")}
_RESULT = {JSON: Content(reference("Result"))}


def _answers(row: Operation) -> Iterator[tuple[str, Answer]]:
    for status in row.success:
        match status:
            case 204:
                yield "204", Answer("Done.")
            case 201:
                yield "201", Answer("It is there now.", _LOCATION, {JSON: Content(_created(row))})
            case 202 | 302:
                yield str(status), Answer("It runs." if status == 202 else "It is over.", _LOCATION)
            case _:
                headers = _DISPOSITION if row.handler == "attachment.show" else {}
                yield str(status), Answer("Here it is." if row.method == "GET" else "Done.", headers, _shown(row))
    yield "default", Answer("It was refused, or went wrong: the messages say why.", content=_RESULT)


def _created(row: Operation) -> Schema:
    return reference("Reference" if row.handler == "submodels.put" else _sent(row))


def _shown(row: Operation) -> Mapping[str, Content]:
    if row.handler == "serialization":
        whole = Content(reference("Environment"))
        return {JSON: whole, "application/xml": whole, "application/asset-administration-shell-package+xml": Content()}
    if row.handler in {"attachment.show", "thumbnail.show"}:
        return {"*/*": Content()}
    schema = _answered(row)
    return {JSON: Content(schema)} if schema else {}


_ANSWERED = {
    "asset.show": "AssetInformation",
    "submodel_refs.list": "GetReferencesResult",
    "description": "ServiceDescription",
    "invocations.status": "BaseOperationResult",
}


def _answered(row: Operation) -> Schema | None:
    match row.handler, row.view:
        case "documents.list" | "elements.list", view:
            return reference(f"Get{_listed(row, view)}Result")
        case "documents.show" | "elements.show", "path":
            return {"type": "array", "items": reference("PathItem")}
        case "documents.show" | "elements.show", "reference":
            return reference("Reference")
        case "documents.show" | "elements.show", view:
            whole = _model(row) if row.handler == "documents.show" else "SubmodelElement"
            return reference(whole + _FORMS[view])
        case "operations.invoke" | "invocations.result", _:
            return reference(f"OperationResult{_only(row)}")
        case handler, _:
            return reference(_ANSWERED[handler]) if handler in _ANSWERED else None


def _listed(row: Operation, view: View) -> str:
    match view:
        case "reference":
            return "References"
        case "path":
            return "PathItems"
        case _:
            whole = f"{_model(row)}s" if row.handler == "documents.list" else "SubmodelElements"
            return whole + _FORMS[view]
