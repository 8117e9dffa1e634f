"""The schemas of the OpenAPI document: those of the metamodel from its classes, and the API's own around them.

Spec: IDTA-01002, "Data Types for Payload"; IDTA-01001, "Format Metadata", "Format Value", "Format Path".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, get_args

import msgspec

from titan.codec.metadata import DROPPED
from titan.metamodel.elements import SubmodelElement
from titan.metamodel.identifiables import Environment
from titan.metamodel.kinds import KINDS

Plain: TypeAlias = "str | int | float | bool | Sequence[Plain] | Mapping[str, Plain] | None"
Schema: TypeAlias = Mapping[str, Plain]

_PLACE = "#/components/schemas/"
_MODELS = [kind.model for kind in KINDS.values()]
_ELEMENTS: tuple[type, ...] = get_args(SubmodelElement)


def reference(name: str) -> Schema:
    """A schema of this document, by its name."""
    return {"$ref": _PLACE + name}


def schemas() -> dict[str, Schema]:
    """Every schema that an operation refers to, by name."""
    (element, *_), made = msgspec.json.schema_components(
        [SubmodelElement, Environment, *_MODELS], ref_template=f"{_PLACE}{{name}}"
    )
    of_metamodel = {name: _told(schema) for name, schema in made.items()}
    return dict(
        sorted(
            {
                **of_metamodel,
                "SubmodelElement": element,
                **dict(_metadata(of_metamodel)),
                **_VALUES,
                **_WRAPPERS,
                **_INVOCATIONS,
                **dict(_pages()),
            }.items()
        )
    )


def _told(schema: Schema) -> Schema:
    """A schema as other readers of JSON Schema take it: in ECMA's regular expressions, and without null for nothing."""
    return {
        name: _ecma(part) if name == "pattern" and isinstance(part, str) else _part_told(part)
        for name, part in schema.items()
        if not (name == "default" and part is None)
    }


def _part_told(part: Plain) -> Plain:
    if isinstance(part, Mapping):
        return _told(part)
    if isinstance(part, Sequence) and not isinstance(part, str):
        return [_part_told(item) for item in part]
    return part


_TOKEN = re.compile(r"(\[(?:\\.|[^\]\\])*\]|\\[^Z])|([*+?}])\+|\\Z", re.DOTALL)


def _ecma(pattern: str) -> str:
    r"""The same without possessive quantifiers, and with `$` for `\Z`."""
    return _TOKEN.sub(lambda token: token[1] or token[2] or "$", pattern)


def _metadata(models: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """The classes without what their `$metadata` leaves out, and the union of the elements among them."""
    named = {model.__name__ for model in (*_MODELS, *_ELEMENTS)}
    for name, schema in models.items():
        match schema:
            case {"properties": Mapping() as properties, "required": Sequence() as required} if name in named:
                dropped = DROPPED.get(name, ())
                yield (
                    f"{name}Metadata",
                    {
                        "title": f"{name}Metadata",
                        "type": "object",
                        "properties": {member: kept for member, kept in properties.items() if member not in dropped},
                        "required": [member for member in required if member not in dropped],
                        "additionalProperties": False,
                    },
                )
            case _:
                pass
    yield "SubmodelElementMetadata", {"anyOf": [reference(f"{model.__name__}Metadata") for model in _ELEMENTS]}


_TEXT: Schema = {"type": "string"}
_BY_NAME: Schema = {"type": "object", "additionalProperties": reference("SubmodelElementValue")}


def _object(properties: Mapping[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, **({"required": [*required]} if required else {})}


def _array(name: str) -> Schema:
    return {"type": "array", "items": reference(name)}


_VALUES: Mapping[str, Schema] = {
    "SubmodelElementValue": {
        "description": "By the type of the element: a text, number or boolean, an object or an array; by idShort "
        "where it has elements."
    },
    "SubmodelValue": {**_BY_NAME, "description": "Values of the elements, by idShort."},
    "PathItem": {**_TEXT, "description": "An idShortPath.", "examples": ["Motor.Readings[3]"]},
}

_WRAPPERS: Mapping[str, Schema] = {
    "Message": _object(
        {
            "messageType": {"enum": ["Undefined", "Info", "Warning", "Error", "Exception"]},
            "text": _TEXT,
            "code": _TEXT,
            "correlationId": _TEXT,
            "timestamp": {"type": "string", "format": "date-time"},
        },
    ),
    "Result": _object({"messages": _array("Message")}),
    "ServiceDescription": _object({"profiles": {"type": "array", "items": _TEXT, "minItems": 1}}, "profiles"),
    "PagingMetadata": _object({"cursor": {**_TEXT, "description": "Where the next page begins; absent on the last."}}),
    "Upload": _object({"fileName": _TEXT, "file": {"type": "string", "contentMediaType": "application/octet-stream"}}),
}

_STATE: Schema = {"enum": ["Initiated", "Running", "Completed", "Canceled", "Failed", "Timeout"]}
_ARGUMENTS: Schema = {"type": "array", "items": reference("OperationVariable")}
_PROGRESS: Mapping[str, Schema] = {
    "messages": _array("Message"),
    "executionState": _STATE,
    "success": {"type": "boolean"},
}


def _request(arguments: Schema) -> Schema:
    return _object(
        {
            "inputArguments": arguments,
            "inoutputArguments": arguments,
            "clientTimeoutDuration": {**_TEXT, "description": "An xs:duration.", "examples": ["PT60S"]},
        }
    )


def _outcome(arguments: Schema) -> Schema:
    return _object({**_PROGRESS, "outputArguments": arguments, "inoutputArguments": arguments})


_INVOCATIONS: Mapping[str, Schema] = {
    "OperationRequest": _request(_ARGUMENTS),
    "OperationRequestAsync": _request(_ARGUMENTS),
    "OperationRequestValueOnly": _request(_BY_NAME),
    "OperationRequestAsyncValueOnly": _request(_BY_NAME),
    "BaseOperationResult": _object(_PROGRESS),
    "OperationResult": _outcome(_ARGUMENTS),
    "OperationResultValueOnly": _outcome(_BY_NAME),
}


def _pages() -> Iterator[tuple[str, Schema]]:
    for name, items in {
        "AssetAdministrationShells": _array("AssetAdministrationShell"),
        "Submodels": _array("Submodel"),
        "ConceptDescriptions": _array("ConceptDescription"),
        "SubmodelsMetadata": _array("SubmodelMetadata"),
        "SubmodelsValue": _array("SubmodelValue"),
        "References": _array("Reference"),
        "PathItems": {"type": "array", "items": {"anyOf": [reference("PathItem"), _array("PathItem")]}},
        "SubmodelElements": _array("SubmodelElement"),
        "SubmodelElementsMetadata": _array("SubmodelElementMetadata"),
        "SubmodelElementsValue": reference("SubmodelValue"),
    }.items():
        yield (
            f"Get{name}Result",
            _object({"paging_metadata": reference("PagingMetadata"), "result": items}, "paging_metadata", "result"),
        )
